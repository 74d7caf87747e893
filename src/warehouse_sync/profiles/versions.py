"""What the rows of data models said of one profile: the current version of each, and the ones it replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.profiles.protocol import AttributeValue
from warehouse_sync.profiles.schema import current_table, history_table, values_table
from warehouse_sync.profiles.values import typed_value


@dataclass(frozen=True, slots=True)
class Version:
    """What one row of a data model said. Times are naive, in UTC.

    Attributes:
        run: the run that set it.
        seq: its row's place in the order of application.
        load_ts: of that row.
        again_ts, again_seq: of the newest row that said the same.
        follows: whether it replaced another version; None if that was not kept.
        values: by attribute name; what is not there has no value.
        replaced_by: the run that replaced it; None for the current version.
        replaced_seq: the place in the order of application at which that happened; None if it was not kept.
    """

    data_model: int
    run: int
    seq: int
    load_ts: datetime
    again_ts: datetime | None
    again_seq: int | None
    follows: bool | None
    values: Mapping[str, AttributeValue]
    replaced_by: int | None = None
    replaced_seq: int | None = None

    @property
    def newest_ts(self) -> datetime:
        """Of the newest row that said what this version says."""
        return self.again_ts or self.load_ts


def data_models_in(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The keys of the data models that a store has tables of, ascending."""
    named = """SELECT table_name[3:]::BIGINT AS key FROM duckdb_tables()
               WHERE database_name = current_database() AND regexp_full_match(table_name, 'm_[0-9]+') ORDER BY key"""
    return [key for (key,) in connection.execute(named).fetchall()]


def current_version(connection: duckdb.DuckDBPyConnection, data_model: int, profile: int) -> Version | None:
    """What a data model says of a profile now; None if it says nothing."""
    found = _read(connection, data_model, current_table(data_model), "", profile)
    return found[0] if found else None


def replaced_versions(connection: duckdb.DuckDBPyConnection, data_model: int, profile: int) -> list[Version]:
    """What a data model said of a profile before, in the order in which it was replaced."""
    order = "ORDER BY replaced_seq NULLS FIRST, seq"
    return _read(connection, data_model, history_table(data_model), order, profile)


def _read(
    connection: duckdb.DuckDBPyConnection, data_model: int, noted: str, order: str, profile: int
) -> list[Version]:
    columns = connection.execute(
        "SELECT number, name, kind FROM attributes WHERE data_model = ? ORDER BY number", [data_model]
    ).fetchall()
    said = values_table(data_model)
    cursor = connection.execute(f"SELECT * FROM {noted} JOIN {said} USING (seq) WHERE profile = ? {order}", [profile])
    names = [column[0] for column in cursor.description]
    return [_version(data_model, columns, dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _version(data_model: int, columns: list[tuple[int, str, str]], row: dict[str, Any]) -> Version:
    values = {}
    for number, name, kind in columns:
        stored = row[f"a_{number}"]
        value = None if stored is None else typed_value(stored, ColumnKind(kind))
        if value is not None:
            values[name] = value
    return Version(
        data_model,
        row["run"],
        row["seq"],
        row["load_ts"],
        row["again_ts"],
        row["again_seq"],
        row["follows"],
        values,
        row.get("replaced_by"),
        row.get("replaced_seq"),
    )
