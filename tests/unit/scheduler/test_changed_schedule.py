"""A schedule that is changed while a run of the one before has failed: nothing is passed unread (promise I3, decision D25)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.scheduler.plant import BAD_QUERY, DROPPED, HOUR, START, Plant
from warehouse_sync.catalog import runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import OnFailedInterval, RunPolicy, Schedule
from warehouse_sync.domain.run import Run, RunState
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import RunError

MINUTE = timedelta(minutes=1)
TOO_MANY = RunError("too many", code="too_many_records")
WAITING = RunPolicy()
EARLIER = Schedule(ScheduleInterval.HOURLY, START - 2 * HOUR + 20 * MINUTE)


def read_by(plant: Plant) -> list[Interval]:
    done = [run.data_interval for run in plant.runs(200) if run.state is RunState.SUCCESS]
    return sorted(done, key=lambda interval: interval.start)


def check_that_they_tile(read: list[Interval], start: datetime | None) -> None:
    assert read[0].start == start
    assert [interval.end for interval in read[:-1]] == [interval.start for interval in read[1:]]


def test_a_retry_waits_until_the_new_schedule_has_read_what_lies_before_it(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [DROPPED, DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.change(schedule=EARLIER)
    assert hourly.work() == 1  # the first run of the new schedule fails, too: both are to be tried again
    hourly.clock.advance(2 * MINUTE)
    hourly.work()
    read = read_by(hourly)
    check_that_they_tile(read, EARLIER.start)
    assert read[-1].end == START + 20 * MINUTE
    hourly.clock.advance(HOUR)
    hourly.work()
    check_that_they_tile(read_by(hourly), EARLIER.start)
    assert read_by(hourly)[-1].end == START + HOUR + 20 * MINUTE


def test_an_interval_of_the_old_schedule_that_was_given_up_is_not_passed_before_its_time(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [BAD_QUERY]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.change(schedule=EARLIER)
    hourly.work()
    read = read_by(hourly)
    check_that_they_tile(read, EARLIER.start)


def test_a_first_interval_that_was_given_up_is_passed_though_the_offset_changed_since(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [TOO_MANY]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.set_offset(5 * MINUTE)
    hourly.clock.advance(3 * HOUR)
    hourly.work()
    [first, *later] = hourly.runs()
    assert (first.state, first.attempt) == (RunState.FAILED, 1)
    assert [run.state for run in later] == [RunState.SUCCESS] * 3
    assert later[0].data_interval.start == first.data_interval.end


def test_what_was_given_up_before_a_pause_does_not_hold_up_what_the_catch_up_limit_lets_through(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [TOO_MANY, TOO_MANY]
    hourly.clock.advance(2 * HOUR)
    assert hourly.work() == 2
    hourly.change(is_active=False)
    hourly.clock.advance(200 * HOUR)
    hourly.change(is_active=True)
    assert hourly.work() == 168
    check_that_they_tile(read_by(hourly), START + 34 * HOUR)


def test_once_reads_what_lies_before_a_failed_run(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.clock.advance(5 * MINUTE)
    hourly.change(schedule=Schedule(ScheduleInterval.ONCE, START - 2 * HOUR))
    hourly.work()
    assert read_by(hourly) == [Interval(START - 2 * HOUR, START), Interval(START, START + HOUR)]


def test_a_schedule_that_changes_between_the_look_and_the_retry(hourly: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.clock.advance(2 * MINUTE)
    look = runs.due_retries

    def then_change(*arguments: Any, **named: Any) -> list[Run]:
        found = look(*arguments, **named)
        monkeypatch.setattr(runs, "due_retries", look)
        hourly.change(schedule=EARLIER)
        return found

    monkeypatch.setattr(runs, "due_retries", then_change)
    assert hourly.work() == 0
    hourly.work()
    check_that_they_tile(read_by(hourly), EARLIER.start)


def test_a_retry_waits_for_the_trigger_that_reads_what_lies_before_it(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.change(schedule=Schedule(ScheduleInterval.HOURLY, START - 3 * HOUR, START - 2 * HOUR))
    assert hourly.work() == 1
    hourly.change(schedule=Schedule(ScheduleInterval.ON_DEMAND, START - 3 * HOUR))
    hourly.clock.advance(5 * MINUTE)
    assert hourly.work() == 0
    hourly.trigger()
    assert hourly.work() == 1
    check_that_they_tile(read_by(hourly), START - 3 * HOUR)
    assert read_by(hourly)[-1].end == hourly.clock.now()
    assert hourly.runs()[-1].state is RunState.FAILED  # all its rows were read by another run


def test_a_retry_does_not_wait_for_a_schedule_that_has_nothing_to_read(hourly: Plant) -> None:
    """Reading begins with it, as it would have if it had not failed."""
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.change(schedule=Schedule(ScheduleInterval.ON_DEMAND, START - 2 * HOUR))
    hourly.clock.advance(5 * MINUTE)
    assert hourly.work() == 1
    assert read_by(hourly) == [Interval(START, START + HOUR)]


def check_what_is_read_with_both_changed(
    plant: Plant, failures: int, schedule: Schedule, until: datetime, policy: RunPolicy = WAITING
) -> None:
    """Some hours fail; then the schedule is changed, and the offset to 20 minutes: dates of failed runs lie ahead."""
    plant.executor.script = [TOO_MANY] * failures
    plant.clock.advance(failures * HOUR)
    assert plant.work() == failures
    plant.change(schedule=schedule, policy=policy)
    plant.set_offset(20 * MINUTE)
    plant.clock.advance(2 * HOUR)
    plant.work()
    read = read_by(plant)
    check_that_they_tile(read, START - HOUR - 20 * MINUTE)
    assert read[-1].end == until - 20 * MINUTE


def test_the_next_interval_does_not_wait_for_a_failed_run_that_has_its_date_and_begins_later(hourly: Plant) -> None:
    earlier = Schedule(ScheduleInterval.HOURLY, START - HOUR)
    check_what_is_read_with_both_changed(hourly, 1, earlier, until=START + 3 * HOUR)
    assert hourly.runs()[1].state is RunState.FAILED  # all its rows were read by another run


@pytest.mark.parametrize("policy", [RunPolicy(on_failed_interval=OnFailedInterval.CONTINUE), WAITING])
def test_the_date_after_that_can_be_taken_by_a_failed_run_that_begins_later_too(
    hourly: Plant, policy: RunPolicy
) -> None:
    hourly.let_continue()
    earlier = Schedule(ScheduleInterval.HOURLY, START - HOUR)
    check_what_is_read_with_both_changed(hourly, 2, earlier, until=START + 4 * HOUR, policy=policy)


def test_what_is_left_of_a_schedule_is_read_though_its_date_is_taken(hourly: Plant) -> None:
    ending = Schedule(ScheduleInterval.HOURLY, START - HOUR, START + HOUR)
    check_what_is_read_with_both_changed(hourly, 1, ending, until=START + HOUR)
