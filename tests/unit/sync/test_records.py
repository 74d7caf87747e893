"""From rows to what the profile shows: every kind of value, every limit, every rejected row (§4, decisions D8, D10, D29, D32)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tests.unit.profiles.applying import Home, table
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.profiles.protocol import DroppedValues
from warehouse_sync.warehouses.arrow import json_field

JSON = json_field("x")
MOMENT = datetime(2023, 2, 13, 10, 0, 33)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def one(home: Home, value: object, arrow_type: pa.DataType | pa.Field) -> RunCounts:
    return home.apply(table([{"email": "a@example.com", "x": value}], x=arrow_type))


# --- values -------------------------------------------------------------------------------------------------------------------------

SCALARS = [
    (pa.int64(), 0, 0, "0"),
    (pa.int64(), -(2**63), -(2**63), str(-(2**63))),
    (pa.int64(), 2**53 + 1, 2**53 + 1, "9007199254740993"),
    (pa.decimal128(12, 2), Decimal("5.00"), Decimal("5.00"), "5.00"),
    (pa.decimal128(38, 20), Decimal("0.00000000000000000001"), Decimal("1E-20"), "0.00000000000000000001"),
    (pa.decimal128(38, 0), Decimal("9" * 38), Decimal("9" * 38), "9" * 38),
    (pa.decimal128(20, 0), Decimal(2**64 - 1), Decimal(2**64 - 1), str(2**64 - 1)),
    (pa.decimal256(60, 1), Decimal("9" * 50 + ".5"), Decimal("9" * 50 + ".5"), "9" * 50 + ".5"),
    (pa.decimal256(60, 20), Decimal("-0.00000000000000000001"), Decimal("-1E-20"), "-0.00000000000000000001"),
    (pa.float64(), 0.998, 0.998, "0.998"),
    (pa.float64(), 5.0, 5.0, "5"),
    (pa.float64(), 1e23, 1e23, "1" + "0" * 23),
    (pa.float64(), 1e-7, 1e-7, "0.0000001"),
    (pa.float64(), 100.0, 100.0, "100"),
    (pa.float64(), float("inf"), float("inf"), "inf"),
    (pa.bool_(), True, True, "true"),
    (pa.bool_(), False, False, "false"),
    (pa.string(), "Ann", "Ann", "Ann"),
    (pa.string(), "", "", ""),
    (
        pa.string(),
        " 'quoted' \"twice\" \\ \n \U0001f600 é ",
        " 'quoted' \"twice\" \\ \n \U0001f600 é ",
        " 'quoted' \"twice\" \\ \n \U0001f600 é ",
    ),
    (pa.string(), "null", "null", "null"),
    (pa.string(), "[1]", "[1]", "[1]"),
    (pa.date32(), date(2023, 2, 13), date(2023, 2, 13), "2023-02-13"),
    (pa.date32(), date(1, 1, 1), date(1, 1, 1), "0001-01-01"),
    (pa.timestamp("us"), MOMENT, MOMENT, "2023-02-13 10:00:33.000"),
    (
        pa.timestamp("us"),
        MOMENT.replace(microsecond=567_999),
        MOMENT.replace(microsecond=567_999),
        "2023-02-13 10:00:33.567",
    ),
    (pa.timestamp("us"), datetime(17, 2, 3), datetime(17, 2, 3), "0017-02-03 00:00:00.000"),
    (
        pa.timestamp("us", "UTC"),
        datetime(2023, 2, 13, 12, 0, 33, tzinfo=ZoneInfo("Europe/Berlin")),
        MOMENT.replace(hour=11),
        "2023-02-13 11:00:33.000",
    ),
    (pa.time64("us"), time(10, 0, 33), time(10, 0, 33), "10:00:33"),
    (pa.binary(), b"\x00\xffA", "00FF41", "00FF41"),
]


@pytest.mark.parametrize(("arrow_type", "given", "value", "text"), SCALARS)
def test_scalars(home: Home, arrow_type: pa.DataType, given: object, value: object, text: str) -> None:
    assert one(home, given, arrow_type).changed == 1
    found = home.attributes()["x"]
    assert found.value == value
    assert type(found.value) is type(value)
    assert found.text == text


def test_not_a_number(home: Home) -> None:
    one(home, float("nan"), pa.float64())
    assert isnan(home.values()["x"])
    assert home.texts()["x"] == "nan"
    assert one(home, float("nan"), pa.float64()).unchanged == 1


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize(
    ("nanoseconds", "text", "microsecond"),
    [
        (1_676_282_433_123_456_999, "2023-02-13 10:00:33.123", 123_456),
        (1_676_282_433_999_999_999, "2023-02-13 10:00:33.999", 999_999),
        (-1, "1969-12-31 23:59:59.999", 999_999),
    ],
)
def test_nanoseconds_are_cut_towards_the_past(
    home: Home, zone: str | None, nanoseconds: int, text: str, microsecond: int
) -> None:
    one(home, nanoseconds, pa.timestamp("ns", zone))
    assert home.values()["x"].microsecond == microsecond
    assert home.texts()["x"] == text
    one(home, [nanoseconds], pa.list_(pa.timestamp("ns", zone)))
    assert home.texts()["x"] == [text]


LISTS = [
    (pa.list_(pa.string()), ["Green", "Red", None, ""], ["Green", "Red", None, ""], ["Green", "Red", "", ""]),
    (pa.list_(pa.string()), [], [], []),
    (pa.list_(pa.int64()), [1, 2**60 + 1], [1, 2**60 + 1], ["1", str(2**60 + 1)]),
    (pa.list_(pa.float64()), [1.5, 2.0], [Decimal("1.5"), Decimal("2.0")], ["1.5", "2.0"]),
    (
        pa.list_(pa.decimal128(30, 2)),
        [Decimal("12345678901234567.89")],
        [Decimal("12345678901234567.89")],
        ["12345678901234567.89"],
    ),
    (pa.list_(pa.bool_()), [True, False], [True, False], ["true", "false"]),
    (pa.list_(pa.date32()), [date(2023, 2, 13)], ["2023-02-13"], ["2023-02-13"]),
    (pa.list_(pa.timestamp("us")), [MOMENT, None], ["2023-02-13 10:00:33.000", None], ["2023-02-13 10:00:33.000", ""]),
    (
        pa.list_(pa.timestamp("us", "UTC")),
        [datetime(2023, 2, 13, 10, 0, 33, 567_999, tzinfo=UTC)],
        ["2023-02-13 10:00:33.567"],
        ["2023-02-13 10:00:33.567"],
    ),
    (pa.list_(pa.binary()), [b"\xff"], ["FF"], ["FF"]),
]


@pytest.mark.parametrize(("arrow_type", "given", "value", "text"), LISTS)
def test_lists(home: Home, arrow_type: pa.DataType, given: list, value: list, text: list) -> None:
    assert one(home, given, arrow_type).changed == 1
    assert home.values()["x"] == value
    assert home.texts()["x"] == text


DOCUMENTS = [
    ('["Green", "Red"]', ["Green", "Red"], ["Green", "Red"]),
    ("[1, true, null, 2.5]", [1, True, None, Decimal("2.5")], ["1", "true", "", "2.5"]),
    ("[undefined,undefined, 1]", [None, None, 1], ["", "", "1"]),
    (
        '["a,undefined", undefined, "b: undefined"]',
        ["a,undefined", None, "b: undefined"],
        ["a,undefined", "", "b: undefined"],
    ),
    ('"text"', "text", "text"),
    ("true", True, "true"),
    ("17", 17, "17"),
    ("12345678901234567890123", 12345678901234567890123, "12345678901234567890123"),
    ("0.5", Decimal("0.5"), "0.5"),
    ('{ "a" : 1, "b" : [ "é", null ] }', {"a": 1, "b": ["é", None]}, '{"a":1,"b":["é",null]}'),
    ('{"b":1,"a":undefined}', {"b": 1, "a": None}, '{"b":1,"a":null}'),
    ("[[1, 2], [3]]", [[1, 2], [3]], "[[1,2],[3]]"),
    ('[{"a": 1}]', [{"a": 1}], '[{"a":1}]'),
    ("{}", {}, "{}"),
    ("not json", "not json", "not json"),
    ("", "", ""),
]


@pytest.mark.parametrize(("given", "value", "text"), DOCUMENTS)
def test_documents(home: Home, given: str, value: object, text: object) -> None:
    assert one(home, given, JSON).changed == 1
    assert home.values()["x"] == value
    assert home.texts()["x"] == text


@pytest.mark.parametrize("given", ["null", " null ", "undefined", None])
def test_json_null_is_no_value(home: Home, given: str | None) -> None:
    one(home, given, JSON)
    assert home.values() == {}


@pytest.mark.parametrize("given", ["1e999999999", "-1e-999999999", "[1e99999999]", "[" * 2000 + "]" * 2000])
def test_a_hostile_document_can_still_be_read(home: Home, given: str) -> None:
    one(home, given, JSON)
    text = home.texts().get("x", "")
    assert len(str(text)) < 5000


def test_a_column_without_type(home: Home) -> None:
    home.apply(table([{"email": "a@example.com"}], x=pa.null()))
    assert home.values() == {}


# --- limits (D32) -------------------------------------------------------------------------------------------------------------------

TOO_LONG = [
    (pa.string(), "é" * 4096, "é" * 4097),
    (pa.string(), "\U0001f600" * 4096, "\U0001f600" * 4097),
    (pa.binary(), b"x" * 2048, b"x" * 2049),
    (pa.list_(pa.string()), ["x"] * 1000, ["x"] * 1001),
    (pa.list_(pa.string()), ["é" * 512], ["é" * 513]),
    (pa.list_(pa.int64()), [10**12] * 1000, [10**12] * 1001),
    (JSON, json.dumps(["x" * 512]), json.dumps(["x" * 513])),
    (JSON, json.dumps(["x"] * 1000), json.dumps(["x"] * 1001)),
    (JSON, json.dumps('"' * 4096), json.dumps('"' * 4097)),
    (JSON, '{"a":"' + "x" * 4088 + '"}', '{"a":"' + "x" * 4089 + '"}'),
    (JSON, '[["' + "x" * 4090 + '"]]', '[["' + "x" * 4091 + '"]]'),
    (JSON, json.dumps([[1] * 200] * 10, separators=(",", ":")), json.dumps([[1] * 200] * 11, separators=(",", ":"))),
]


@pytest.mark.parametrize(("arrow_type", "longest", "too_long"), TOO_LONG)
def test_an_over_long_value_is_dropped_and_counted(
    home: Home, arrow_type: pa.DataType | pa.Field, longest: object, too_long: object
) -> None:
    assert one(home, longest, arrow_type).values_dropped == 0
    assert "x" in home.values()
    counts = one(home, too_long, arrow_type)
    assert counts.values_dropped == 1
    assert counts.changed == 1  # the rest of the row is applied
    assert home.values() == {}


def test_dropped_values_are_counted_one_by_one(home: Home) -> None:
    long = "x" * 5000
    counts = home.sync({"email": "a", "p": long, "q": long, "r": "kept"}, {"email": "b", "p": long})
    assert counts.values_dropped == 3
    assert home.dropped() == (DroppedValues("p", "value_too_long", 2), DroppedValues("q", "value_too_long", 1))
    assert home.values() == {"r": "kept"}


@pytest.mark.parametrize(("length", "kept"), [(256, True), (257, False)])
def test_names_have_a_limit(home: Home, length: int, kept: bool) -> None:
    name = "\U0001f600" * length
    counts = home.sync({"email": "a", name: "1"}, {"email": "b", name: None})
    assert counts.values_dropped == (0 if kept else 1)
    assert home.dropped() == (() if kept else (DroppedValues(name, "name_too_long", 1),))
    assert home.values() == ({name: "1"} if kept else {})


def test_names_are_taken_as_they_are(home: Home) -> None:
    names = [
        "Level",
        "level",
        "LEVEL",
        "with space",
        "it's",
        'say "hi"',
        "a;--",
        "\U0001f600",
        "ord",
        "c_0",
        "a_1",
        "profile",
        "$FirstName",
        "é",
        "e\u0301",
        "%s {0}",
    ]
    home.sync({"email": "a", **{name: f"v{place}" for place, name in enumerate(names)}})
    assert home.values() == {name: f"v{place}" for place, name in enumerate(names)}


# --- identities and rejects (D10, D29) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrow_type", "value", "text"),
    [
        (pa.int64(), 17, "17"),
        (pa.int64(), -(2**63), str(-(2**63))),
        (pa.float64(), 17.0, "17"),
        (pa.float64(), 1e15, "1000000000000000"),
        (pa.decimal128(12, 2), Decimal("17.00"), "17"),
        (pa.decimal128(38, 0), Decimal("9" * 38), "9" * 38),
        (pa.decimal256(60, 2), Decimal("17.00"), "17"),
        (pa.string(), "0017", "0017"),
    ],
)
def test_identities_as_numbers(home: Home, arrow_type: pa.DataType, value: object, text: str) -> None:
    assert home.apply(table([{"customer_id": value}], customer_id=arrow_type)).profiles_created == 1
    assert home.identities(1) == {"customer_id": text}
    assert home.sync({"customer_id": f" {text} "}).profiles_matched == 1


@pytest.mark.parametrize(
    ("arrow_type", "value"),
    [
        (pa.float64(), 17.5),
        (pa.float64(), float("nan")),
        (pa.float64(), float("inf")),
        (pa.float64(), 1e39),
        (pa.decimal128(12, 2), Decimal("17.01")),
        (pa.decimal128(12, 2), Decimal("-0.01")),
        (pa.decimal128(38, 10), Decimal("9" * 28 + "." + "9" * 10)),
        (pa.decimal256(60, 2), Decimal("17.50")),
        (pa.decimal256(60, 0), Decimal("1" * 45)),
    ],
)
def test_a_number_that_is_not_whole_is_no_identity(home: Home, arrow_type: pa.DataType, value: object) -> None:
    counts = home.apply(table([{"customer_id": value, "email": "a"}], customer_id=arrow_type))
    assert (counts.extracted, counts.rejected, counts.mapped) == (1, 1, 0)
    assert list(home.rejects()) == ["fractional_identity"]
    assert home.count() == 0


def test_rows_that_reach_nobody_are_listed_with_their_values(home: Home) -> None:
    rows = [
        {"customer_id": "a", "phone_number_2": None, "city": "Bern"},
        {"customer_id": None, "phone_number_2": "1", "city": "Rome", "t": 3},
        {"customer_id": " \t", "phone_number_2": "", "city": "x" * 300},
        {"customer_id": None, "phone_number_2": "2", "city": None},
    ]
    counts = home.sync(*rows)
    assert (counts.extracted, counts.rejected, counts.changed, counts.profiles_created) == (4, 3, 1, 1)
    found = home.rejects()
    assert {reason: rejects.count for reason, rejects in found.items()} == {"no_identity": 1, "no_lookup_identity": 2}
    [sample] = found["no_identity"].samples
    assert sample.row["city"] == "x" * 256
    assert [sample.row["city"] for sample in found["no_lookup_identity"].samples] == [None, "Rome"]
    assert found["no_lookup_identity"].samples[1].row["t"].startswith("2023-02-13 10:00:03")


def test_twenty_samples_of_a_reason(home: Home) -> None:
    home.sync(*({"customer_id": None, "n": str(number)} for number in range(50)))
    [rejects] = home.rejects().values()
    assert rejects.count == 50
    assert [sample.row["n"] for sample in rejects.samples] == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    ("arrow_type", "value", "text"),
    [
        (pa.timestamp("ns"), 1_676_282_433_123_456_789, "2023-02-13 10:00:33.123456"),
        (pa.timestamp("ns", "UTC"), 1_676_282_433_123_456_789, "2023-02-13 10:00:33.123456"),
        (pa.date32(), 10_000_000, "29349"),  # a year that Python cannot hold
        (pa.decimal256(60, 1), Decimal("1.5"), "1.5"),
        (pa.binary(), b"\xff\x00", "ff"),
        (pa.list_(pa.int64()), [1, 2], "[1, 2]"),
        (pa.list_(pa.timestamp("ns")), [1_676_282_433_123_456_789], "2023"),
        (pa.null(), None, None),
    ],
)
def test_samples_of_any_type(home: Home, arrow_type: pa.DataType, value: object, text: str | None) -> None:
    rows = [{"customer_id": None, "x": value}]
    assert home.apply(table(rows, customer_id=pa.string(), x=arrow_type)).rejected == 1
    [sample] = home.rejects()["no_identity"].samples
    assert sample.row["x"] == text if text is None else text in sample.row["x"]


def test_the_mpid_names_a_profile_directly(home: Home) -> None:
    home.sync({"email": "a", "city": "Bern"})
    mpid = str(home.mpid(1))
    counts = home.sync(
        {"mpid": f" {mpid} ", "email": None, "city": "Rome", "t": 1}, {"mpid": "", "email": "b", "city": "Oslo"}
    )
    assert (counts.rejected, counts.profiles_matched, counts.profiles_created) == (0, 1, 1)
    assert home.values(1) == {"city": "Rome"}
    assert home.values(2) == {"city": "Oslo"}


@pytest.mark.parametrize("mpid", ["0", "-1", "12", "abc", "1.5", str(2**62), str(2**63), "9" * 40])
def test_an_unknown_mpid_is_rejected(home: Home, mpid: str) -> None:
    home.sync({"email": "a"})
    counts = home.sync({"mpid": mpid, "email": "a"})
    assert counts.rejected == 1
    assert list(home.rejects()) == ["unknown_mpid"]


# --- the load timestamp -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "zone", "arrow_type", "value", "instant"),
    [
        (LoadTimestampType.TIMESTAMP_NTZ, None, pa.timestamp("us"), MOMENT, "2023-02-13T10:00:33"),
        (LoadTimestampType.TIMESTAMP_NTZ, "America/New_York", pa.timestamp("us"), MOMENT, "2023-02-13T15:00:33"),
        (LoadTimestampType.TIMESTAMP_NTZ, "Asia/Kathmandu", pa.timestamp("ns"), MOMENT, "2023-02-13T04:15:33"),
        (
            LoadTimestampType.TIMESTAMP_TZ,
            "America/New_York",
            pa.timestamp("us", "UTC"),
            MOMENT.replace(tzinfo=UTC),
            "2023-02-13T10:00:33",
        ),
        (LoadTimestampType.TIMESTAMP_NTZ, None, pa.timestamp("ns"), 1_676_282_433_000_000_999, "2023-02-13T10:00:33"),
        (LoadTimestampType.DATE, "America/New_York", pa.date32(), date(2023, 2, 13), "2023-02-13T05:00:00"),
        (LoadTimestampType.UNIXTIME_S, "America/New_York", pa.int64(), 1_676_282_433, "2023-02-13T10:00:33"),
        (LoadTimestampType.UNIXTIME_MS, None, pa.int64(), -1, "1969-12-31T23:59:59.999000"),
        (LoadTimestampType.UNIXTIME_S, None, pa.decimal128(20, 0), Decimal(1_676_282_433), "2023-02-13T10:00:33"),
        (LoadTimestampType.UNIXTIME_S, None, pa.decimal128(20, 3), Decimal("1676282433.999"), "2023-02-13T10:00:33"),
        (LoadTimestampType.UNIXTIME_S, None, pa.int64(), -(2**63), "0001-01-01T00:00:00"),
        (LoadTimestampType.UNIXTIME_MS, None, pa.int64(), 2**63 - 1, "9999-12-31T23:59:59"),
    ],
)
def test_the_load_timestamp_as_an_instant(
    home: Home, declared: LoadTimestampType, zone: str | None, arrow_type: pa.DataType, value: object, instant: str
) -> None:
    stamp = LoadTimestamp("t", declared, zone)
    home.apply(table([{"t": value, "email": "a", "x": "1"}], t=arrow_type), stamp=stamp)
    assert home.attributes()["x"].load_timestamp == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_rows_are_ordered_by_load_timestamp_then_place(home: Home) -> None:
    counts = home.sync(
        {"email": "a", "x": "newest", "t": 9},
        {"email": "a", "x": "oldest", "t": 1},
        {"email": "b", "x": "first", "t": 5},
        {"email": "b", "x": "second", "t": 5},
    )
    values = [home.values(number)["x"] for number in home.holders_of_emails("a", "b")]
    assert values == ["newest", "second"]
    assert (counts.changed, counts.superseded) == (2, 2)


def test_a_row_is_applied_at_its_own_time(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "t": 7})
    found = home.attributes()["x"]
    assert found.load_timestamp == datetime(2023, 2, 13, 10, tzinfo=UTC) + timedelta(seconds=7)
    assert (found.run_id, found.data_model_key) == (1, 7)
