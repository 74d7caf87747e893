"""Profiles: one person by any identity; what is known, where each value came from, how it changed, and why these rows met here."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from warehouse_sync.console.frame import ask, local_time, page_frame
from warehouse_sync.console.sessions import Session
from warehouse_sync.domain.identity import IdentityType

_FIELDS: Final = "user_identities,device_identities,user_attributes"
_FEWEST_POINTS: Final = 2


async def show(session: Session) -> None:
    """The page ``/console/profiles``."""
    with page_frame(session, "Profiles"):
        ui.label("Profiles").classes("text-2xl")
        with ui.row().classes("w-full items-center"):
            kind = ui.select(["mpid", *map(str, IdentityType)], value="customer_id", label="Identity")
            value = ui.input("Value").classes("w-72")
            environment = ui.select(["development", "production"], value="development", label="Environment")
            search = ui.button("Search", icon="search").props("no-caps")
        found = ui.column().classes("w-full gap-4")

        async def look() -> None:
            found.clear()
            profile = await ask(lambda: _find(session, kind.value, value.value.strip(), environment.value))
            if profile is not None:
                with found:
                    await _show_profile(session, profile)

        search.on_click(look)
        value.on("keydown.enter", look)


def _find(session: Session, kind: str, value: str, environment: str) -> dict[str, Any]:
    query = {"fields": _FIELDS, "typed": "true", "origins": "true"}
    if kind == "mpid":
        found: dict[str, Any] = session.client.call("GET", f"{_path(session)}/{value}", query=query)
        return found
    body = {"environment_type": environment, "identity": {"type": kind, "value": value}}
    resolved: dict[str, Any] = session.client.call("POST", _path(session, "resolve/"), body=body, query=query)
    return resolved


def _path(session: Session, verb: str = "") -> str:
    workspace = next(found for found in session.workspaces if found["id"] == session.workspace_id)
    return f"/userprofile/v1/{verb}{workspace['org_id']}/{workspace['account_id']}/{workspace['id']}"


async def _show_profile(session: Session, profile: dict[str, Any]) -> None:
    with ui.card().classes("w-full"):
        ui.label(f"MPID {profile['mpid']}").classes("text-lg")
        with ui.row().classes("gap-2"):
            for identity in (*profile["user_identities"], *profile["device_identities"]):
                ui.chip(f"{identity['type']}: {identity['value']}").props("outline")
    _attributes(session, profile)
    mpid = profile["mpid"]
    history = await ask(lambda: session.extension("GET", f"profiles/{mpid}/history", query={"pageSize": 1000})["items"])
    if history:
        _history(session, history)
    explained = await ask(lambda: session.extension("GET", f"profiles/{mpid}/explain"))
    if explained:
        _explanation(session, explained)


def _attributes(session: Session, profile: dict[str, Any]) -> None:
    origins = profile.get("attribute_origins") or {}
    columns = [
        {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
        for name, label in (
            ("name", "Attribute"),
            ("value", "Value"),
            ("model", "Data model"),
            ("run", "Run"),
            ("stamp", "Row's load timestamp"),
        )
    ]
    rows = []
    for name, value in profile["user_attributes"].items():
        origin = origins.get(name, {})
        rows.append(
            {
                "name": name,
                "value": str(value),
                "model": origin.get("data_model_id"),
                "run": origin.get("pipeline_run_id"),
                "stamp": local_time(session, origin.get("load_timestamp"))[0],
            }
        )
    ui.table(columns=columns, rows=rows, row_key="name", title="Attributes", pagination=25).classes("w-full")


def _history(session: Session, items: list[dict[str, Any]]) -> None:
    """Numbers as a chart over time, and every change as a table, the latest first."""
    with ui.expansion("History", value=True).classes("w-full"):
        series = [
            {"name": name, "type": "line", "step": "end", "data": points}
            for name, points in _numbers(items).items()
            if len(points) >= _FEWEST_POINTS
        ]
        if series:
            chart = {
                "tooltip": {"trigger": "axis"},
                "legend": {},
                "xAxis": {"type": "time"},
                "yAxis": {"type": "value"},
            }
            ui.echart({**chart, "series": series, "aria": {"enabled": True}}).classes("w-full h-64")
        rows = [
            {
                "Attribute": item["attribute"],
                "Value": _shown(item["value"]),
                "Before": _shown(item["previous_value"]) if item["is_previous_known"] else "not known any more",
                "From": _row_text(session, item["source"]),
                "Changed by run": str(item["changed_by_run_id"]),
                "Changed": local_time(session, item["changed_on"])[0],
            }
            for item in items
        ]
        _table(rows)


def _numbers(items: list[dict[str, Any]]) -> dict[str, list[tuple[str, float]]]:
    """The values of each attribute that is a number, by the load timestamps of their rows, oldest first."""
    found: dict[str, list[tuple[str, float]]] = {}
    for item in items:
        value, source = item["value"], item["source"]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and source and source["load_timestamp"]:
            found.setdefault(item["attribute"], []).append((source["load_timestamp"], value))
    return {name: sorted(points) for name, points in found.items()}


def _explanation(session: Session, explained: dict[str, Any]) -> None:
    with ui.expansion("Why these identities are one person", value=True).classes("w-full"):
        ui.label(f"Made by {_row_text(session, explained['created_by'])}.")
        for title, part in (
            ("Identities, and the rows that attached them", "identities"),
            ("Identities that went to others", "lost_identities"),
            ("Kept apart by a guard", "kept_apart"),
            ("What data models contribute", "contributions"),
        ):
            if explained[part]:
                ui.label(title).classes("text-lg q-mt-md")
                _table([{_title(n): _explained(session, value) for n, value in row.items()} for row in explained[part]])


def _explained(session: Session, value: object) -> str:
    if isinstance(value, dict):
        return _row_text(session, value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "—"
    return _shown(value)


def _row_text(session: Session, row: dict[str, Any] | None) -> str:
    """Which row of which run, and its load timestamp."""
    if row is None:
        return "—"
    number = "" if row["row"] is None else f"row {row['row']} of "
    stamp = local_time(session, row["load_timestamp"])[0]
    return f"{number}run {row['pipeline_run_id']}{f', loaded {stamp}' if stamp else ''}"


def _table(rows: list[dict[str, str]]) -> None:
    columns = [{"name": name, "label": name, "field": name, "align": "left", "sortable": True} for name in rows[0]]
    ui.table(columns=columns, rows=rows, pagination=25).classes("w-full").props("dense wrap-cells")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: object) -> str:
    if value is None:
        return "—"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
