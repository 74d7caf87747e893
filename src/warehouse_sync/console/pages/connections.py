"""Connections: their health, a test of each, and new ones."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from warehouse_sync.console.frame import ask, moment, nothing_yet, page_frame
from warehouse_sync.console.pages.fields import ConnectionForm, connection_types
from warehouse_sync.console.sessions import Session


async def show(session: Session) -> None:
    """The page ``/console/connections``."""
    with page_frame(session, "Connections"):
        with ui.row().classes("w-full items-center"):
            ui.label("Connections").classes("text-2xl")
            ui.space()
            ui.button("New connection", icon="add", on_click=lambda: _new(session)).props("no-caps")
        found = await ask(lambda: session.workspace.get("connections"))
        if found == []:
            nothing_yet("No warehouse is connected yet.", "Set up the first pipeline", "/start")
        for connection in found or ():
            _card(session, connection)


def _card(session: Session, connection: dict[str, Any]) -> None:
    with ui.card().classes("w-full"):
        with ui.row().classes("w-full items-center"):
            ui.label(connection["name"]).classes("text-lg")
            ui.badge(connection["type"])
            if not connection["is_active"]:
                ui.badge("paused", color="grey")
            health = (
                ui.badge("faulted", color="negative")
                if connection["is_faulted"]
                else ui.badge("healthy", color="positive")
            )
            ui.space()
            ui.button("Test", icon="bolt", on_click=lambda: _test(session, connection, health, told)).props(
                "no-caps outline"
            )
        told: ui.label = ui.label().classes("text-sm")
        with ui.row().classes("gap-6 text-sm"):
            for name, value in connection.items():
                if name in _HIDDEN or value is None:
                    continue
                with ui.column().classes("gap-0"):
                    ui.label(name).classes("opacity-70")
                    ui.label(str(value)).classes("break-all")
            with ui.column().classes("gap-0"):
                ui.label("changed").classes("opacity-70")
                moment(session, connection["last_modified_on"] or connection["created_on"])


_HIDDEN = frozenset(
    {
        "name",
        "type",
        "workspace_id",
        "is_active",
        "is_faulted",
        "created_on",
        "created_by",
        "last_modified_on",
        "last_modified_by",
    }
)


async def _test(session: Session, connection: dict[str, Any], health: ui.badge, told: ui.label) -> None:
    told.text = "Logging in …"
    passed = await ask(lambda: session.extension("POST", f"connections/{connection['id']}/test"))
    told.text = "" if passed is None else _passed(passed)
    health.text = "faulted" if passed is None else "healthy"
    health.props(f"color={'negative' if passed is None else 'positive'}")


def _passed(test: dict[str, Any]) -> str:
    accepted = test["logged_in_with"]
    return "Passed: " + ", ".join(test["steps_passed"]) + (f"; logged in with {accepted}" if accepted else "")


async def _new(session: Session) -> None:
    types = await ask(lambda: connection_types(session))
    if types is None:
        return
    with ui.dialog(value=True).props("persistent") as dialog, ui.card().classes("w-full max-w-xl"):
        ui.label("New connection").classes("text-xl")
        form = ConnectionForm(types)
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=dialog.close).props("flat no-caps")

            async def create() -> None:
                body = form.body(session.workspace_id)
                if await ask(lambda: session.workspace.create("connections", body)) is not None:
                    dialog.close()
                    ui.navigate.reload()

            ui.button("Test and create", on_click=create).props("no-caps")
