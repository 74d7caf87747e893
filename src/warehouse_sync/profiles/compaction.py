"""Keeps the tables that are searched by a key in the order of that key, so that zone maps answer a look-up whatever the store's size.

What an apply writes is appended, each time as a piece that is sorted by itself. A look-up reads a little of every piece, so their number
must not grow with the years. A *pass* sorts a whole table anew, in steps: each takes the rows of one range of keys out and appends them in
order, in one short transaction that changes nothing but their place. Between two steps everybody else works as always; a pass that is
interrupted goes on where it stands. How far a table is out of order, the writers note as they write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.schema import current_table


@dataclass(frozen=True, slots=True)
class Pace:
    """When a pass begins, and how much a step does.

    Attributes:
        patience: times each table's tolerance.
        step_rows: about as many rows are moved in one step: a fraction of a second of work.
    """

    patience: float = 1.0
    step_rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class SortedTable:
    """A table that is searched by a key.

    Attributes:
        name: of the table.
        key: the column it is searched by, and ``key_type`` its type.
        order: what it is sorted by; begins with the key.
        piece_rows: how many rows of one sorted piece a look-up reads, at most.
        tolerance: how many rows outside the large sorted piece a look-up may have to read before a pass begins.
    """

    name: str
    key: str
    key_type: str
    order: str
    piece_rows: int
    tolerance: int


# A segment of a column is what zone maps choose among: 256 KiB of fingerprints, a row group of the profile numbers, which compress well.
LOOKUP: Final = SortedTable("lookup", "h", "UHUGEINT", "h", piece_rows=16_384, tolerance=300_000)
IDENTITIES: Final = SortedTable(
    "identities", "profile", "BIGINT", "profile, type", piece_rows=122_880, tolerance=500_000
)


def current_versions(data_model_key: int) -> SortedTable:
    """The table of a data model's current versions."""
    return _versions(current_table(data_model_key))


def _versions(name: str) -> SortedTable:
    return SortedTable(name, "profile", "BIGINT", "profile", piece_rows=122_880, tolerance=500_000)


_KEYS_OF_FINGERPRINTS: Final = 1 << 128


def note_piece(relations: Relations, table: SortedTable, rows: str) -> None:
    """Notes that a piece was appended to a table.

    Args:
        relations: the open transaction.
        table: where to.
        rows: SQL of the number of its rows.
    """
    relations.execute(
        f"UPDATE disorder SET loose = loose + least(({rows}), {table.piece_rows}) WHERE table_name = '{table.name}'"
    )


def take_step(relations: Relations, pace: Pace) -> bool:
    """Takes the next step of a pass that is under way or due; returns whether there was one to take.

    Args:
        relations: an open transaction of the store's writer.
        pace: when a pass is due, and how long a step is.
    """
    for name, loose, taken, position in relations.rows("SELECT * FROM disorder ORDER BY table_name"):
        table = {LOOKUP.name: LOOKUP, IDENTITIES.name: IDENTITIES}.get(name) or _versions(name)
        if taken is None and loose <= table.tolerance * pace.patience:
            continue
        if taken is None:
            relations.execute(f"UPDATE disorder SET taken = loose WHERE table_name = '{table.name}'")
        _sort_range(relations, table, position, pace.step_rows)
        return True
    return False


def _sort_range(relations: Relations, table: SortedTable, position: int, step_rows: int) -> None:
    [(rows, next_profile)] = relations.rows(f"SELECT (SELECT count(*) FROM {table.name}), next_profile FROM counters")
    keys = _KEYS_OF_FINGERPRINTS if table is LOOKUP else int(next_profile)
    end = position + max(1, keys * step_rows // max(rows, 1))
    for statement in _move(table, position, min(end, keys)):
        relations.execute(statement)
    if end < keys:
        relations.execute(f"UPDATE disorder SET position = '{end}'::UHUGEINT WHERE table_name = '{table.name}'")
    else:
        relations.execute(
            f"UPDATE disorder SET loose = loose - taken, taken = NULL, position = 0 WHERE table_name = '{table.name}'"
        )


def _move(table: SortedTable, first: int, end: int) -> Iterator[str]:
    inside = f"{table.key} BETWEEN '{first}'::{table.key_type} AND '{end - 1}'::{table.key_type}"
    yield f"CREATE TEMP TABLE taken_out AS SELECT * FROM {table.name} WHERE {inside} ORDER BY {table.order}"
    yield f"DELETE FROM {table.name} WHERE {inside}"
    yield f"INSERT INTO {table.name} SELECT * FROM taken_out"
    yield "DROP TABLE taken_out"
