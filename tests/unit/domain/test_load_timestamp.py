"""An interval's bounds in the terms of the load-timestamp column: nothing is lost or read twice (decisions D22, D23)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fixtures.examples import examples
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.load_timestamp import (
    ColumnBounds,
    LoadTimestamp,
    LoadTimestampType,
    TimestampClass,
    column_bounds,
    timestamp_class,
)
from warehouse_sync.domain.timestamps import BEGINNING

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # clocks change by 30 minutes
    "Asia/Kathmandu",
    "Pacific/Apia",  # skipped a day in 2011, lived one twice in 1892
    "America/Nuuk",
    "Africa/Casablanca",  # clocks go back for Ramadan
    "America/Sao_Paulo",  # changed at midnight
    "Asia/Pyongyang",
    "Antarctica/Troll",  # changes by two hours
    "America/Caracas",
]
CHANGES = [
    ("America/New_York", "2023-11-05T06:00:00"),
    ("America/New_York", "2023-03-12T07:00:00"),
    ("Europe/London", "2023-10-29T01:00:00"),
    ("Australia/Lord_Howe", "2023-04-01T15:00:00"),
    ("Australia/Lord_Howe", "2023-09-30T15:30:00"),
    ("Pacific/Apia", "2011-12-30T10:00:00"),
    ("Pacific/Apia", "1892-07-04T11:26:56"),
    ("America/Nuuk", "2023-10-29T01:00:00"),
    ("Africa/Casablanca", "2023-03-19T02:00:00"),
    ("Africa/Casablanca", "2023-04-23T02:00:00"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00"),
    ("Asia/Pyongyang", "2015-08-14T15:00:00"),
    ("Antarctica/Troll", "2023-10-29T01:00:00"),
    ("America/Caracas", "2007-12-09T07:00:00"),
]
ALL_CLASSES = list(TimestampClass)

zones = st.sampled_from(ZONES)
moments = st.integers(-3_000_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
near_changes = st.tuples(st.sampled_from(CHANGES), st.integers(-30 * 3600, 30 * 3600)).map(
    lambda drawn: (drawn[0][0], utc(drawn[0][1]) + timedelta(seconds=drawn[1]))
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(moment: datetime, kind: TimestampClass, zone: ZoneInfo) -> object:
    """What the column holds for a row loaded at ``moment``."""
    match kind:
        case TimestampClass.ZONELESS:
            return moment.astimezone(zone).replace(tzinfo=None)
        case TimestampClass.DATE:
            return moment.astimezone(zone).date()
        case TimestampClass.INTEGER_SECONDS:
            return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        case TimestampClass.INTEGER_MILLISECONDS:
            return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        case _:
            return moment


def bound(moment: datetime, kind: TimestampClass, zone: ZoneInfo) -> object:
    return column_bounds(Interval(BEGINNING, moment), kind, zone).upper


def brute_force(moment: datetime, zone: ZoneInfo) -> datetime:
    """The smallest wall clock of the following 48 hours, minute by minute; changes happen on whole seconds of those years."""
    steps = (moment + minutes * MINUTE for minutes in range(48 * 60))
    return min(step.astimezone(zone).replace(tzinfo=None) for step in steps)


def contains(bounds: ColumnBounds, value: object) -> bool:
    return (bounds.lower is None or bounds.lower <= value) and value < bounds.upper


# --- the oracle ---------------------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(150), deadline=None)
@given(near_changes)
def test_near_a_change_the_bound_is_the_smallest_wall_clock_to_come(drawn: tuple[str, datetime]) -> None:
    zone, moment = ZoneInfo(drawn[0]), drawn[1]
    assert_smallest(moment, zone)


@settings(max_examples=examples(60), deadline=None)
@given(zones, moments)
def test_anywhere_the_bound_is_the_smallest_wall_clock_to_come(name: str, moment: datetime) -> None:
    assert_smallest(moment, ZoneInfo(name))


def assert_smallest(moment: datetime, zone: ZoneInfo) -> None:
    found = bound(moment, TimestampClass.ZONELESS, zone)
    stepped = brute_force(moment, zone)
    # The steps pass a change by up to a minute, so they see its first wall clock up to a minute late, never early.
    assert stepped - MINUTE < found <= stepped
    assert bound(moment, TimestampClass.DATE, zone) == found.date()
    exact = [moment, *(moment + timedelta(seconds=second) for second in range(1, 120))]
    assert found <= min(step.astimezone(zone).replace(tzinfo=None) for step in exact)


@pytest.mark.parametrize(("name", "change"), CHANGES)
@pytest.mark.parametrize("seconds", [-90_000, -7200, -3600, -1800, -1799, -61, -60, -59, -1, 0, 1, 59, 60, 1800, 3600])
def test_at_a_change_to_the_second(name: str, change: str, seconds: int) -> None:
    """Both sides of a change are straight lines, so three instants tell the smallest: this one, the change, the far end."""
    zone, moment = ZoneInfo(name), utc(change) + timedelta(seconds=seconds)
    candidates = [moment] + ([utc(change)] if seconds < 0 else [])
    expected = min(step.astimezone(zone).replace(tzinfo=None) for step in candidates)
    assert bound(moment, TimestampClass.ZONELESS, zone) == expected


# --- what a reader relies on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL_CLASSES)
@settings(max_examples=examples(60), deadline=None)
@given(zones, moments, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_later_instants_never_give_smaller_bounds(
    kind: TimestampClass, name: str, moment: datetime, step: timedelta
) -> None:
    zone = ZoneInfo(name)
    assert bound(moment, kind, zone) <= bound(moment + step - timedelta(microseconds=step.microseconds), kind, zone)


@pytest.mark.parametrize("kind", ALL_CLASSES)
@settings(max_examples=examples(60), deadline=None)
@given(near_changes, st.lists(st.integers(1, 12 * 3600), min_size=2, max_size=8), st.data())
def test_every_row_is_read_by_exactly_one_of_the_intervals_of_a_chain(
    kind: TimestampClass, drawn: tuple[str, datetime], steps: list[int], data: st.DataObject
) -> None:
    zone, edges = ZoneInfo(drawn[0]), [drawn[1]]
    for seconds in steps:
        edges.append(edges[-1] + timedelta(seconds=seconds))
    # A chain has a first interval without lower bound and goes on for ever; here it goes on for two days.
    chain = [Interval(BEGINNING, edges[0])]
    chain += [Interval(start, end) for start, end in pairwise([*edges, edges[-1] + timedelta(days=3)])]
    bounds = [column_bounds(interval, kind, zone) for interval in chain]
    for earlier, later in pairwise(bounds):
        assert earlier.upper == later.lower
    total = int((edges[-1] - edges[0]).total_seconds())
    for microseconds in data.draw(st.lists(st.integers(0, total * 1_000_000), min_size=1, max_size=20)):
        loaded = edges[0] + timedelta(microseconds=microseconds)
        reads = [contains(part, shown(loaded, kind, zone)) for part in bounds]
        assert sum(reads) == 1
        # It is never read before it was loaded: the interval that reads it ends after that moment.
        assert chain[reads.index(True)].end > loaded


def test_a_fold_delays_a_row_and_loses_none() -> None:
    """At 02:00 New York sets its clocks back to 01:00: the bound waits at 01:00 until the second pass has begun."""
    zone = ZoneInfo("America/New_York")
    hours = [bound(utc(f"2023-11-05T{hour:02}:00:00"), TimestampClass.ZONELESS, zone) for hour in range(4, 9)]
    assert hours == [datetime(2023, 11, 5, hour) for hour in (0, 1, 1, 2, 3)]


def test_a_gap_is_passed_in_one_step() -> None:
    zone = ZoneInfo("America/New_York")
    hours = [bound(utc(f"2023-03-12T{hour:02}:00:00"), TimestampClass.ZONELESS, zone) for hour in range(5, 9)]
    assert hours == [datetime(2023, 3, 12, hour) for hour in (0, 1, 3, 4)]


def test_a_day_is_complete_before_it_is_passed() -> None:
    zone = ZoneInfo("America/New_York")
    before, after = utc("2023-06-02T03:59:59"), utc("2023-06-02T04:00:00")
    assert bound(before, TimestampClass.DATE, zone) == date(2023, 6, 1)
    assert bound(after, TimestampClass.DATE, zone) == date(2023, 6, 2)


def test_a_day_that_a_zone_skipped_holds_no_rows() -> None:
    zone = ZoneInfo("Pacific/Apia")
    days = [bound(utc(f"2011-12-30T{hour:02}:00:00"), TimestampClass.DATE, zone) for hour in (9, 10)]
    assert days == [date(2011, 12, 29), date(2011, 12, 31)]


@pytest.mark.parametrize(
    ("moment", "seconds", "milliseconds"),
    [
        ("1970-01-01T00:00:00", 0, 0),
        ("1969-12-31T23:59:59", -1, -1000),
        ("1969-12-31T23:59:58.500000", -2, -1500),
        ("1969-12-31T23:59:59.999900", -1, -1),
        ("2023-02-01T00:05:00", 1_675_209_900, 1_675_209_900_000),
        ("9999-12-31T23:59:59.999999", 253_402_300_799, 253_402_300_799_999),
        ("0001-01-01T00:00:01", -62_135_596_799, -62_135_596_799_000),
    ],
)
def test_integers_are_floored_and_ignore_the_zone(moment: str, seconds: int, milliseconds: int) -> None:
    for zone in (UTC, ZoneInfo("Asia/Kathmandu")):
        assert bound(utc(moment), TimestampClass.INTEGER_SECONDS, zone) == seconds
        assert bound(utc(moment), TimestampClass.INTEGER_MILLISECONDS, zone) == milliseconds


def test_instants_are_as_they_are() -> None:
    found = column_bounds(Interval(utc("2023-01-01T00:00:00"), utc("2023-01-02T00:00:00")), TimestampClass.INSTANT, UTC)
    assert found == ColumnBounds(TimestampClass.INSTANT, utc("2023-01-01T00:00:00"), utc("2023-01-02T00:00:00"))


@pytest.mark.parametrize("kind", ALL_CLASSES)
def test_no_lower_bound_stays_none(kind: TimestampClass) -> None:
    found = column_bounds(Interval(BEGINNING, utc("2023-01-01T00:00:00")), kind, ZoneInfo("America/New_York"))
    assert found.lower is None
    assert found.kind is kind


@pytest.mark.parametrize("kind", ALL_CLASSES)
@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 30 * 3600))
@example(1)
def test_the_ends_of_the_calendar_have_bounds(kind: TimestampClass, name: str, seconds: int) -> None:
    zone, near = ZoneInfo(name), timedelta(seconds=seconds)
    early = column_bounds(Interval(BEGINNING + near, BEGINNING + 2 * near), kind, zone)
    late = column_bounds(Interval(LAST - near, LAST), kind, zone)
    for bounds in (early, late):
        assert bounds.lower is None or bounds.lower <= bounds.upper


# --- the declared types -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_instant", [True, False])
def test_declared_types(is_instant: bool) -> None:
    classes = {t.value: timestamp_class(t, plain_timestamp_is_instant=is_instant).value for t in LoadTimestampType}
    assert classes == {
        "timestamp_ltz": "instant",
        "timestamp_ntz": "zoneless",
        "timestamp_tz": "instant",
        "timestamp": "instant" if is_instant else "zoneless",
        "datetime": "zoneless",
        "date": "date",
        "timestamp_unixtime_ms": "integer_milliseconds",
        "timestamp_unixtime_s": "integer_seconds",
    }


def test_no_zone_means_utc() -> None:
    assert LoadTimestamp("t", LoadTimestampType.DATE).tzinfo is UTC
    assert LoadTimestamp("t", LoadTimestampType.DATE, zone="Europe/London").tzinfo == ZoneInfo("Europe/London")
