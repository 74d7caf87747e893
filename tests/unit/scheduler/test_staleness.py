from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.scheduler.planner import PipelineProgress, next_scheduled
from warehouse_sync.scheduler.staleness import Deadline, deadline_of

ZERO = timedelta(0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ANCHOR = datetime(2023, 2, 1, tzinfo=UTC)
HOURLY = Schedule(ScheduleInterval.HOURLY, ANCHOR)


def deadline(
    schedule: Schedule = HOURLY,
    *,
    made: datetime = ANCHOR,
    read_to: datetime | None = None,
    last_commit_on: datetime | None = None,
    settle_delay: timedelta = ZERO,
    grace: timedelta = HOUR,
) -> Deadline | None:
    progress = PipelineProgress(made, read_to, ZERO)
    return deadline_of(schedule, progress, last_commit_on=last_commit_on, settle_delay=settle_delay, grace=grace)


def test_an_interval_its_settle_delay_and_the_grace_after_the_last_one_it_is_late() -> None:
    read_to = ANCHOR + 5 * HOUR
    found = deadline(read_to=read_to, last_commit_on=read_to + MINUTE, settle_delay=10 * MINUTE, grace=20 * MINUTE)
    assert found == Deadline(read_to + HOUR + 10 * MINUTE, read_to + HOUR + 30 * MINUTE)


def test_who_catches_up_is_not_late_while_each_interval_comes_within_the_grace() -> None:
    made = ANCHOR + timedelta(days=7)
    assert deadline(made=made) == Deadline(ANCHOR + HOUR, made + HOUR)
    committed = made + 30 * MINUTE
    moving = deadline(made=made, read_to=ANCHOR + HOUR, last_commit_on=committed)
    assert moving == Deadline(ANCHOR + 2 * HOUR, committed + HOUR)


def test_what_was_resumed_gets_its_time_again() -> None:
    resumed = ANCHOR + 100 * HOUR
    found = deadline(made=resumed, read_to=ANCHOR + 90 * HOUR, last_commit_on=ANCHOR + 90 * HOUR)
    assert found is not None
    assert found.stale_from == resumed + HOUR


def test_once_is_expected_at_once_and_only_once() -> None:
    once = Schedule(ScheduleInterval.ONCE, None)
    assert deadline(once, settle_delay=HOUR) == Deadline(ANCHOR, ANCHOR + HOUR)
    assert deadline(once, read_to=ANCHOR) is None


def test_nothing_is_expected_on_demand_or_after_the_schedule() -> None:
    assert deadline(Schedule(ScheduleInterval.ON_DEMAND, ANCHOR)) is None
    ended = Schedule(ScheduleInterval.HOURLY, ANCHOR, ANCHOR + 2 * HOUR)
    assert deadline(ended, read_to=ANCHOR + HOUR) is not None
    assert deadline(ended, read_to=ANCHOR + 2 * HOUR) is None


def test_the_end_of_the_calendar_is_no_mistake() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert deadline(Schedule(ScheduleInterval.HOURLY, last - HOUR), made=last - HOUR, grace=timedelta(days=30)) is None


@given(
    interval=st.sampled_from(
        [ScheduleInterval.HOURLY, ScheduleInterval.DAILY, ScheduleInterval.WEEKLY, ScheduleInterval.MONTHLY]
    ),
    hours=st.integers(0, 3000),
    delay=st.integers(0, 90),
    grace=st.integers(0, 90),
)
def test_nothing_is_late_before_the_planner_would_have_run_it(
    interval: ScheduleInterval, hours: int, delay: int, grace: int
) -> None:
    schedule = Schedule(interval, ANCHOR)
    read_to = ANCHOR + hours * HOUR
    settle_delay = delay * MINUTE
    progress = PipelineProgress(ANCHOR, read_to, ZERO)
    found = deadline(schedule, read_to=read_to, settle_delay=settle_delay, grace=grace * MINUTE)
    assert found is not None
    assert next_scheduled(schedule, progress, now=found.due_on, settle_delay=settle_delay) is not None
    assert next_scheduled(schedule, progress, now=found.due_on - MINUTE, settle_delay=settle_delay) is None
    assert found.stale_from >= found.due_on + grace * MINUTE
