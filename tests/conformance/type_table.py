"""A warehouse's column types and what becomes of them: data that a test proves and the documentation shows.

``make pages`` writes ``docs/warehouses/types/NAME.md`` from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tests.unit.profiles.applying import START, Home
from warehouse_sync.api.profiles import typed_json
from warehouse_sync.domain.column import IDENTITY_KINDS
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.identity.fingerprints import RejectReason
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
        dropped = home.apply(_with_stamp(rows, ["attributes"])).values_dropped
        attributes = home.attributes()
        identities = _identities(home, rows)
    finally:
        home.stores.close()
    seen = []
    for place, (_, sample) in enumerate(table.samples):
        found = attributes.get(f"s{place}")
        text, typed = (found.text, typed_json(found.value)) if found else (None, None)
        seen.append((sample.sql, Seen(_arrow_name(rows.field(place)), text, typed, identities[place])))
    return seen, dropped


def _arrow_name(one: pa.Field) -> str:
    return "json" if kind_of(one).value == "json" else str(one.type)


def _identities(home: Home, rows: pa.Table) -> dict[int, Any]:
    """What becomes of each value under a reserved name, beside an identity that finds a profile of its own.

    Values of one type are rows of one run.
    """
    found: dict[int, Any] = {}
    kinds = [column.kind for column in column_kinds(rows.schema)]
    groups: dict[str, list[int]] = {}
    for place, kind in enumerate(kinds):
        if kind in IDENTITY_KINDS:
            groups.setdefault(f"{kind} {rows.field(place).type}", []).append(place)
        else:
            found[place] = REFUSED
    for places in groups.values():
        values = pa.chunked_array([chunk for place in places for chunk in rows.column(place).chunks])
        one = pa.table([values], schema=pa.schema([rows.field(places[0]).with_name("other")]))
        home.apply(_with_stamp(one, [f"identity-{place}" for place in places]))
        reasons = list(home.rejects())
        for place in places:
            numbers = home.holders(IdentityType.CUSTOMER_ID, f"identity-{place}")
            found[place] = home.identities(numbers[0]).get("other") if numbers else RejectReason(*reasons)
    return found


def _with_stamp(rows: pa.Table, customer_ids: list[str]) -> pa.Table:
    stamps = pa.array([START.replace(tzinfo=None)] * rows.num_rows, pa.timestamp("us"))
    return rows.append_column("t", stamps).append_column("customer_id", pa.array(customer_ids))


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
