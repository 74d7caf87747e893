"""A warehouse's column types and what becomes of them: data that a test proves and the documentation shows.

``make pages`` writes ``docs/warehouses/types/NAME.md`` from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from tests.unit.profiles.applying import START, Home
from warehouse_sync.api.profiles import typed_json
from warehouse_sync.domain.column import IDENTITY_KINDS, Column
from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules, IdentityType
from warehouse_sync.identity.fingerprints import IdentitySource, RejectReason, build_keyed
from warehouse_sync.sync.records import storable
from warehouse_sync.warehouses.arrow import column_kinds, kind_of
from warehouse_sync.warehouses.protocol import Warehouse

_NOTHING: Final = "\u2013"
_SAME: Final = "as the attribute"
REFUSED: Final = "refused"
"""As an identity: a column of this kind under a reserved name is refused when the query is probed (decision D29)."""

DROPPED: Final = "dropped"
"""As an attribute: over a limit of the specification (§4.5), or a moment without end; no value, and counted in ``values_dropped``."""


@dataclass(frozen=True)
class Sample:
    """One value of a type.

    Attributes:
        sql: an expression of the type, in the warehouse's dialect.
        text: the attribute in the Profile API: a text, a list of texts, ``DROPPED``, or None where there is no value.
        typed: the same with ``typed=true``; not given if it is the text.
        identity: the text of the identity; a ``RejectReason``; None where there is no identity; not given if it is as the attribute, or
            if the kind cannot be an identity.
        shown: what the documentation shows in place of ``sql``.
    """

    sql: str
    text: str | list[str] | None
    typed: Any = _SAME
    identity: str | RejectReason | None = _SAME
    shown: str | None = None


@dataclass(frozen=True)
class TypeRow:
    """A type, or several that are alike.

    Attributes:
        names: as the warehouse's own documentation calls them.
        arrow: the normal Arrow type, as Arrow writes it; ``json`` for text marked as JSON.
    """

    names: str
    arrow: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class TypeTable:
    """All types of a warehouse.

    Attributes:
        name: the warehouse's type.
        title: its name for people.
        rows: in the order of the documentation.
        notes: what is to be said below the table; Markdown.
    """

    name: str
    title: str
    rows: tuple[TypeRow, ...]
    notes: str = ""

    @property
    def samples(self) -> list[tuple[TypeRow, Sample]]:
        return [(row, sample) for row in self.rows for sample in row.samples]


@dataclass(frozen=True)
class Seen:
    """What became of a sample."""

    arrow: str
    text: Any
    typed: Any
    identity: Any


def expected(table: TypeTable) -> list[tuple[str, Seen]]:
    """What the table says of every sample."""
    return [(sample.sql, _expected(row, sample)) for row, sample in table.samples]


def _expected(row: TypeRow, sample: Sample) -> Seen:
    text = None if sample.text == DROPPED else sample.text
    typed = text if sample.typed is _SAME else sample.typed
    identity = text if sample.identity is _SAME else sample.identity
    return Seen(row.arrow, text, typed, identity if _can_be_identity(row.arrow) else REFUSED)


def _can_be_identity(arrow: str) -> bool:
    return arrow.startswith(("int", "decimal", "double", "string", "null"))


def observed(warehouse: Warehouse, table: TypeTable, folder: Path) -> tuple[list[tuple[str, Seen]], int]:
    """What becomes of every sample on its way from the warehouse to a profile, and how many values were dropped on it."""
    query = ", ".join(f"{sample.sql} AS s{place}" for place, (_, sample) in enumerate(table.samples))
    schema = warehouse.probe(f"SELECT * FROM (SELECT {query}) AS m LIMIT 0")
    rows = pa.Table.from_batches(list(warehouse.fetch(f"SELECT {query}")), schema)
    assert rows.num_rows == 1
    assert [name.lower() for name in rows.column_names] == [f"s{place}" for place in range(len(table.samples))]
    rows = rows.rename_columns([name.lower() for name in rows.column_names])
    home = Home(folder)
    try:
        stamp = pa.array([START.replace(tzinfo=None)], pa.timestamp("us"))
        whole = rows.append_column("t", stamp).append_column("customer_id", pa.array(["c-1"]))
        dropped = home.apply(whole).values_dropped
        attributes = home.attributes()
    finally:
        home.stores.close()
    seen = []
    for place, (_, sample) in enumerate(table.samples):
        found = attributes.get(f"s{place}")
        text, typed = (found.text, typed_json(found.value)) if found else (None, None)
        seen.append((sample.sql, Seen(_arrow_name(rows.field(place)), text, typed, _identity(rows, place))))
    return seen, dropped


def _arrow_name(one: pa.Field) -> str:
    return "json" if kind_of(one).value == "json" else str(one.type)


def _identity(rows: pa.Table, place: int) -> Any:
    kind = column_kinds(rows.schema)[place].kind
    if kind not in IDENTITY_KINDS:
        return REFUSED
    with duckdb.connect() as engine:
        relations = _Relations(engine)
        staged = storable(rows.select([place])).rename_columns(["c"]).append_column("ord", pa.array([0], pa.int64()))
        staged = staged.append_column("load_ts", pa.array([START.replace(tzinfo=None)], pa.timestamp("us")))
        relations.register("staged", staged)
        sources = [IdentitySource("c", Column("c", kind).kind, IdentityType.OTHER)]
        build_keyed(relations, "staged", sources, IdentityRules(priority=(IdentityType.OTHER,)), direct=False)
        text, reject = relations.rows(f"SELECT v_{TYPE_CODES[IdentityType.OTHER]}, reject FROM keyed")[0]
    if reject == RejectReason.NO_IDENTITY:
        return None
    return text if reject is None else RejectReason(reject)


@dataclass
class _Relations:
    engine: duckdb.DuckDBPyConnection
    _kept: list[Any] = field(default_factory=list)

    def execute(self, sql: str) -> None:
        self.engine.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.engine.execute(sql).fetchall()

    def register(self, name: str, table: pa.Table) -> None:
        self._kept.append(table)
        self.engine.register(name, table)


# --- the documentation ---------------------------------------------------------------------------------------------------------------

_HEAD = """\
<!-- Made by: make pages   Do not edit. The tests prove every line. -->
# {title}: column types

What becomes of a value on its way from a {title} column through Arrow to an attribute or an identity. Every line was seen in a test. A dash
is no value; *dropped* is over a [limit](../../runs.md#limits), or no moment at all, and is counted in `values_dropped`; *refused* is
refused when the query is probed; *rejected* counts as a [rejected row](../../identities.md#rejected-rows).

| column | Arrow | kind | value | attribute | `typed=true` | identity |
|---|---|---|---|---|---|---|
"""


def page(table: TypeTable) -> str:
    """The page of documentation."""
    notes = f"\n{table.notes.strip()}\n" if table.notes else ""
    return _HEAD.format(title=table.title) + "".join(f"{line}\n" for line in _lines(table)) + notes


def _lines(table: TypeTable) -> Iterator[str]:
    for row in table.rows:
        for number, sample in enumerate(row.samples):
            told = _expected(row, sample)
            kind = "JSON" if row.arrow == "json" else _kind_word(row.arrow)
            head = f"{row.names} | {row.arrow} | {kind}" if number == 0 else " |  | "
            attribute = "*dropped*" if sample.text == DROPPED else _value(told.text)
            yield f"| {head} | {_code(sample.shown or sample.sql)} | {attribute} | {_typed(told)} | {_identity_text(told)} |"


def _kind_word(arrow: str) -> str:
    base = arrow.partition("[")[0].partition("(")[0].partition("<")[0]
    words = {
        "int64": "integer",
        "decimal128": "decimal",
        "decimal256": "decimal",
        "double": "float",
        "bool": "boolean",
        "date32": "date",
        "time64": "time",
        "timestamp": "instant" if "tz=" in arrow else "timestamp",
    }
    return words.get(base, base)


def _value(value: Any) -> str:
    if value is None:
        return _NOTHING
    return _code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _typed(told: Seen) -> str:
    return _NOTHING if told.typed is None else _code(json.dumps(told.typed, ensure_ascii=False))


def _identity_text(told: Seen) -> str:
    if told.identity == REFUSED:
        return "*refused*"
    if isinstance(told.identity, RejectReason):
        return f"*rejected*: `{told.identity}`"
    return _value(told.identity)


def _code(text: str) -> str:
    text = text.replace("|", "\\|").replace("\n", "\\n") or " "
    return f"`` {text} ``" if "`" in text else f"`{text}`"
