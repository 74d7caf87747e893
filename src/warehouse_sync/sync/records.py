"""From rows to records: a chunk of the spool becomes typed attributes, identities and an order (specification §1.9, §4.1, §4.5).

Columns travel by position, never by name: the customer's names may be anything, and the engine's are not case-sensitive.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.domain.column import Column, ColumnKind, Mapping
from warehouse_sync.domain.limits import (
    ATTRIBUTE_NAME_CHARACTERS,
    ATTRIBUTE_VALUE_CHARACTERS,
    LIST_ENTRIES,
    LIST_ENTRY_CHARACTERS,
)
from warehouse_sync.domain.load_timestamp import LoadTimestamp, TimestampClass
from warehouse_sync.identity.fingerprints import IdentitySource, RejectReason, text_sql
from warehouse_sync.profiles.merge import AttributeColumn
from warehouse_sync.profiles.protocol import ChunkTransaction
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.sync.load_timestamps import application_order, instants, shown_timestamps

_SQL_TYPES: Final = {
    ColumnKind.INTEGER: "BIGINT",
    ColumnKind.FLOAT: "DOUBLE",
    ColumnKind.BOOLEAN: "BOOLEAN",
    ColumnKind.STRING: "VARCHAR",
    ColumnKind.DATE: "DATE",
    ColumnKind.TIMESTAMP: "TIMESTAMP",
    ColumnKind.INSTANT: "TIMESTAMP",  # in UTC
    ColumnKind.TIME: "TIME",
    ColumnKind.BINARY: "VARCHAR",  # hexadecimal
    ColumnKind.LIST: "VARCHAR",  # JSON
    ColumnKind.JSON: "VARCHAR",
    ColumnKind.NULL: "VARCHAR",
}
_VALUE_SQL: Final = {
    ColumnKind.INSTANT: "timezone('UTC', {0}::TIMESTAMPTZ)",
    ColumnKind.TIMESTAMP: "{0}::TIMESTAMP",
    ColumnKind.BINARY: "hex({0})",
    ColumnKind.NULL: "{0}::VARCHAR",
}
_CALENDAR: Final = frozenset({ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.INSTANT})
_REJECT_SAMPLES: Final = 20
_SAMPLE_CHARACTERS: Final = 256
_JSON_PIECES: Final = r"""'"(?:[^"\\]|\\.)*"|undefined|[^"u]+|.'"""
"""Cuts JSON text into whole strings, the word ``undefined``, and the rest."""


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """How the columns of a spool become records.

    Attributes:
        columns: the spool's columns, in order.
        mapping: what each becomes.
        load_timestamp: the declared load-timestamp column.
        timestamp_class: how it is compared.
    """

    columns: tuple[Column, ...]
    mapping: Mapping
    load_timestamp: LoadTimestamp
    timestamp_class: TimestampClass

    def place(self, column: Column) -> str:
        """The staged name of a column: its position."""
        return f"p_{self.columns.index(column)}"

    @property
    def identity_sources(self) -> tuple[IdentitySource, ...]:
        return tuple(
            IdentitySource(self.place(found.column), found.column.kind, found.identity_type)
            for found in self.mapping.identities
        )


def stage_records(chunk: ChunkTransaction, table: pa.Table, plan: RecordPlan) -> tuple[AttributeColumn, ...]:
    """Makes ``staged`` and ``record`` of a chunk's rows; returns what the attribute columns of ``record`` are.

    Args:
        chunk: the open transaction.
        table: the rows, as the spool holds them.
        plan: how its columns become records.
    """
    staged = storable(table.rename_columns([f"p_{place}" for place in range(table.num_columns)]))
    stamp_column = table.column(plan.columns.index(plan.mapping.load_timestamp))
    shown = shown_timestamps(stamp_column, plan.timestamp_class)
    stamps = instants(shown, plan.timestamp_class, plan.load_timestamp.tzinfo)
    staged = staged.append_column("ord", pa.array(application_order(stamp_column, shown))).append_column(
        "load_ts", stamps
    )
    if plan.mapping.mpid is not None:
        staged = _with_direct_profiles(chunk, staged, plan.place(plan.mapping.mpid), plan.mapping.mpid.kind)
    chunk.register("staged", staged)
    attributes, cells, dropped = [], [], []
    for place, column in enumerate(plan.mapping.attributes):
        source = plan.place(column)
        field = staged.schema.field(source)
        value, is_too_long = _cell(source, column, field.type)
        reason = _drop_reason(column) if is_too_long else None
        attributes.append(AttributeColumn(column.name, column.kind, _sql_type(column.kind, field.type), reason))
        cells.append(f", {value} AS c_{place}")
        if is_too_long:
            cells.append(f", {is_too_long} AS d_{place}")
            dropped.append(f"(CASE WHEN {is_too_long} THEN 1 ELSE 0 END)")
    total = " + ".join(dropped) or "0"
    chunk.execute(f"CREATE TEMP VIEW record AS SELECT ord, load_ts, {total} AS dropped{''.join(cells)} FROM staged")
    return tuple(attributes)


def write_dropped(chunk: ChunkTransaction, attributes: Sequence[AttributeColumn]) -> None:
    """Notes which values the merge left out, by attribute and reason; to be called when there are some."""
    places = [place for place, attribute in enumerate(attributes) if attribute.drop_reason is not None]
    counted = ", ".join(f"count(*) FILTER (d_{place})" for place in places)
    [counts] = chunk.rows(f"SELECT {counted} FROM record JOIN verdict USING (ord)")
    for place, values in zip(places, counts, strict=True):
        reason = attributes[place].drop_reason
        if values and reason is not None:
            chunk.write_dropped(attributes[place].name, reason, values)


def _drop_reason(column: Column) -> str:
    if len(column.name) > ATTRIBUTE_NAME_CHARACTERS:
        return "name_too_long"
    return "not_finite" if column.kind in _CALENDAR else "value_too_long"


def storable(table: pa.Table) -> pa.Table:
    """The rows without what the engine would round or refuse: nanoseconds are cut, numbers above 38 digits become plain text."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = pc.floor_temporal(column, unit="microsecond").cast(pa.timestamp("us", field.type.tz))
            table = table.set_column(place, field.with_type(cut.type), cut)
        elif pa.types.is_decimal256(field.type):
            texts = pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())
            table = table.set_column(place, field.with_type(pa.string()), texts)
    return table


def write_rejects(chunk: ChunkTransaction, table: pa.Table) -> int:
    """Notes the rows that ``keyed`` rejects, the first few of each reason with their values; returns how many there are.

    Of people who were deleted nothing is noted but the number of rows.
    """
    counts = chunk.rows("SELECT reject, count(*) FROM keyed WHERE reject IS NOT NULL GROUP BY reject ORDER BY reject")
    for reason, rows in counts:
        if reason == RejectReason.DELETED_PERSON:
            chunk.write_rejects(reason, rows, [])
            continue
        places = chunk.rows(
            f"""SELECT ord, place FROM keyed JOIN (SELECT ord, row_number() OVER () - 1 AS place FROM staged) USING (ord)
                WHERE reject = '{reason}' ORDER BY ord LIMIT {_REJECT_SAMPLES}"""
        )
        texts = sample_texts(table.take(pa.array([place for _, place in places], pa.int64())))
        chunk.write_rejects(
            reason, rows, [(chunk.first_seq + order, text) for (order, _), text in zip(places, texts, strict=True)]
        )
    return sum(rows for _, rows in counts)


def sample_texts(rows: pa.Table) -> list[str]:
    """Each row as a JSON object of short texts."""
    columns = [
        [None if text is None else text[:_SAMPLE_CHARACTERS] for text in _texts(column)] for column in rows.columns
    ]
    return [json.dumps(dict(zip(rows.column_names, row, strict=True))) for row in zip(*columns, strict=True)]


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    try:
        texts: list[str | None] = column.cast(pa.string()).to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, and bytes that are no text
        return [None if value is None else str(value) for value in column.to_pylist()]
    return texts


def _with_direct_profiles(chunk: ChunkTransaction, staged: pa.Table, source: str, kind: ColumnKind) -> pa.Table:
    """Adds the profile numbers that MPIDs name; NULL where there is no such profile in this environment."""
    relations: Relations = chunk
    relations.register("mpid_source", staged.select(["ord", source]))
    text = f"nullif(trim({text_sql(source, kind)}), '')"
    texts = relations.rows(f"SELECT {text}, TRY_CAST({text} AS BIGINT) FROM mpid_source")
    direct = chunk.profiles_of_mpids([mpid for _, mpid in texts])
    given = pa.array([text for text, _ in texts], pa.string())
    return staged.append_column("mpid_text", given).append_column("direct", direct)


def _sql_type(kind: ColumnKind, arrow_type: pa.DataType) -> str:
    if kind is ColumnKind.DECIMAL:
        return f"DECIMAL({arrow_type.precision}, {arrow_type.scale})" if pa.types.is_decimal(arrow_type) else "VARCHAR"
    return _SQL_TYPES[kind]


def _cell(source: str, column: Column, arrow_type: pa.DataType) -> tuple[str, str]:
    """SQL of an attribute's value, and of whether it is dropped and counted (decision D32); the latter is empty if it cannot be."""
    value = _value_sql(source, column.kind, arrow_type)
    if len(column.name) > ATTRIBUTE_NAME_CHARACTERS:
        return f"NULL::{_sql_type(column.kind, arrow_type)}", f"{source} IS NOT NULL"
    if column.kind in {ColumnKind.STRING, ColumnKind.BINARY} or _is_decimal_text(column.kind, arrow_type):
        too_long = _longer(value, ATTRIBUTE_VALUE_CHARACTERS)
    elif column.kind in {ColumnKind.LIST, ColumnKind.JSON}:
        too_long = _json_too_long(value)
    elif column.kind in _CALENDAR:
        too_long = f"NOT isfinite({value})"  # SQL's infinity is no moment: nothing could show it
    else:
        return value, ""
    return f"CASE WHEN {too_long} THEN NULL ELSE {value} END", too_long


def _is_decimal_text(kind: ColumnKind, arrow_type: pa.DataType) -> bool:
    return kind is ColumnKind.DECIMAL and pa.types.is_string(arrow_type)


def _value_sql(source: str, kind: ColumnKind, arrow_type: pa.DataType) -> str:
    if kind is ColumnKind.JSON:
        return _json_sql(source)
    if kind is ColumnKind.LIST:
        return f"to_json({_entries_sql(source, arrow_type.value_type)})::VARCHAR"
    return _VALUE_SQL.get(kind, "{0}").format(source)


def _entries_sql(source: str, entry: pa.DataType) -> str:
    """A list with its entries in the form that the same values have outside a list (specification §4.1)."""
    if pa.types.is_timestamp(entry):
        moment = "timezone('UTC', e::TIMESTAMPTZ)" if entry.tz else "e::TIMESTAMP"
        if entry.unit == "ns":  # a cast would round
            moment = "make_timestamp((epoch_ns(e) - (epoch_ns(e) % 1000 + 1000) % 1000) // 1000)"
        return f"list_transform({source}, lambda e: strftime({moment}, '%Y-%m-%d %H:%M:%S.%g'))"
    if pa.types.is_binary(entry):
        return f"list_transform({source}, lambda e: hex(e))"
    return source


def _json_sql(source: str) -> str:
    # Snowflake writes missing entries as `undefined`, which is not JSON. JSON null is no value, like SQL NULL.
    mended = (
        f"array_to_string(list_transform(regexp_extract_all({source}, {_JSON_PIECES}), "
        "lambda e: CASE WHEN e = 'undefined' THEN 'null' ELSE e END), '')"
    )
    valid = f"CASE WHEN json_valid({source}) THEN {source} WHEN json_valid({mended}) THEN {mended} ELSE to_json({source}) END"
    return f"nullif(json({valid})::VARCHAR, 'null')"


def _longer(text: str, characters: int) -> str:
    # Bytes are counted first: it is much cheaper, and nothing short in bytes is long in characters.
    return f"(strlen({text}) > {characters} AND length({text}) > {characters})"


def _json_too_long(text: str) -> str:
    """A list of scalars is too long by its entries, anything else by its text; short texts are cleared without a look inside."""
    entries = f"from_json({text}, '[\"VARCHAR\"]')"
    list_too_long = (
        f"(json_array_length({text}) > {LIST_ENTRIES} OR "
        f"list_max(list_transform({entries}, lambda e: length(e))) > {LIST_ENTRY_CHARACTERS})"
    )
    is_nested = f"list_has_any(json_type({text}, '$[*]'), ['ARRAY', 'OBJECT'])"
    text_too_long = f"length({text}) > {ATTRIBUTE_VALUE_CHARACTERS}"
    string_too_long = f"length({text} ->> '$') > {ATTRIBUTE_VALUE_CHARACTERS}"
    return (
        f"(strlen({text}) > {LIST_ENTRY_CHARACTERS} AND CASE "
        f"WHEN starts_with({text}, '[') THEN CASE WHEN {is_nested} THEN {text_too_long} ELSE {list_too_long} END "
        f"WHEN starts_with({text}, '\"') THEN {string_too_long} ELSE {text_too_long} END)"
    )
