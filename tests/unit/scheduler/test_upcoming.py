"""What is foretold of a schedule is what the planner then does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.timestamps import BEGINNING
from warehouse_sync.scheduler.planner import PipelineProgress, next_scheduled, upcoming

ZERO = timedelta(0)
CREATED = datetime(2023, 2, 8, 0, 5, 31, tzinfo=UTC)
ANCHOR = datetime(2023, 2, 1, 0, 5, tzinfo=UTC)


def ends(schedule: Schedule, progress: PipelineProgress, count: int = 3) -> list[str]:
    return [f"{run.ends_on:%m-%d %H:%M}" for run in upcoming(schedule, progress, count)]


def test_the_next_three_of_an_hourly_schedule() -> None:
    schedule = Schedule(ScheduleInterval.HOURLY, ANCHOR)
    runs = upcoming(schedule, PipelineProgress(CREATED, ANCHOR + timedelta(hours=4), ZERO), 3)
    assert [run.request.data_interval.start.hour for run in runs] == [4, 5, 6]
    assert [run.request.logical_date.hour for run in runs] == [4, 5, 6]
    assert [run.ends_on.hour for run in runs] == [5, 6, 7]


def test_the_offset_moves_what_is_read_and_not_when() -> None:
    schedule = Schedule(ScheduleInterval.DAILY, ANCHOR)
    plain = upcoming(schedule, PipelineProgress(CREATED, None, ZERO), 3)
    moved = upcoming(schedule, PipelineProgress(CREATED, None, timedelta(hours=2)), 3)
    assert [run.ends_on for run in moved] == [run.ends_on for run in plain]
    assert [run.request.data_interval for run in moved] == [
        run.request.data_interval.shifted(timedelta(hours=2)) for run in plain
    ]


def test_months_keep_their_day() -> None:
    schedule = Schedule(ScheduleInterval.MONTHLY, datetime(2023, 1, 31, tzinfo=UTC))
    assert ends(schedule, PipelineProgress(CREATED, None, ZERO)) == ["02-28 00:00", "03-31 00:00", "04-30 00:00"]


def test_an_old_start_begins_where_the_catch_up_limit_lets_it() -> None:
    schedule = Schedule(ScheduleInterval.HOURLY, CREATED - timedelta(days=30))
    (first,) = upcoming(schedule, PipelineProgress(CREATED, None, ZERO), 1)
    assert first.request.data_interval.end == CREATED - timedelta(days=7) + timedelta(hours=1)


def test_nothing_follows_the_end_of_the_schedule() -> None:
    schedule = Schedule(ScheduleInterval.DAILY, ANCHOR, ANCHOR + timedelta(days=2))
    assert ends(schedule, PipelineProgress(CREATED, None, ZERO)) == ["02-02 00:05", "02-03 00:05"]
    assert ends(schedule, PipelineProgress(CREATED, ANCHOR + timedelta(days=2), ZERO)) == []


def test_once_comes_once() -> None:
    schedule = Schedule(ScheduleInterval.ONCE, None)
    (only,) = upcoming(schedule, PipelineProgress(CREATED, None, ZERO), 3)
    assert (only.request.data_interval.start, only.ends_on) == (BEGINNING, CREATED)
    assert upcoming(schedule, PipelineProgress(CREATED, CREATED, ZERO), 3) == ()
    assert upcoming(schedule, PipelineProgress(CREATED, None, ZERO), 0) == ()


def test_nothing_is_foretold_of_triggers() -> None:
    assert upcoming(Schedule(ScheduleInterval.ON_DEMAND, ANCHOR), PipelineProgress(CREATED, None, ZERO), 3) == ()


def test_the_calendar_ends() -> None:
    schedule = Schedule(ScheduleInterval.DAILY, datetime(9999, 12, 29, tzinfo=UTC))
    assert len(upcoming(schedule, PipelineProgress(CREATED, None, ZERO), 9)) == 2


def test_at_the_beginning_of_the_calendar_it_still_ends() -> None:
    schedule = Schedule(ScheduleInterval.HOURLY, datetime(1, 1, 2, tzinfo=UTC))
    progress = PipelineProgress(datetime(1, 1, 9, tzinfo=UTC), BEGINNING, timedelta(days=3000))
    assert len(upcoming(schedule, progress, 1000)) <= 1000


@given(
    interval=st.sampled_from([i for i in ScheduleInterval if i.has_grid]),
    back=st.integers(0, 3000),
    read=st.none() | st.integers(0, 100),
    offset=st.integers(-100_000, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
    shrunk=st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_it_is_what_the_planner_then_does(
    interval: ScheduleInterval, back: int, read: int | None, offset: timedelta, shrunk: timedelta
) -> None:
    schedule = Schedule(interval, CREATED - relativedelta(hours=back))
    progress = PipelineProgress(CREATED, None, offset)
    if read is not None:
        done = upcoming(schedule, progress, read + 1)[-1].request
        progress = replace(
            progress,
            last_end=done.data_interval.end,
            last_logical_date=done.logical_date,
            offset=offset - shrunk,
        )
    for foretold in upcoming(schedule, progress, 5):
        early = next_scheduled(schedule, progress, now=foretold.ends_on - timedelta(seconds=1), settle_delay=ZERO)
        planned = next_scheduled(schedule, progress, now=foretold.ends_on, settle_delay=ZERO)
        assert (early, planned) == (None, foretold.request)
        progress = replace(progress, last_end=planned.data_interval.end, last_logical_date=planned.logical_date)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_no_more_than_asked_for(count: int) -> None:
    schedule = Schedule(ScheduleInterval.WEEKLY, ANCHOR)
    assert len(upcoming(schedule, PipelineProgress(CREATED, None, ZERO), count)) == count
