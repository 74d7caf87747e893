"""Columns as Snowflake describes and sends them. Everything here works on whole columns, never on single values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT_LENGTH = 16_777_216
BINARY_LENGTH = 8_388_608
UTC_OFFSET = 1440  # Snowflake writes the offset of a TIMESTAMP_TZ in minutes plus 1440

_INTEGERS = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")} | {
    "INTEGER",
    "UINTEGER",
}
_PLAIN = {
    **dict.fromkeys(_INTEGERS, "fixed"),
    "DOUBLE": "real",
    "FLOAT": "real",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "BLOB": "binary",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "JSON": "variant",
    "VARIANT": "variant",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NARROWER = (pa.int8(), pa.int16(), pa.int32())


def describe(engine_columns: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Snowflake's ``rowtype`` of a result, from the rows of the engine's DESCRIBE (name and type come first)."""
    return [_column(str(row[0]), str(row[1])) for row in engine_columns]


def _column(name: str, engine_type: str) -> dict[str, Any]:
    kind = _kind(engine_type)
    precision, scale, length, byte_length = None, None, None, None
    if kind == "fixed":
        decimal = _DECIMAL.fullmatch(engine_type)
        precision, scale = (int(decimal[1]), int(decimal[2])) if decimal else (38, 0)
    elif kind.startswith("time"):
        precision, scale = 0, 9
    elif kind == "text":
        length, byte_length = TEXT_LENGTH, TEXT_LENGTH
    elif kind == "binary":
        length, byte_length = BINARY_LENGTH, BINARY_LENGTH
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": kind,
        "length": length,
        "byteLength": byte_length,
        "precision": precision,
        "scale": scale,
        "collation": None,
    }


def _kind(engine_type: str) -> str:
    if engine_type.endswith("]"):
        return "array"
    if engine_type.startswith(("STRUCT", "MAP", "UNION")):
        return "object"
    if engine_type.startswith("DECIMAL"):
        return "fixed"
    return _PLAIN.get(engine_type, "text")


def to_wire(table: pa.Table, rowtype: list[dict[str, Any]]) -> pa.Table:
    """The table in the encoding that connectors decode by ``logicalType``, ``precision`` and ``scale`` of each field."""
    columns, fields = [], []
    for number, column in enumerate(rowtype):
        array = _encoded(_one_array(table.column(number)), column)
        metadata = {
            "logicalType": column["type"].upper(),
            "precision": str(column["precision"] or 38),
            "scale": str(column["scale"] or 0),
            "charLength": str(column["length"] or 0),
        }
        columns.append(array)
        fields.append(pa.field(column["name"], array.type, nullable=True, metadata=metadata))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):  # no chunk at all
        combined = pa.array([], column.type) if not combined.num_chunks else combined.chunk(0)
    return combined.storage if isinstance(combined, pa.ExtensionArray) else combined


def _encoded(array: pa.Array, column: dict[str, Any]) -> pa.Array:
    kind, arrow_type = column["type"], array.type
    if kind == "fixed":
        return _number(array, column)
    if kind.startswith("timestamp"):
        return _timestamp(array, with_zone=kind == "timestamp_tz")
    if kind == "time":
        return pc.multiply(array.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if pa.types.is_nested(arrow_type):
        return _json_text(array)
    targets = {"real": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(), "binary": pa.binary()}
    return array.cast(targets.get(kind, pa.string()))


def _number(array: pa.Array, column: dict[str, Any]) -> pa.Array:
    """NUMBER(p,s) as Snowflake stores it: the integer value * 10**s, with the scale in the metadata only.

    Stays a decimal where a value of the column needs more than 64 bits.
    """
    if pa.types.is_integer(array.type):
        return array.cast(pa.int64())
    if not pa.types.is_decimal128(array.type):
        array = array.cast(pa.decimal128(38, column["scale"]))
    # a decimal128 is a 128-bit little-endian integer of the scaled value; the upper half of a small one only repeats the sign
    halves = np.frombuffer(array.buffers()[1], dtype="<i8")[2 * array.offset : 2 * (array.offset + len(array))]
    low, high = halves[::2], halves[1::2]
    nulls = pc.is_null(array).to_numpy(zero_copy_only=False)
    if not np.all((high == low >> 63) | nulls):
        return array
    return pa.array(low, pa.int64(), mask=nulls)


def _timestamp(array: pa.Array, *, with_zone: bool) -> pa.Array:
    """Seconds since 1970 and nanoseconds, NULL where the value is NULL (not 1970-01-01)."""
    per_second = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[array.type.unit]
    ticks = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    seconds, rest = np.divmod(ticks, per_second)  # floors, so that the fraction is positive before 1970 too
    parts = {
        "epoch": pa.array(seconds, pa.int64()),
        "fraction": pa.array((rest * (1_000_000_000 // per_second)).astype(np.int32), pa.int32()),
    }
    if with_zone:
        parts["timezone"] = pa.array(np.full(len(array), UTC_OFFSET, dtype=np.int32), pa.int32())
    fields = [pa.field(name, part.type, nullable=False) for name, part in parts.items()]
    return pa.StructArray.from_arrays(list(parts.values()), fields=fields, mask=pc.is_null(array))


def _json_text(array: pa.Array) -> pa.Array:
    values = pa.table({"v": array})
    with duckdb.connect() as engine:
        engine.register("nested_values", values)
        text = engine.sql("SELECT CAST(to_json(v) AS VARCHAR) AS v FROM nested_values").to_arrow_table()
    return pc.if_else(pc.is_null(array), pa.scalar(None, pa.string()), _one_array(text.column(0)))


def narrowed(table: pa.Table) -> pa.Table:
    """The same rows with every integer column as narrow as its values allow.

    Snowflake chooses the width by the values, so that one column of one query arrives as int8 today and int32 tomorrow. A client
    that takes the type of a result for the type of its column must fail here too.
    """
    for number, field in enumerate(table.schema):
        if field.metadata[b"logicalType"] != b"FIXED" or field.type != pa.int64():
            continue
        bounds = pc.min_max(table.column(number)).as_py()
        fitting = next((t for t in _NARROWER if _fits(bounds["min"], bounds["max"], t.bit_width)), None)
        if fitting is not None:
            table = table.set_column(number, field.with_type(fitting), table.column(number).cast(fitting))
    return table


def _fits(lowest: int | None, highest: int | None, bits: int) -> bool:
    if lowest is None or highest is None:
        return True
    return -(1 << (bits - 1)) <= lowest and highest < 1 << (bits - 1)
