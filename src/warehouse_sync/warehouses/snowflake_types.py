"""Snowflake's column descriptions as normal Arrow types.

The wire chooses the width of numbers anew for every chunk, and an empty result has no chunk at all: only the description of the
result gives one schema for all its batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.warehouses.arrow import json_field


class ColumnDescription(Protocol):
    """What both lines of the connector say of a column."""

    @property
    def name(self) -> str: ...
    @property
    def type_code(self) -> int: ...
    @property
    def precision(self) -> int | None: ...
    @property
    def scale(self) -> int | None: ...


_INT64_DIGITS: Final = 18  # every NUMBER of up to 18 digits fits into 64 bits
_ANY_DIGITS: Final = 38
_FIXED: Final = 0
_STRUCTURED: Final = frozenset({5, 9, 10, 14, 15, 16, 17})  # VARIANT, OBJECT, ARRAY, GEOGRAPHY, GEOMETRY, VECTOR, MAP
_PLAIN: Final[Mapping[int, pa.DataType]] = {
    1: pa.float64(),  # REAL
    3: pa.date32(),
    4: pa.timestamp("us"),  # TIMESTAMP
    6: pa.timestamp("us", "UTC"),  # TIMESTAMP_LTZ
    7: pa.timestamp("us", "UTC"),  # TIMESTAMP_TZ
    8: pa.timestamp("us"),  # TIMESTAMP_NTZ
    11: pa.binary(),
    12: pa.time64("us"),
    13: pa.bool_(),
}
"""Types by the connector's type code; others are text. Timestamps are microseconds: nanoseconds of 64 bits end in the year 2262,
and 9999-12-31 is a common way to write "for ever"."""


def described_schema(description: Sequence[ColumnDescription]) -> pa.Schema:
    """The normal schema of a result, from ``cursor.description``."""
    return pa.schema([_field(column) for column in description])


def _field(column: ColumnDescription) -> pa.Field:
    code = column.type_code
    if code in _STRUCTURED:
        return json_field(column.name)
    if code == _FIXED:
        return pa.field(column.name, _number(column.precision, column.scale))
    return pa.field(column.name, _PLAIN.get(code, pa.string()))


def _number(precision: int | None, scale: int | None) -> pa.DataType:
    digits = precision or _ANY_DIGITS
    if not scale and digits <= _INT64_DIGITS:
        return pa.int64()
    return pa.decimal128(digits, scale or 0)
