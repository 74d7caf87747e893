"""Forms made from the API's own document, so that a field exists here as soon as it exists there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nicegui import ui

from warehouse_sync.console.sessions import Session
from warehouse_sync.domain.secret import MASK

_ELSEWHERE: Final = frozenset({"id", "name", "workspace_id", "type", "is_active"})


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of a body, as the API's document describes it.

    Attributes:
        name, hint: what it is called and means.
        required: whether the API refuses a body without it.
        secret: whether what is typed must not be seen.
    """

    name: str
    hint: str
    required: bool
    secret: bool


def connection_types(session: Session) -> dict[str, list[FieldSpec]]:
    """The fields of each type of connection, by the type's name; asks the API for its document."""
    schemas = session.client.call("GET", "/openapi.json")["components"]["schemas"]
    found = {}
    for name, schema in schemas.items():
        kind = schema.get("properties", {}).get("type", {}).get("const")
        if name.startswith("New") and name.endswith("Connection") and kind:
            found[kind] = [
                _spec(field, described, schema.get("required", []))
                for field, described in schema["properties"].items()
                if field not in _ELSEWHERE
            ]
    return found


def _spec(name: str, described: dict[str, Any], required: list[str]) -> FieldSpec:
    hint = described.get("description", "")
    return FieldSpec(name, hint.split(" Required at creation", maxsplit=1)[0], name in required, MASK in hint)


class ConnectionForm:
    """Inputs for a new connection."""

    def __init__(self, types: dict[str, list[FieldSpec]]) -> None:
        self._types = types
        self._inputs: dict[str, ui.input] = {}
        self._kind = ui.select(sorted(types), value="snowflake", label="Warehouse", on_change=self._draw).classes(
            "w-full"
        )
        self._id = (
            ui.input("Id", placeholder="crm-connection").props("hint='Letters, digits, _ and -'").classes("w-full")
        )
        self._fields = ui.column().classes("w-full gap-2")
        self._draw()

    def _draw(self) -> None:
        self._fields.clear()
        self._inputs.clear()
        specs = self._types[self._kind.value]
        with self._fields:
            for spec in specs:
                if spec.required or spec.name == "password":
                    self._input(spec)
            with ui.expansion("More fields").classes("w-full"):
                for spec in specs:
                    if spec.name not in self._inputs:
                        self._input(spec)

    def _input(self, spec: FieldSpec) -> None:
        label = f"{spec.name}{' *' if spec.required else ''}"
        field = ui.input(label, password=spec.secret, password_toggle_button=spec.secret).classes("w-full")
        if spec.hint:
            field.tooltip(spec.hint)
        self._inputs[spec.name] = field

    def body(self, workspace_id: int) -> dict[str, Any]:
        """What was typed, as the API takes it."""
        typed = {name: field.value for name, field in self._inputs.items() if field.value}
        identity = {"id": self._id.value, "name": self._id.value, "workspace_id": workspace_id}
        return {**identity, "type": self._kind.value, **typed}


class DataModelForm:
    """A query with highlighting, its load timestamp, and what its columns become.

    Args:
        stored: the data model to change; None for a new one.
        preview: told to show what the query gives; called with the body of a preview.
    """

    def __init__(
        self, stored: dict[str, Any] | None, connections: list[str], preview: Callable[[dict[str, Any]], Any]
    ) -> None:
        known = stored or {}
        self._stored = stored
        self._preview = preview
        self._id = ui.input("Id", value=known.get("id", ""), placeholder="propensity-model").classes("w-full")
        self._id.enabled = stored is None
        self._query = ui.codemirror(
            known.get("sql_query", _EXAMPLE), language="SQL", theme="vscodeDark", line_wrapping=True
        )
        self._query.classes("w-full h-56").props('aria-label="SQL query"')
        with ui.row().classes("w-full no-wrap"):
            self._stamp = ui.input("Load timestamp column", value=known.get("load_timestamp_field_name", "UPDATED_AT"))
            kinds = ["timestamp_ntz", "timestamp_ltz", "timestamp_tz", "timestamp", "datetime", "date"]
            kinds += ["timestamp_unixtime_ms", "timestamp_unixtime_s"]
            self._kind = ui.select(kinds, value=known.get("load_timestamp_field_type", kinds[0]), label="Its type")
            self._zone = ui.input(
                "Its time zone", value=known.get("load_timestamp_field_time_zone") or "", placeholder="UTC"
            )
            self._connection = ui.select(connections, value=connections[0] if connections else None, label="Try it on")
            ui.button("Preview", icon="visibility", on_click=self._show).props("no-caps outline").classes("self-center")

    async def _show(self) -> None:
        body = {**self._query_fields(), "connection_id": self._connection.value, "rows": 10}
        await self._preview(body)

    def _query_fields(self) -> dict[str, Any]:
        return {
            "sql_query": self._query.value,
            "load_timestamp_field_name": self._stamp.value,
            "load_timestamp_field_type": self._kind.value,
            "load_timestamp_field_time_zone": self._zone.value or None,
        }

    def body(self, workspace_id: int) -> dict[str, Any]:
        """What was typed, as the API takes it."""
        kept = (
            {}
            if self._stored is None
            else {"load_timestamp_field_time_offset": self._stored["load_timestamp_field_time_offset"]}
        )
        name = self._id.value if self._stored is None else self._stored["name"]
        identity = {"id": self._id.value, "name": name, "workspace_id": workspace_id, "type": "sql"}
        return {**identity, **kept, **self._query_fields()}


_EXAMPLE: Final = """SELECT c.CUSTOMER_ID, c.EMAIL, c.PROPENSITY AS "propensity_to_buy", c.UPDATED_AT
FROM SHOP.PUBLIC.CUSTOMERS AS c"""


def show_preview(found: dict[str, Any]) -> None:
    """What a query gives: each column's kind and name, what is wrong, and the first rows."""
    for problem in found["errors"]:
        ui.label(problem["message"]).classes("text-negative")
    for warning in found["warnings"]:
        ui.label(warning["message"]).classes("text-warning")
    columns = [
        {"name": name, "label": label, "field": name, "align": "left"}
        for name, label in (
            ("name", "Column"),
            ("kind", "Kind"),
            ("role", "Becomes"),
            ("to", "Name"),
            ("finds", "Finds profiles"),
        )
    ]
    rows = [
        {
            "name": column["name"],
            "kind": column["kind"],
            "role": column["role"].replace("_", " "),
            "to": column["identity_type"] or column["attribute_name"] or "",
            "finds": "yes" if column["finds_profiles"] else "",
        }
        for column in found["columns"]
    ]
    ui.table(columns=columns, rows=rows).classes("w-full").props("dense")
    if found["rows"]:
        names = [column["name"] for column in found["columns"]]
        shown = [
            {"name": f"c{place}", "label": name, "field": f"c{place}", "align": "left"}
            for place, name in enumerate(names)
        ]
        cells = [{f"c{place}": _text(row[name]) for place, name in enumerate(names)} for row in found["rows"]]
        ui.table(columns=shown, rows=cells).classes("w-full").props("dense")


def _text(value: object) -> str:
    return "NULL" if value is None else str(value)
