"""The audit log: who did what, and who was refused."""

from __future__ import annotations

from nicegui import ui

from warehouse_sync.console.frame import ask, local_time, nothing_yet, page_frame
from warehouse_sync.console.sessions import Session

_SHOWN = 500
_COLUMNS = ("at", "client_id", "action", "object_kind", "object_id", "outcome", "details")


async def show(session: Session) -> None:
    """The page ``/console/audit``."""
    with page_frame(session, "Audit"):
        ui.label("Audit").classes("text-2xl")
        found = await ask(lambda: session.extension("GET", "audit", query={"pageSize": _SHOWN})["items"])
        if found == []:
            nothing_yet("Nothing was done in this workspace yet.")
        if not found:
            return
        names = [
            {"name": n, "label": n.replace("_", " "), "field": n, "align": "left", "sortable": True} for n in _COLUMNS
        ]
        rows = [
            {
                **entry,
                "at": local_time(session, entry["at"])[0],
                "details": ", ".join(f"{k}: {v}" for k, v in entry["details"].items()),
            }
            for entry in found
        ]
        wanted = ui.input("Filter").classes("w-72")
        ui.table(columns=names, rows=rows, row_key="id", pagination=25).classes("w-full").bind_filter_from(
            wanted, "value"
        )
