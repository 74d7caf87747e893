"""How each PostgreSQL column is read: as it is where the driver is exact, and cast in the server where it is not.

The driver gives the bytes of the wire for types that it does not know, money as a number of cents, lists of lists as one flat list, and
``oid`` with a sign. The server itself writes all of these exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.warehouses.arrow import decimal_field, json_field, normal_schema

_TYPE_KEY: Final = b"POSTGRESQL:type"
_UNKNOWN: Final = "unnamed<oid:"


class Reading(StrEnum):
    """The expression that reads a column; ``{0}`` is the column."""

    AS_IT_IS = "{0}"
    AS_TEXT = "{0}::text"
    AS_BIGINT = "{0}::int8"
    AS_NUMERIC = "{0}::numeric"
    AS_JSON = "to_json({0})"


_EXACT: Final = frozenset(
    {
        *("bool", "int2", "int4", "int8", "float4", "float8", "numeric"),
        *("text", "varchar", "bpchar", "name", "char", "bytea", "json", "jsonb", "uuid"),
        *("date", "time", "timestamp", "timestamptz"),
    }
)
_CAST: Final = {"oid": Reading.AS_BIGINT, "money": Reading.AS_NUMERIC, "record": Reading.AS_JSON}
_NUMERIC: Final = frozenset({"numeric", "money"})


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column of a query, as the server describes it.

    Attributes:
        name: as the server gives it.
        type_name: of ``pg_type``; of a type that was not there when the driver connected, ``unnamed<oid:…>``.
        field: as the driver would give it.
    """

    name: str
    type_name: str
    field: pa.Field

    @property
    def is_known(self) -> bool:
        """Whether its reading is known without asking the server what kind of type it is."""
        return self.type_name in _EXACT or self.type_name in _CAST or self.type_name.startswith("_")


def described(schema: pa.Schema) -> tuple[PostgresColumn, ...]:
    """The columns that the driver's description of a query names."""
    return tuple(
        PostgresColumn(one.name, (one.metadata or {}).get(_TYPE_KEY, b"").decode(), one.with_metadata(None))
        for one in schema
    )


def categories_query(columns: Sequence[PostgresColumn]) -> str | None:
    """The query for ``pg_type.typcategory`` of the columns' types by the driver's names of them; None if none is needed."""
    names = sorted({column.type_name for column in columns if not column.is_known})
    if not names:
        return None
    wanted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    by_number = f"SELECT '{_UNKNOWN}' || oid || '>' AS name, typcategory FROM pg_catalog.pg_type"
    by_name = "SELECT typname::text, typcategory FROM pg_catalog.pg_type"
    return f"SELECT name, typcategory::text FROM ({by_number} UNION ALL {by_name}) AS known WHERE name IN ({wanted})"


def reading_of(column: PostgresColumn, categories: Mapping[str, str]) -> Reading:
    """How to read a column.

    Args:
        categories: what ``categories_query`` gave: A is an array, C a composite type.
    """
    if column.type_name in _EXACT:
        return Reading.AS_IT_IS
    if column.type_name in _CAST:
        return _CAST[column.type_name]
    category = "A" if column.type_name.startswith("_") else categories.get(column.type_name)
    return Reading.AS_JSON if category in {"A", "C"} else Reading.AS_TEXT


def reading_query(sql: str, columns: Sequence[PostgresColumn], readings: Sequence[Reading]) -> str:
    """The query that reads the columns of ``sql``, itself one SELECT, in these ways. It is ``sql`` if all are read as they are."""
    if all(reading is Reading.AS_IT_IS for reading in readings):
        return sql
    selected = ", ".join(
        f"{reading.format(f'q.{_quoted(column.name)}')} AS {_quoted(column.name)}"
        for column, reading in zip(columns, readings, strict=True)
    )
    return f"SELECT {selected} FROM ({sql}) AS q"


def read_schema(columns: Sequence[PostgresColumn], readings: Sequence[Reading]) -> pa.Schema:
    """The normal schema of what ``reading_query`` gives."""
    pairs = zip(columns, readings, strict=True)
    return pa.schema([_read_field(column, reading) for column, reading in pairs])


def _read_field(column: PostgresColumn, reading: Reading) -> pa.Field:
    if column.type_name in _NUMERIC:
        return decimal_field(column.name)
    if reading is Reading.AS_JSON:
        return json_field(column.name)
    if reading is Reading.AS_BIGINT:
        return pa.field(column.name, pa.int64())
    if reading is Reading.AS_TEXT:
        return pa.field(column.name, pa.string())
    return normal_schema(pa.schema([column.field])).field(0)


def plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of the driver's: its decimals as the texts that they are, its endless moments endless again."""
    columns = [_plain_column(column) for column in batch.columns]
    fields = [
        wanted if isinstance(came.type, pa.OpaqueType) else came
        for came, wanted in zip(batch.schema, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _plain_column(column: pa.Array) -> pa.Array:
    if isinstance(column.type, pa.OpaqueType):
        return column.storage
    if pa.types.is_timestamp(column.type):
        return _with_endless(column, _TIMESTAMPS)
    return _with_endless(column, _DATES) if pa.types.is_date32(column.type) else column


@dataclass(frozen=True, slots=True)
class _Endless:
    """``-infinity`` and ``infinity``, which the driver moves by the thirty years between two epochs, over the end of the integers.

    Attributes:
        number: the integers below.
        first: the earliest moment that the server knows; what comes below it is endless, or later than Arrow's last moment.
        minus: what ``-infinity`` comes as.
        largest: of the integers; the profile store's infinity, and its negative the other one.
    """

    number: pa.DataType
    first: int
    minus: int
    largest: int


_TIMESTAMPS: Final = _Endless(pa.int64(), -210_866_803_200_000_000, -(2**63) + 946_684_800_000_000, 2**63 - 1)
_DATES: Final = _Endless(pa.int32(), -2_451_545, -(2**31) + 10_957, 2**31 - 1)


def _with_endless(column: pa.Array, ends: _Endless) -> pa.Array:
    numbers = column.view(ends.number)
    least = pc.min(numbers).as_py()
    if least is None or least >= ends.first:
        return column
    largest = pa.scalar(ends.largest, ends.number)
    endless = pc.if_else(pc.equal(numbers, pa.scalar(ends.minus, ends.number)), pc.negate(largest), largest)
    mended = pc.if_else(pc.less(numbers, pa.scalar(ends.first, ends.number)), endless, numbers)
    return mended.view(column.type)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
