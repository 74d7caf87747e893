"""Redshift's rows as Arrow: the connector has none, so each fetch of Python values becomes one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from redshift_connector.utils.oids import RedshiftOID as Oid

from warehouse_sync.warehouses.arrow import decimal_field, json_field

_INTEGERS: Final = (Oid.SMALLINT, Oid.INTEGER, Oid.BIGINT, Oid.OID)
_TYPES: Final[Mapping[int, pa.DataType]] = {
    **dict.fromkeys(map(int, _INTEGERS), pa.int64()),
    int(Oid.REAL): pa.float64(),
    int(Oid.FLOAT): pa.float64(),
    int(Oid.BOOLEAN): pa.bool_(),
    int(Oid.DATE): pa.date32(),
    int(Oid.TIMESTAMP): pa.timestamp("us"),
    int(Oid.TIMESTAMPTZ): pa.timestamp("us", "UTC"),
    int(Oid.TIME): pa.time64("us"),
    int(Oid.BYTES): pa.binary(),
}
_JSON: Final = frozenset({int(Oid.SUPER), int(Oid.JSONB)})  # JSONB: PostgreSQL's, which stands in for Redshift in tests


@dataclass(frozen=True, slots=True)
class RowShape:
    """The columns of a result.

    Attributes:
        schema: its normal schema.
        convert: for each column what makes the connector's values Arrow's; None if they are.
    """

    schema: pa.Schema
    convert: tuple[Callable[[Any], Any] | None, ...]


def row_shape(description: Sequence[Sequence[Any]]) -> RowShape:
    """The shape of what a cursor's ``description`` tells: name and type number of each column."""
    fields = [_field(str(column[0]), int(column[1])) for column in description]
    return RowShape(
        pa.schema(fields),
        tuple(_converter(int(column[1]), f.type) for column, f in zip(description, fields, strict=True)),
    )


def batch_of(rows: Sequence[Sequence[Any]], shape: RowShape) -> pa.RecordBatch:
    """A batch of rows, which are lists of values in the order of the columns.

    Raises:
        pa.ArrowException, TypeError, ValueError, OverflowError: a value does not fit its column.
    """
    columns = []
    for values, convert, one in zip(zip(*rows, strict=True), shape.convert, shape.schema, strict=True):
        made = values if convert is None else [None if value is None else convert(value) for value in values]
        columns.append(pa.array(made, one.type))
    return pa.RecordBatch.from_arrays(columns, schema=shape.schema)


def _field(name: str, oid: int) -> pa.Field:
    if oid == Oid.NUMERIC:
        return decimal_field(name)
    if oid in _JSON:
        return json_field(name)
    return pa.field(name, _TYPES.get(oid, pa.string()))


def _converter(oid: int, arrow_type: pa.DataType) -> Callable[[Any], Any] | None:
    if oid == Oid.NUMERIC:
        return "{:f}".format
    if pa.types.is_string(arrow_type):
        return _text
    return _from_hexadecimal if pa.types.is_binary(arrow_type) else None


def _from_hexadecimal(value: str | bytes) -> bytes:
    """The connector gives the digits."""
    digits = value.decode() if isinstance(value, bytes) else value
    return bytes.fromhex(digits.removeprefix("\\x"))


def _text(value: Any) -> str:  # noqa: ANN401 - whatever the connector makes of a type
    if isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)
