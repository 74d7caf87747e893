"""Databricks' column descriptions as normal Arrow types: the same for an empty result and every part of a full one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from warehouse_sync.warehouses.arrow import json_field

_PLAIN: Final[Mapping[str, pa.DataType]] = {
    "BOOLEAN": pa.bool_(),
    "BYTE": pa.int64(),
    "SHORT": pa.int64(),
    "INT": pa.int64(),
    "LONG": pa.int64(),
    "FLOAT": pa.float64(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "BINARY": pa.binary(),
    "NULL": pa.null(),
}
"""By ``type_name``; others are text. TIMESTAMP_NTZ is told apart by ``type_text`` where the API calls both TIMESTAMP."""

_STRUCTURED: Final = frozenset({"ARRAY", "MAP", "STRUCT", "VARIANT", "OBJECT", "USER_DEFINED_TYPE"})
_ANY_DIGITS: Final = 38


def described_schema(columns: Iterable[Mapping[str, Any]]) -> pa.Schema:
    """The normal schema of a result, from the ``manifest`` of a statement."""
    return pa.schema([_field(column) for column in sorted(columns, key=lambda column: int(column["position"]))])


def _field(column: Mapping[str, Any]) -> pa.Field:
    name, kind = str(column["name"]), str(column["type_name"]).upper()
    text = str(column.get("type_text", kind)).upper()
    if kind in _STRUCTURED or text.partition("<")[0] in _STRUCTURED:
        return json_field(name)
    if kind == "DECIMAL":
        return pa.field(
            name, pa.decimal128(int(column.get("type_precision") or _ANY_DIGITS), int(column.get("type_scale") or 0))
        )
    return pa.field(name, _PLAIN.get(text if text == "TIMESTAMP_NTZ" else kind, pa.string()))


def marked(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with its structured columns marked as JSON, whether they came as text or as Arrow's own structures."""
    fields = [
        json_field(came.name).with_type(came.type) if wanted.metadata else came
        for came, wanted in zip(batch.schema, schema, strict=False)
    ]
    return (
        pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))
        if len(fields) == batch.num_columns
        else batch
    )
