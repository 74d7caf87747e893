"""Data models: the queries, and what each column becomes on a profile."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from warehouse_sync.console.frame import ask, moment, nothing_yet, page_frame
from warehouse_sync.console.pages.fields import DataModelForm, show_preview
from warehouse_sync.console.sessions import Session


async def show(session: Session) -> None:
    """The page ``/console/data-models``."""
    with page_frame(session, "Data models"):
        with ui.row().classes("w-full items-center"):
            ui.label("Data models").classes("text-2xl")
            ui.space()
            ui.button("New data model", icon="add", on_click=lambda: _edit(session, None)).props("no-caps")
        found = await ask(lambda: session.workspace.get("data-models"))
        if found == []:
            nothing_yet("There is no data model yet.", "Set up the first pipeline", "/start")
        for model in found or ():
            _card(session, model)


def _card(session: Session, model: dict[str, Any]) -> None:
    with ui.card().classes("w-full"):
        with ui.row().classes("w-full items-center"):
            ui.label(model["name"]).classes("text-lg")
            ui.label(f"by {model['load_timestamp_field_name']} ({model['load_timestamp_field_type']})").classes(
                "text-sm opacity-70"
            )
            ui.space()
            moment(session, model["last_modified_on"] or model["created_on"])
            ui.button("Edit and preview", icon="edit", on_click=lambda: _edit(session, model)).props("no-caps outline")
        ui.code(model["sql_query"], language="sql").classes("w-full")


async def _edit(session: Session, model: dict[str, Any] | None) -> None:
    connections = await ask(lambda: [found["id"] for found in session.workspace.get("connections")])
    if connections is None:
        return
    with ui.dialog(value=True).props("maximized") as dialog, ui.card().classes("w-full"):
        ui.label("New data model" if model is None else model["name"]).classes("text-xl")

        async def preview(body: dict[str, Any]) -> None:
            found = await ask(lambda: session.extension("POST", "data-models/preview", body=body))
            shown.clear()
            if found is not None:
                with shown:
                    show_preview(found)

        form = DataModelForm(model, connections, preview)

        async def save() -> None:
            body, workspace = form.body(session.workspace_id), session.workspace
            verb = workspace.create if model is None else workspace.replace
            stored = await ask(lambda: verb("data-models", body))
            if stored is not None:
                for warning in stored["warnings"]:
                    ui.notify(warning["message"], type="warning", multi_line=True, timeout=10_000)
                dialog.close()
                ui.navigate.reload()

        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
            ui.button("Save", on_click=save).props("no-caps")
        shown = ui.column().classes("w-full")
