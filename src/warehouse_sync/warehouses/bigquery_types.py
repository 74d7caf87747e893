"""BigQuery's column descriptions as normal Arrow types: the same for a dry run, an empty result and every batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.warehouses.arrow import json_field


class ColumnDescription(Protocol):
    """What the client library says of a column."""

    @property
    def name(self) -> str: ...
    @property
    def field_type(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def precision(self) -> int | None: ...
    @property
    def scale(self) -> int | None: ...


_PLAIN: Final[Mapping[str, pa.DataType]] = {
    "INTEGER": pa.int64(),
    "INT64": pa.int64(),
    "FLOAT": pa.float64(),
    "FLOAT64": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BOOL": pa.bool_(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIME": pa.time64("us"),
}
"""Others are text: STRING, GEOGRAPHY as WKT, INTERVAL."""

_DECIMALS: Final = {"NUMERIC": (38, 9), "DECIMAL": (38, 9), "BIGNUMERIC": (76, 38), "BIGDECIMAL": (76, 38)}
_STRUCTURED: Final = frozenset({"RECORD", "STRUCT", "JSON", "RANGE"})


def described_schema(description: Iterable[ColumnDescription]) -> pa.Schema:
    """The normal schema of a result."""
    return pa.schema([_field(column) for column in description])


def _field(column: ColumnDescription) -> pa.Field:
    kind = column.field_type.upper()
    if kind in _STRUCTURED:
        return json_field(column.name)
    element = _decimal(column) if kind in _DECIMALS else _PLAIN.get(kind, pa.string())
    return pa.field(column.name, pa.list_(element) if column.mode == "REPEATED" else element)


def _decimal(column: ColumnDescription) -> pa.DataType:
    most, scale = _DECIMALS[column.field_type.upper()]
    if column.precision is not None:
        most, scale = column.precision, column.scale or 0
    return pa.decimal128(most, scale) if most <= 38 else pa.decimal256(most, scale)
