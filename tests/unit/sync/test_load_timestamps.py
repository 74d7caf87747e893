"""Load timestamps: cut, ordered, and turned into instants with the zone data that the interval's bounds use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.load_timestamp import TimestampClass
from warehouse_sync.sync.load_timestamps import application_order, instants, shown_timestamps

ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
]


def column(values: list[datetime]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.timestamp("us"))])


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), max_size=20), st.sampled_from(ZONES))
def test_instants_equal_the_zone_one_by_one(walls: list[datetime], name: str) -> None:
    zone = ZoneInfo(name)
    found = instants(column(walls), TimestampClass.ZONELESS, zone).to_pylist()
    assert found == [wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) for wall in walls]


def test_a_wall_clock_shown_twice_means_its_first_time() -> None:
    wall = datetime(2024, 11, 3, 1, 30)
    [found] = instants(column([wall]), TimestampClass.ZONELESS, ZoneInfo("America/New_York")).to_pylist()
    assert found == wall + timedelta(hours=4)


@pytest.mark.parametrize("kind", [TimestampClass.INSTANT, TimestampClass.INTEGER_SECONDS])
def test_what_has_no_wall_clock_is_an_instant_already(kind: TimestampClass) -> None:
    shown = column([datetime(2024, 7, 1, 12)])
    assert instants(shown, kind, ZoneInfo("America/New_York")) is shown


def test_the_ends_of_the_calendar_have_no_offset_that_leaves_it() -> None:
    ends = [datetime.min, datetime.max.replace(microsecond=0)]
    found = instants(column(ends), TimestampClass.ZONELESS, ZoneInfo("Asia/Kathmandu"))
    assert len(found) == 2


def test_order_is_by_time_then_by_place() -> None:
    moments = [datetime(2024, 1, day) for day in (3, 1, 3, 2)]
    assert application_order(column(moments), column(moments)).tolist() == [2, 0, 3, 1]


def test_nanoseconds_are_cut_before_and_after_the_epoch() -> None:
    stamps = pa.chunked_array([pa.array([1_999, -1], pa.timestamp("ns"))])
    shown = shown_timestamps(stamps, TimestampClass.ZONELESS)
    assert shown.cast(pa.int64()).to_pylist() == [1, -1]


def test_nanoseconds_count_for_the_order() -> None:
    stamps = pa.chunked_array([pa.array([2, 1, 3], pa.timestamp("ns"))])
    shown = shown_timestamps(stamps, TimestampClass.INSTANT)
    assert shown.cast(pa.int64()).to_pylist() == [0, 0, 0]
    assert application_order(stamps, shown).tolist() == [1, 0, 2]


@pytest.mark.parametrize("kind", [TimestampClass.INSTANT, TimestampClass.ZONELESS, TimestampClass.DATE])
def test_moments_without_end_are_the_ends_of_the_calendar(kind: TimestampClass) -> None:
    if kind is TimestampClass.DATE:
        ends = pa.array([-(2**31) + 1, 0, 2**31 - 1], pa.int32()).view(pa.date32())
        last = datetime(9999, 12, 31)
    else:
        ends = pa.array([-(2**63) + 1, 0, 2**63 - 1], pa.int64()).view(pa.timestamp("us"))
        last = datetime.max
    shown = shown_timestamps(pa.chunked_array([ends]), kind)
    assert shown.to_pylist() == [datetime.min, datetime(1970, 1, 1), last]


@pytest.mark.parametrize("texts", [["1700000000", "-1"], ["0", "99999999999999999"]])
def test_seconds_may_be_decimals_without_a_scale(texts: list[str]) -> None:
    plain = pa.chunked_array([pa.array(texts).cast(pa.int64())])
    shown = shown_timestamps(pa.chunked_array([pa.array(texts)]), TimestampClass.INTEGER_SECONDS)
    assert shown.equals(shown_timestamps(plain, TimestampClass.INTEGER_SECONDS))
