"""What an export says of attributes and identities: SQL of the values, and how Arrow and JSON hold them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.identity import TYPE_OF_CODE

INSTANT: Final = pa.timestamp("us", "UTC")
IDENTITY: Final = pa.struct([("type", pa.string()), ("value", pa.string())])

_ARROW_TYPES: Final = {
    ColumnKind.INTEGER: pa.int64(),
    ColumnKind.FLOAT: pa.float64(),
    ColumnKind.BOOLEAN: pa.bool_(),
    ColumnKind.DATE: pa.date32(),
    ColumnKind.TIMESTAMP: pa.timestamp("us"),
    ColumnKind.INSTANT: INSTANT,
    ColumnKind.TIME: pa.time64("us"),
}
"""All other kinds are texts, and decimals of the width that they are stored in."""

_JSON: Final = {
    ColumnKind.INTEGER: "{0}::VARCHAR",
    ColumnKind.BOOLEAN: "{0}::VARCHAR",
    ColumnKind.FLOAT: "CASE WHEN isfinite({0}) THEN {0}::VARCHAR ELSE to_json({0}::VARCHAR)::VARCHAR END",
    ColumnKind.DECIMAL: "{0}::VARCHAR",
    ColumnKind.TIMESTAMP: """'"' || replace({0}::VARCHAR, ' ', 'T') || '"'""",
    ColumnKind.INSTANT: """'"' || replace({0}::VARCHAR, ' ', 'T') || 'Z"'""",
    ColumnKind.LIST: "{0}",
    ColumnKind.JSON: "{0}",
}
"""SQL of a value as JSON; all other kinds are JSON strings."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A column of a data model that holds an attribute: ``d_MODEL.a_NUMBER``."""

    model: int
    number: int
    kind: ColumnKind
    sql_type: str

    @property
    def value(self) -> str:
        return f"d_{self.model}.a_{self.number}"


@dataclass(frozen=True, slots=True)
class ExportedAttribute:
    """An attribute by its name, and where data models hold it. Relations ``d_MODEL`` also have ``run`` and ``ts``.

    An attribute that data models hold in different types, or that was retyped, is exported as text.
    """

    name: str
    stored: tuple[_Stored, ...]

    @property
    def arrow_type(self) -> pa.DataType:
        if not self._is_of_one_type:
            return pa.string()
        [first, *_] = self.stored
        if first.kind is ColumnKind.DECIMAL and first.sql_type.startswith("DECIMAL"):
            precision, scale = first.sql_type.removeprefix("DECIMAL(").removesuffix(")").split(",")
            return pa.decimal128(int(precision), int(scale))
        return _ARROW_TYPES.get(first.kind, pa.string())

    @property
    def value(self) -> str:
        """SQL of the newest value; NULL for none."""
        return self._of_newest(lambda column: column.value if self._is_of_one_type else f"{column.value}::VARCHAR")

    @property
    def json(self) -> str:
        """SQL of the newest value as JSON; NULL for none."""
        return self._of_newest(self._json_of)

    def origin(self, data_model_ids: Mapping[int, str]) -> tuple[str, str, str]:
        """SQL of the data model's published id, the run and the load timestamp of the newest value; all NULL for none."""

        def id_of(column: _Stored) -> str:
            found = data_model_ids.get(column.model)
            return "NULL::VARCHAR" if found is None else "'" + found.replace("'", "''") + "'"

        return (
            self._of_newest(id_of),
            self._of_newest(lambda column: f"d_{column.model}.run"),
            self._of_newest(lambda column: f"d_{column.model}.ts"),
        )

    @property
    def is_there(self) -> str:
        """SQL of whether there is a value."""
        return " OR ".join(f"{column.value} IS NOT NULL" for column in self.stored)

    @property
    def _is_of_one_type(self) -> bool:
        return len({(column.kind, column.sql_type) for column in self.stored}) == 1

    def _json_of(self, column: _Stored) -> str:
        if not self._is_of_one_type:
            return f"to_json({column.value}::VARCHAR)::VARCHAR"
        return _JSON.get(column.kind, "to_json({0}::VARCHAR)::VARCHAR").format(column.value)

    def _of_newest(self, sql: Callable[[_Stored], str]) -> str:
        """The newest load timestamp wins, then the latest run, as in a look-up."""
        if len(self.stored) == 1:
            [only] = self.stored
            return f"CASE WHEN {only.value} IS NOT NULL THEN {sql(only)} END"
        rivals = ", ".join(
            f"CASE WHEN {column.value} IS NOT NULL THEN {{'ts': d_{column.model}.ts, 'run': d_{column.model}.run, 'place': {place}}} END"
            for place, column in enumerate(self.stored)
        )
        cases = " ".join(f"WHEN {place} THEN {sql(column)}" for place, column in enumerate(self.stored))
        return f"CASE list_max([{rivals}]).place {cases} END"


def exported_attributes(connection: duckdb.DuckDBPyConnection) -> list[ExportedAttribute]:
    """The attributes that a store knows, by name."""
    found: dict[str, list[_Stored]] = defaultdict(list)
    named = "SELECT name, data_model, number, kind, sql_type FROM attributes ORDER BY name, data_model, number"
    for name, model, number, kind, sql_type in connection.execute(named).fetchall():
        found[name].append(_Stored(model, number, ColumnKind(kind), sql_type))
    return [ExportedAttribute(name, tuple(stored)) for name, stored in found.items()]


def identities_sql(inside: str, codes: Sequence[int]) -> str:
    """SQL of the identities of profiles: ``i_CODE`` the value that each type shows, ``more`` the list of all others.

    Args:
        inside: SQL of which profiles.
        codes: the types that there are.
    """
    shown = "".join(f", max(value) FILTER (type = {code} AND place = 1) AS i_{code}" for code in codes)
    names = " ".join(f"WHEN {code} THEN '{TYPE_OF_CODE[code]}'" for code in codes) or "WHEN 0 THEN ''"
    return f"""SELECT profile{shown},
                      list({{'type': CASE type {names} END, 'value': value}} ORDER BY type, place) FILTER (place > 1) AS more
               FROM (SELECT profile, type, value, row_number() OVER (PARTITION BY profile, type ORDER BY seq DESC) AS place
                     FROM identities WHERE {inside}) GROUP BY profile"""


def json_object_sql(fields: Sequence[tuple[str, str]]) -> str:
    """SQL of a JSON object as text, from names and SQL of values as JSON; fields whose value is NULL are left out."""
    parts = [f"coalesce(',' || {_quoted(name)} || ({value}), '')" for name, value in fields]
    return "'{' || substr(" + " || ".join(parts or ["''"]) + ", 2) || '}'"


def _quoted(name: str) -> str:
    return "'" + (json.dumps(name, ensure_ascii=False) + ":").replace("'", "''") + "'"
