"""Credentials: who may do what; made, switched off and given new secrets here."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from warehouse_sync.console.frame import ask, local_time, page_frame
from warehouse_sync.console.sessions import Session

_PATH = "/platform/extensions/credentials"


async def show(session: Session) -> None:
    """The page ``/console/credentials``."""
    with page_frame(session, "Credentials"):
        with ui.row().classes("w-full items-center"):
            ui.label("Credentials").classes("text-2xl")
            ui.space()
            ui.button("New credential", icon="add", on_click=lambda: _new(session)).props("no-caps")
        found = await ask(lambda: session.client.call("GET", _PATH))
        for credential in _items(found):
            _card(session, credential)


def _items(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - parsed JSON, or None
    if isinstance(found, dict):
        return list(found.get("items", []))
    return list(found or ())


def _card(session: Session, credential: dict[str, Any]) -> None:
    client_id = credential["client_id"]

    async def do(verb: str) -> None:
        answer = await ask(lambda: session.client.call("POST", f"{_PATH}/{client_id}/{verb}"))
        if answer is None:
            return
        if verb == "rotate":
            _show_secret(answer)
        else:
            ui.navigate.reload()

    with ui.card().classes("w-full"), ui.row().classes("w-full items-center"):
        ui.label(credential["name"]).classes("text-lg")
        ui.badge(credential["permission"])
        if not credential["is_active"]:
            ui.badge("off", color="grey")
        ui.label(client_id).classes("text-sm opacity-70")
        ui.space()
        ui.label(local_time(session, credential["created_on"])[0]).classes("text-sm")
        ui.button("New secret", on_click=lambda: do("rotate")).props("no-caps flat")
        verb = "deactivate" if credential["is_active"] else "activate"
        ui.button("Switch off" if credential["is_active"] else "Switch on", on_click=lambda: do(verb)).props(
            "no-caps flat"
        )


async def _new(session: Session) -> None:
    with ui.dialog(value=True) as dialog, ui.card().classes("w-96"):
        ui.label("New credential").classes("text-xl")
        name = ui.input("Name").classes("w-full")
        kinds = {
            "admin": "admin: everything in this workspace",
            "user": "user: reads, triggers",
            "profile": "profile: reads profiles",
        }
        permission = ui.select(kinds, value="user", label="Permission").classes("w-full")

        async def create() -> None:
            body = {"name": name.value, "permission": permission.value, "workspaces": [session.workspace_id]}
            made = await ask(lambda: session.client.call("POST", _PATH, body=body))
            if made is not None:
                dialog.close()
                _show_secret(made)

        ui.button("Create", on_click=create).props("no-caps")


def _show_secret(issued: dict[str, Any]) -> None:
    with ui.dialog(value=True).props("persistent"), ui.card():
        ui.label("Shown now and never again").classes("text-xl")
        ui.label(f"client id: {issued['client_id']}").classes("font-mono break-all")
        ui.label(f"client secret: {issued['client_secret']}").classes("font-mono break-all")
        ui.button("I have kept it", on_click=ui.navigate.reload).props("no-caps")
