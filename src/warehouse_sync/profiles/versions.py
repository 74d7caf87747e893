"""What the rows of data models said of one profile: the current version of each, and the ones it replaced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.profiles.ledger import Ledger
from warehouse_sync.profiles.protocol import AttributeValue
from warehouse_sync.profiles.provenance import RowPlace
from warehouse_sync.profiles.schema import DATA_MODELS, current_table, history_table, values_table
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
    profile: int
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
    return [key for (key,) in connection.execute(DATA_MODELS).fetchall()]


def source_of(version: Version, ledger: Ledger) -> RowPlace:
    """The row that a version comes from: the one that set it, or the one that confirmed it if the other was undone."""
    if version.again_seq is not None and ledger.run_of(version.seq) != version.run:
        return ledger.place(version.again_seq, version.run, version.again_ts)
    return ledger.place(version.seq, version.run, version.load_ts)


Attributes = Mapping[int, Sequence[tuple[str, str, ColumnKind]]]
"""Of each data model, ascending: column, name and kind of the attributes that it has ever set."""


def read_attributes(connection: duckdb.DuckDBPyConnection) -> Attributes:
    """The attributes of a store, as a transaction sees them."""
    named = connection.execute("SELECT data_model, number, name, kind FROM attributes").fetchall()
    found: dict[int, list[tuple[str, str, ColumnKind]]] = defaultdict(list)
    for model, number, name, kind in sorted(named):  # by us: the engine takes longer to prepare than to sort
        found[model].append((f"a_{number}", name, ColumnKind(kind)))
    return dict(found)


class Versions:
    """The versions in a store, as one transaction sees them.

    Args:
        connection: with that transaction open.
        attributes: those that it sees, if somebody has read them.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, attributes: Attributes | None = None) -> None:
        self._connection = connection
        self._attributes = read_attributes(connection) if attributes is None else attributes

    @property
    def telling(self) -> Sequence[int]:
        """The keys of the data models that have ever said something beyond identities, ascending."""
        return tuple(self._attributes)

    def current(self, data_model: int, profile: int) -> Version | None:
        """What a data model says of a profile now; None if it says nothing."""
        found = self._read(data_model, f"{current_table(data_model)} WHERE profile = {profile:d}")
        return found[0] if found else None

    def replaced(self, data_model: int, profile: int) -> list[Version]:
        """What a data model said of a profile before, in the order in which it was replaced."""
        found = self._read(data_model, f"{history_table(data_model)} WHERE profile = {profile:d}")
        return sorted(found, key=lambda version: (version.replaced_seq or 0, version.seq))

    def at(self, data_model: int, profile: int, seq: int) -> Version | None:
        """The replaced version that the row at a place in the order of application set."""
        found = [version for version in self.replaced(data_model, profile) if version.seq == seq]
        return found[-1] if found else None

    def latest(self, data_model: int, *, after: int, most: int) -> list[Version]:
        """What a data model said last of any profile, and says still: the versions with the greatest ``seq``, above ``after``."""
        last = f"{current_table(data_model)} WHERE seq > {after:d} ORDER BY seq DESC LIMIT {most:d}"
        return self._read(data_model, last)

    def _read(self, data_model: int, which: str) -> list[Version]:
        # Two statements, each with its key written out, find their few rows by zone maps at less cost than one that joins.
        noted = self._rows(f"SELECT * FROM {which}")
        if not noted:
            return []
        seqs = ", ".join(str(row["seq"]) for row in noted)
        said = {
            row["seq"]: row for row in self._rows(f"SELECT * FROM {values_table(data_model)} WHERE seq IN ({seqs})")
        }
        return [self._version(data_model, row, said[row["seq"]]) for row in noted]

    def _rows(self, query: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _version(self, data_model: int, noted: Mapping[str, Any], said: Mapping[str, Any]) -> Version:
        values = {}
        for column, name, kind in self._attributes.get(data_model, ()):
            stored = said[column]
            value = None if stored is None else typed_value(stored, kind)
            if value is not None:
                values[name] = value
        return Version(
            data_model,
            noted["profile"],
            noted["run"],
            noted["seq"],
            noted["load_ts"],
            noted["again_ts"],
            noted["again_seq"],
            noted["follows"],
            values,
            noted.get("replaced_by"),
            noted.get("replaced_seq"),
        )
