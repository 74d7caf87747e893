"""The normal forms of values: one Arrow type for each kind of column, whatever warehouse and driver it came from.

=============  ==================================================================================================
kind           Arrow type
=============  ==================================================================================================
integer        int64; unsigned 64-bit integers are decimal128(20, 0)
decimal        decimal128(p, s), or decimal256(p, s) above 38 digits; the scale is never negative. Where the warehouse knows neither
               digits nor scale: plain text, its field marked with ``{b"warehouse_sync:kind": b"decimal"}``
float          float64
boolean        bool
string         string
date           date32
timestamp      timestamp[us], or timestamp[ns] where the warehouse has nanoseconds
instant        the same with time zone UTC
time           time64[us]
binary         binary
list           list of one of the above
json           string, its field marked with ``{b"warehouse_sync:kind": b"json"}``
null           null
=============  ==================================================================================================

Times are cut towards the past when they lose digits, never rounded up: a row must not move into a later interval.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.domain.column import Column, ColumnKind
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.interval_text import interval_text
from warehouse_sync.warehouses.json_text import json_texts

KIND_KEY: Final = b"warehouse_sync:kind"
_JSON: Final = {KIND_KEY: b"json"}
_DECIMAL: Final = {KIND_KEY: b"decimal"}
_UINT64_DIGITS: Final = 20
_DECIMAL128_DIGITS: Final = 38
_EXTENSION_KEY: Final = b"ARROW:extension:name"
_JSON_EXTENSIONS: Final = {"arrow.json"}


def json_field(name: str) -> pa.Field:
    """A column of JSON text."""
    return pa.field(name, pa.string(), metadata=_JSON)


def decimal_field(name: str) -> pa.Field:
    """A column of decimals of any length, as text: plain digits, ``NaN`` or ``Infinity``."""
    return pa.field(name, pa.string(), metadata=_DECIMAL)


def normal_schema(schema: pa.Schema) -> pa.Schema:
    """The normal form of a driver's schema. Names and order stay; the driver's metadata goes."""
    return pa.schema([_normal_field(field) for field in schema])


def column_kinds(schema: pa.Schema) -> tuple[Column, ...]:
    """The columns of a normal schema, in order."""
    return tuple(Column(field.name, kind_of(field)) for field in schema)


def kind_of(field: pa.Field) -> ColumnKind:
    """The kind of a column of a normal schema."""
    if field.metadata and KIND_KEY in field.metadata:
        return ColumnKind(field.metadata[KIND_KEY].decode())
    if pa.types.is_list(field.type):
        return ColumnKind.LIST
    return _scalar_kind(field.type)


def normalise(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A driver's batch in a normal schema.

    Args:
        batch: as the driver gave it.
        schema: the normal schema that the probe of the same select list gave.

    Raises:
        WarehouseError: ``protocol``: the batch has other columns than the probe, a column changed its kind, or a value does not fit.
    """
    if batch.schema.names != schema.names:
        raise _broken("The warehouse returned other columns than it announced.")
    columns = [
        _normal_column(batch.column(position), batch.schema.field(position), field)
        for position, field in enumerate(schema)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _normal_field(field: pa.Field) -> pa.Field:
    if _is_json(field):
        return json_field(field.name)
    if (field.metadata or {}).get(KIND_KEY) == b"decimal":
        return decimal_field(field.name)
    return pa.field(field.name, _normal_type(field.type))


def _is_json(field: pa.Field) -> bool:
    metadata = field.metadata or {}
    if metadata.get(KIND_KEY) == b"json" or metadata.get(_EXTENSION_KEY, b"").decode() in _JSON_EXTENSIONS:
        return True
    arrow_type = field.type
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type.extension_name in _JSON_EXTENSIONS
    if _is_list(arrow_type):
        element = _storage(arrow_type.value_type)
        return bool(pa.types.is_nested(element) and not pa.types.is_dictionary(element))
    return bool(pa.types.is_nested(arrow_type) and not pa.types.is_dictionary(arrow_type))


def _is_list(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(arrow_type)
        or pa.types.is_large_list(arrow_type)
        or pa.types.is_fixed_size_list(arrow_type)
        or pa.types.is_list_view(arrow_type)
        or pa.types.is_large_list_view(arrow_type)
    )


def _storage(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.storage_type if isinstance(arrow_type, pa.BaseExtensionType) else arrow_type


def _normal_type(arrow_type: pa.DataType) -> pa.DataType:
    arrow_type = pa.string() if isinstance(arrow_type, pa.UuidType) else _storage(arrow_type)
    if pa.types.is_dictionary(arrow_type) or pa.types.is_run_end_encoded(arrow_type):
        return _normal_type(arrow_type.value_type)
    if _is_list(arrow_type):
        return pa.list_(_normal_type(arrow_type.value_type))
    if pa.types.is_integer(arrow_type):
        return pa.decimal128(_UINT64_DIGITS, 0) if pa.types.is_uint64(arrow_type) else pa.int64()
    if pa.types.is_decimal(arrow_type):
        return _normal_decimal(arrow_type)
    if pa.types.is_temporal(arrow_type):
        return _normal_temporal(arrow_type)
    return _PLAIN.get(_scalar_kind(arrow_type), pa.string())


def _normal_decimal(arrow_type: pa.DataType) -> pa.DataType:
    scale = max(arrow_type.scale, 0)
    precision = arrow_type.precision + scale - arrow_type.scale
    return pa.decimal128(precision, scale) if precision <= _DECIMAL128_DIGITS else pa.decimal256(precision, scale)


def _normal_temporal(arrow_type: pa.DataType) -> pa.DataType:
    if pa.types.is_date(arrow_type):
        return pa.date32()
    if pa.types.is_time(arrow_type):
        return pa.time64("us")
    if pa.types.is_timestamp(arrow_type):
        unit = "ns" if arrow_type.unit == "ns" else "us"
        return pa.timestamp(unit, "UTC" if arrow_type.tz else None)
    return pa.string()  # durations and calendar intervals have no kind of their own


def _scalar_kind(arrow_type: pa.DataType) -> ColumnKind:
    for test, kind in _KINDS:
        if test(arrow_type):
            return kind
    if pa.types.is_timestamp(arrow_type):
        return ColumnKind.INSTANT if arrow_type.tz else ColumnKind.TIMESTAMP
    return ColumnKind.STRING


def _is_binary(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(arrow_type)
        or pa.types.is_large_binary(arrow_type)
        or pa.types.is_fixed_size_binary(arrow_type)
        or pa.types.is_binary_view(arrow_type)
    )


_KINDS: Final = (
    (pa.types.is_integer, ColumnKind.INTEGER),
    (pa.types.is_decimal, ColumnKind.DECIMAL),
    (pa.types.is_floating, ColumnKind.FLOAT),
    (pa.types.is_boolean, ColumnKind.BOOLEAN),
    (pa.types.is_date, ColumnKind.DATE),
    (pa.types.is_time, ColumnKind.TIME),
    (_is_binary, ColumnKind.BINARY),
    (pa.types.is_null, ColumnKind.NULL),
)
_PLAIN: Final = {
    ColumnKind.FLOAT: pa.float64(),
    ColumnKind.BOOLEAN: pa.bool_(),
    ColumnKind.BINARY: pa.binary(),
    ColumnKind.NULL: pa.null(),
}
_NUMBERS: Final = {ColumnKind.INTEGER, ColumnKind.DECIMAL}


def _normal_column(column: pa.Array, came: pa.Field, wanted: pa.Field) -> pa.Array:
    try:
        _validate(column)
        if _is_json(came):
            return _json_column(column, came, wanted)
        return _cast(column, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError) as error:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            raise _no_text(wanted) from error
        raise _broken(
            f"The column {wanted.name} came with a value that does not fit its type, {kind_of(wanted)}."
        ) from error


def _validate(column: pa.Array) -> None:
    """A driver's bad offsets or bytes must not reach code that trusts them."""
    if pa.types.is_time64(column.type):  # Arrow knows no 24:00:00, which SQL has; every number is a safe one
        column.validate()
    else:
        column.validate(full=True)


def _json_column(column: pa.Array, came: pa.Field, wanted: pa.Field) -> pa.Array:
    if kind_of(wanted) is not ColumnKind.JSON:
        raise _changed(wanted, ColumnKind.JSON)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_nested(_storage(came.type)):
        return pa.array(json_texts(column), pa.string())
    return column.cast(pa.string())


def _cast(column: pa.Array, wanted: pa.Field) -> pa.Array:
    if column.type == wanted.type:
        return column
    if kind_of(wanted) is ColumnKind.JSON and pa.types.is_null(column.type):
        return column.cast(pa.string())
    column = _unwrapped(column)
    came = kind_of(pa.field(wanted.name, _normal_type(column.type)))
    expected = kind_of(wanted)
    fits = came is expected or came is ColumnKind.NULL or (came in _NUMBERS and expected in _NUMBERS)
    if expected is ColumnKind.JSON:
        fits = came is ColumnKind.STRING
    if not fits:
        raise _changed(wanted, came)
    if pa.types.is_list(wanted.type):
        return _cast_list(column, wanted)
    if pa.types.is_interval(column.type):
        return pa.array([None if value is None else interval_text(*value) for value in column.to_pylist()], pa.string())
    if pa.types.is_duration(column.type):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return _cut_towards_past(column, wanted.type).cast(wanted.type)


def _unwrapped(column: pa.Array) -> pa.Array:
    """The plain values of dictionary, run-end and extension arrays."""
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    if isinstance(column, pa.ExtensionArray):
        return _unwrapped(column.storage)
    if pa.types.is_dictionary(column.type):
        return _unwrapped(column.dictionary_decode())
    if pa.types.is_run_end_encoded(column.type):
        return _unwrapped(pc.run_end_decode(column))
    return column


def _cast_list(column: pa.Array, wanted: pa.Field) -> pa.Array:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), wanted.type)
    element = pa.field(wanted.name, wanted.type.value_type)
    plain = column.cast(pa.list_(column.type.value_type))
    if plain.offset:
        plain = plain.take(pa.array(range(len(plain)), pa.int64()))  # a mask cannot be given beside sliced offsets
    values = _cast(plain.values, element)
    return pa.ListArray.from_arrays(plain.offsets, values, type=wanted.type, mask=plain.is_null())


def _cut_towards_past(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Drops what is finer than a microsecond where microseconds are wanted; a cast alone refuses or cuts towards 1970."""
    is_timestamp = pa.types.is_timestamp(column.type) and pa.types.is_timestamp(wanted)
    if is_timestamp and column.type.unit == "ns" and wanted.unit == "us":
        return pc.floor_temporal(column, unit="microsecond")
    if pa.types.is_time64(column.type) and column.type.unit == "ns" and pa.types.is_time(wanted):
        return pc.floor_temporal(column, unit="microsecond")
    return column


def _changed(wanted: pa.Field, came: ColumnKind) -> WarehouseError:
    return _broken(f"The column {wanted.name} was announced as {kind_of(wanted)} and came as {came}.")


def _no_text(column: pa.Field) -> WarehouseError:
    return WarehouseError(
        f"The column {column.name} holds bytes that are no UTF-8. Convert or leave out such values in the query.",
        fault=WarehouseFault.QUERY,
        step=WarehouseStep.FETCH,
    )


def _broken(sentence: str) -> WarehouseError:
    return WarehouseError(
        f"{sentence} The run starts the query again.", fault=WarehouseFault.PROTOCOL, step=WarehouseStep.FETCH
    )
