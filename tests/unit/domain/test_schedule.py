"""The grid of a schedule: it tiles, months come back, look-ups equal a linear search (R13)."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.examples import examples
from warehouse_sync.domain.schedule import (
    ScheduleInterval,
    boundary,
    default_start,
    first_index_ending_after,
    grid_interval,
)

GRIDS = [interval for interval in ScheduleInterval if interval.has_grid]
STEPS = {
    ScheduleInterval.HOURLY: timedelta(hours=1),
    ScheduleInterval.DAILY: timedelta(days=1),
    ScheduleInterval.WEEKLY: timedelta(days=7),
}
EXAMPLES = examples(1250)  # for each of four grids and two properties: 10,000 together

anchors = st.integers(631_152_000, 2_840_140_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)  # 1990 to 2060


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("schedule", GRIDS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(anchor=anchors, index=st.integers(0, 2000))
def test_intervals_tile(schedule: ScheduleInterval, anchor: datetime, index: int) -> None:
    interval, following = (grid_interval(schedule, anchor, k) for k in (index, index + 1))
    assert interval.end == following.start
    assert interval.start < interval.end
    assert boundary(schedule, anchor, 0) == anchor
    if schedule in STEPS:
        assert interval.start == anchor + index * STEPS[schedule]
        return
    month = anchor.month - 1 + index
    year, month = anchor.year + month // 12, month % 12 + 1
    day = min(anchor.day, calendar.monthrange(year, month)[1])
    assert interval.start == anchor.replace(year=year, month=month, day=day)


@pytest.mark.parametrize("schedule", GRIDS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(anchor=anchors, index=st.integers(-3, 150), within=st.floats(0, 1), exact=st.booleans())
def test_first_index_equals_a_linear_search(
    schedule: ScheduleInterval, anchor: datetime, index: int, within: float, exact: bool
) -> None:
    start, end = boundary(schedule, anchor, index), boundary(schedule, anchor, index + 1)
    moment = start if exact else start + within * (end - start)
    expected = next(k for k in range(200) if boundary(schedule, anchor, k + 1) > moment)
    assert first_index_ending_after(schedule, anchor, moment) == expected


@pytest.mark.parametrize("schedule", GRIDS)
def test_far_moments_are_found_without_a_long_walk(schedule: ScheduleInterval) -> None:
    anchor, moment = utc("0001-01-31T00:00:00"), utc("9990-03-30T23:59:59")
    index = first_index_ending_after(schedule, anchor, moment)
    assert boundary(schedule, anchor, index) <= moment < boundary(schedule, anchor, index + 1)


def test_month_ends_clamp_and_return() -> None:
    days = [f"{boundary(ScheduleInterval.MONTHLY, utc('2023-01-31T06:30:00'), k):%m-%d %H:%M}" for k in range(13)]
    assert days == [
        "01-31 06:30",
        "02-28 06:30",
        "03-31 06:30",
        "04-30 06:30",
        "05-31 06:30",
        "06-30 06:30",
        "07-31 06:30",
        "08-31 06:30",
        "09-30 06:30",
        "10-31 06:30",
        "11-30 06:30",
        "12-31 06:30",
        "01-31 06:30",
    ]
    assert boundary(ScheduleInterval.MONTHLY, utc("2023-12-30T00:00:00"), 2) == utc("2024-02-29T00:00:00")
    assert boundary(ScheduleInterval.MONTHLY, utc("2024-02-29T00:00:00"), 12) == utc("2025-02-28T00:00:00")
    assert boundary(ScheduleInterval.MONTHLY, utc("2024-02-29T00:00:00"), 48) == utc("2028-02-29T00:00:00")


def test_the_grid_does_not_snap_to_clock_hours() -> None:
    interval = grid_interval(ScheduleInterval.HOURLY, utc("2023-02-01T00:15:16"), 3)
    assert (interval.start, interval.end) == (utc("2023-02-01T03:15:16"), utc("2023-02-01T04:15:16"))


def test_documented_noon_to_noon_gives_28_intervals_in_february() -> None:
    anchor = utc("2023-02-01T12:00:00")
    assert boundary(ScheduleInterval.DAILY, anchor, 28) == utc("2023-03-01T12:00:00")
    assert first_index_ending_after(ScheduleInterval.DAILY, anchor, utc("2023-03-01T12:00:00")) == 28


def test_documented_weekday_of_a_weekly_grid() -> None:
    assert {boundary(ScheduleInterval.WEEKLY, utc("2022-01-05T00:05:00"), k).weekday() for k in range(60)} == {2}
    assert {boundary(ScheduleInterval.MONTHLY, utc("2020-01-05T00:00:00"), k).day for k in range(60)} == {5}


@pytest.mark.parametrize(
    ("schedule", "now", "start"),
    [
        (ScheduleInterval.HOURLY, "2023-02-08T00:05:31.230000", "2023-02-01T00:05:00"),  # the published answer
        (ScheduleInterval.DAILY, "2023-08-31T10:20:59", "2023-02-28T10:20:00"),
        (ScheduleInterval.WEEKLY, "2024-02-29T00:00:01", "2021-02-28T00:00:00"),
        (ScheduleInterval.MONTHLY, "2023-02-08T00:05:31", "2018-02-08T00:05:00"),
    ],
)
def test_default_start_is_the_catch_up_limit_ago_with_seconds_cut(
    schedule: ScheduleInterval, now: str, start: str
) -> None:
    assert default_start(schedule, utc(now)) == utc(start)


@pytest.mark.parametrize("schedule", [ScheduleInterval.ONCE, ScheduleInterval.ON_DEMAND])
def test_schedules_without_grid_have_no_boundaries(schedule: ScheduleInterval) -> None:
    assert not schedule.has_grid
    with pytest.raises(ValueError, match="no grid"):
        boundary(schedule, utc("2023-01-01T00:00:00"), 0)


@pytest.mark.parametrize("schedule", GRIDS)
def test_beyond_the_calendar_is_an_overflow(schedule: ScheduleInterval) -> None:
    with pytest.raises(OverflowError):
        boundary(schedule, utc("9999-12-31T23:30:00"), 1)
