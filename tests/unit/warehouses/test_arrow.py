from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.errors import WarehouseError, WarehouseFault
from warehouse_sync.warehouses.arrow import column_kinds, decimal_field, kind_of, normal_schema, normalise

NORMAL = [
    (pa.int8(), pa.int64()),
    (pa.uint32(), pa.int64()),
    (pa.uint64(), pa.decimal128(20, 0)),
    (pa.decimal128(5, 2), pa.decimal128(5, 2)),
    (pa.decimal32(5, 2), pa.decimal128(5, 2)),
    (pa.decimal128(5, -2), pa.decimal128(7, 0)),
    (pa.decimal256(50, 3), pa.decimal256(50, 3)),
    (pa.decimal256(20, 3), pa.decimal128(20, 3)),
    (pa.float32(), pa.float64()),
    (pa.large_string(), pa.string()),
    (pa.string_view(), pa.string()),
    (pa.large_binary(), pa.binary()),
    (pa.binary(4), pa.binary()),
    (pa.date64(), pa.date32()),
    (pa.timestamp("s"), pa.timestamp("us")),
    (pa.timestamp("ns"), pa.timestamp("ns")),
    (pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("us", "UTC")),
    (pa.time32("s"), pa.time64("us")),
    (pa.time64("ns"), pa.time64("us")),
    (pa.dictionary(pa.int8(), pa.large_string()), pa.string()),
    (pa.list_(pa.int16()), pa.list_(pa.int64())),
    (pa.large_list(pa.timestamp("ns", "Asia/Tokyo")), pa.list_(pa.timestamp("ns", "UTC"))),
    (pa.list_(pa.float32(), 3), pa.list_(pa.float64())),
    (pa.month_day_nano_interval(), pa.string()),
    (pa.duration("s"), pa.string()),
    (pa.uuid(), pa.string()),
    (pa.null(), pa.null()),
    (pa.bool8(), pa.int64()),
]


def one(values: list[object], came: pa.DataType, wanted: pa.DataType | None = None) -> pa.Array:
    batch = pa.RecordBatch.from_arrays([pa.array(values, came)], names=["c"])
    schema = normal_schema(batch.schema if wanted is None else pa.schema([("c", wanted)]))
    return normalise(batch, schema).column(0)


@pytest.mark.parametrize(("came", "wanted"), NORMAL, ids=str)
def test_types_have_one_normal_form(came: pa.DataType, wanted: pa.DataType) -> None:
    schema = normal_schema(pa.schema([pa.field("c", came, metadata={b"driver": b"says"})]))
    assert schema.field("c").type == wanted
    assert schema.field("c").metadata is None
    empty = pa.RecordBatch.from_arrays([pa.nulls(3, came)], names=["c"])
    assert normalise(empty, schema).column(0).to_pylist() == [None] * 3
    assert normal_schema(schema) == schema


@pytest.mark.parametrize(
    "came",
    [
        pa.struct([("a", pa.int8())]),
        pa.map_(pa.string(), pa.int8()),
        pa.list_(pa.list_(pa.int8())),
        pa.list_(pa.struct([("a", pa.int8())])),
        pa.json_(),
    ],
    ids=str,
)
def test_what_is_nested_is_json(came: pa.DataType) -> None:
    field = normal_schema(pa.schema([("c", came)])).field("c")
    assert field.type == pa.string()
    assert kind_of(field) is ColumnKind.JSON


def test_kinds_are_told_by_the_normal_type() -> None:
    schema = normal_schema(
        pa.schema([("a", pa.uint64()), ("b", pa.timestamp("ms", "UTC")), ("c", pa.list_(pa.int8()))])
    )
    assert [column.kind for column in column_kinds(schema)] == [ColumnKind.DECIMAL, ColumnKind.INSTANT, ColumnKind.LIST]


def test_times_are_cut_towards_the_past() -> None:
    before_1970, after_1970 = -1, 1_999
    column = one([before_1970, after_1970], pa.timestamp("ns"), pa.timestamp("us"))
    assert column.cast(pa.int64()).to_pylist() == [-1, 1]
    assert one([1_999], pa.time64("ns")).cast(pa.int64()).to_pylist() == [1]


def test_nested_values_become_exact_json() -> None:
    nested = pa.struct(
        [("d", pa.decimal128(38, 2)), ("f", pa.float64()), ("b", pa.binary()), ("t", pa.timestamp("us"))]
    )
    value = {"d": Decimal("0.10"), "f": float("nan"), "b": b"\x01", "t": datetime(2024, 1, 1)}
    (text,) = one([value], nested).to_pylist()
    assert json.loads(text) == {"d": 0.1, "f": None, "b": "01", "t": "2024-01-01T00:00:00"}
    (text,) = one([{"d": Decimal("123456789012345678901234.56")}], nested).to_pylist()
    assert json.loads(text)["d"] == "123456789012345678901234.56"
    maps = pa.map_(pa.string(), pa.list_(pa.int8()))
    assert one([[("a", [1]), ("b", None)], [], None], maps).to_pylist() == ['{"a":[1],"b":null}', "{}", None]
    inside = pa.struct([("m", pa.map_(pa.string(), pa.int8()))])
    assert one([{"m": [("a", 1)]}], inside).to_pylist() == ['{"m":{"a":1}}']


def test_lists_keep_nulls_and_slices() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([["x"], None, [], ["y", None]], pa.list_(pa.large_string()))], names=["c"]
    )
    schema = normal_schema(batch.schema)
    assert normalise(batch, schema).column(0).to_pylist() == [["x"], None, [], ["y", None]]
    assert normalise(batch.slice(1), schema).column(0).to_pylist() == [None, [], ["y", None]]


def test_uuids_and_enums_are_text() -> None:
    value = UUID("00000000-0000-0000-0000-000000000001")
    assert one([value.bytes, None], pa.uuid()).to_pylist() == [str(value), None]
    assert one(["a", None], pa.dictionary(pa.int8(), pa.string())).to_pylist() == ["a", None]


def test_numbers_of_any_width_fit_the_announced_type() -> None:
    wanted = pa.decimal128(38, 2)
    for came in (pa.int8(), pa.int64(), pa.decimal128(5, 2), pa.null()):
        assert one([None], came, wanted).type == wanted
    assert one([7], pa.int8(), wanted).to_pylist() == [Decimal("7.00")]
    assert one([Decimal(7)], pa.decimal128(38, 0), pa.int64()).to_pylist() == [7]


@pytest.mark.parametrize(
    ("values", "came", "wanted"),
    [
        (["x"], pa.string(), pa.int64()),
        ([1], pa.int64(), pa.string()),
        ([1.5], pa.float64(), pa.decimal128(10, 2)),
        ([Decimal("1.5")], pa.decimal128(3, 1), pa.int64()),
        ([2**62], pa.int64(), pa.decimal128(5, 0)),
        ([[1]], pa.list_(pa.int8()), pa.list_(pa.string())),
        ([{"a": 1}], pa.struct([("a", pa.int8())]), pa.string()),
        ([253402300800000000], pa.timestamp("us"), pa.timestamp("ns")),
    ],
)
def test_another_kind_or_a_value_that_does_not_fit_breaks_the_protocol(
    values: list[object], came: pa.DataType, wanted: pa.DataType
) -> None:
    with pytest.raises(WarehouseError, match="column c") as caught:
        one(values, came, wanted)
    assert caught.value.fault is WarehouseFault.PROTOCOL


def test_text_that_is_no_utf8_breaks_the_protocol() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    batch = pa.RecordBatch.from_arrays([broken], names=["c"])
    with pytest.raises(WarehouseError):
        normalise(batch, normal_schema(batch.schema))


def test_other_columns_break_the_protocol() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1])], names=["other"])
    with pytest.raises(WarehouseError, match="other columns"):
        normalise(batch, pa.schema([("c", pa.int64())]))


def test_decimals_of_any_length_are_text_that_is_a_decimal() -> None:
    schema = normal_schema(pa.schema([decimal_field("n")]))
    assert kind_of(schema.field(0)) is ColumnKind.DECIMAL
    batch = pa.RecordBatch.from_arrays([pa.array(["1." + "0" * 90, "NaN", None])], schema=schema)
    assert normalise(batch, schema).equals(batch, check_metadata=True)


def test_bytes_that_are_no_text_are_refused_for_good_by_the_name_of_their_column() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"a\xff"], pa.binary()).buffers())
    batch = pa.RecordBatch.from_arrays([broken], names=["t"])
    with pytest.raises(WarehouseError, match="column t holds bytes that are no UTF-8") as caught:
        normalise(batch, batch.schema)
    assert (caught.value.fault, caught.value.transient) == (WarehouseFault.QUERY, False)


def test_a_time_of_day_may_be_the_end_of_the_day() -> None:
    column = pa.array([86_400_000_000], pa.int64()).view(pa.time64("us"))
    batch = pa.RecordBatch.from_arrays([column], names=["t"])
    assert normalise(batch, batch.schema).column(0).view(pa.int64()).to_pylist() == [86_400_000_000]
