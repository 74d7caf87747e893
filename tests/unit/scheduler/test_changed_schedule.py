"""A schedule that is changed while a run of the one before has failed: nothing is passed unread (promise I3, decision D25)."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.scheduler.plant import BAD_QUERY, DROPPED, HOUR, START, Plant
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.run import RunState
from warehouse_sync.domain.schedule import ScheduleInterval

MINUTE = timedelta(minutes=1)
EARLIER = Schedule(ScheduleInterval.HOURLY, START - 2 * HOUR + 20 * MINUTE)


def read_by(plant: Plant) -> list[Interval]:
    done = [run.data_interval for run in plant.runs() if run.state is RunState.SUCCESS]
    return sorted(done, key=lambda interval: interval.start)


def check_that_they_tile(read: list[Interval], start: object) -> None:
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


def test_one_that_is_next_is_passed(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [None, DROPPED, DROPPED, DROPPED]
    hourly.clock.advance(2 * HOUR)
    hourly.work()
    for _ in range(3):
        hourly.clock.advance(5 * MINUTE)
        hourly.work()
    hourly.clock.advance(HOUR)
    hourly.work()
    assert [(run.state, run.data_interval.start) for run in hourly.runs()] == [
        (RunState.SUCCESS, START),
        (RunState.FAILED, START + HOUR),
        (RunState.SUCCESS, START + 2 * HOUR),
    ]
