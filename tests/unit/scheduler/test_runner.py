"""The runner on a real control database: verdicts, retries, blocked intervals, recovery. Only the execution itself is scripted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.scheduler.plant import BAD_LOGIN, BAD_QUERY, DROPPED, HOUR, START, Plant
from warehouse_sync.catalog import connections, pipelines, runs
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import RunPolicy, Schedule
from warehouse_sync.domain.run import RunKind, RunRequest, RunState
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import RunError


def test_missed_intervals_are_run_in_order_one_each(hourly: Plant) -> None:
    hourly.clock.advance(5 * HOUR + timedelta(minutes=1))
    assert hourly.work() == 5
    assert [run.data_interval.start for run in hourly.runs()] == [START + number * HOUR for number in range(5)]
    assert hourly.work() == 0


def test_thirty_days_back_are_168_hours_and_what_is_skipped_stays_known(tmp_path: Path) -> None:
    plant = Plant(tmp_path, Schedule(ScheduleInterval.HOURLY, START - timedelta(days=30)))
    assert plant.work() == 168
    read = [run.data_interval for run in plant.runs(168)]
    assert read == [Interval(START - number * HOUR, START - (number - 1) * HOUR) for number in range(168, 0, -1)]
    with plant.database.read() as tx:
        runs_there = runs.page(tx, plant.pipeline.key, page=1, size=1000)
    assert len(runs_there) == 168
    plant.database.close()


def test_a_transient_failure_is_tried_three_times_with_growing_pauses(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED, DROPPED, DROPPED]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.clock.advance(timedelta(seconds=61))
    assert hourly.work() == 1
    hourly.clock.advance(timedelta(seconds=61))
    assert hourly.work() == 0  # the second pause is longer
    hourly.clock.advance(timedelta(minutes=4))
    assert hourly.work() == 1
    [run] = hourly.runs()
    assert (run.state, run.attempt) == (RunState.FAILED, 3)
    hourly.clock.advance(timedelta(minutes=30))
    assert hourly.work() == 0


def test_a_blocked_interval_is_tried_again_after_its_own_length_and_the_next_ones_wait(hourly: Plant) -> None:
    hourly.executor.script = [RunError("too many", code="too_many_records")]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    hourly.clock.advance(timedelta(minutes=59))
    assert hourly.work() == 0
    hourly.clock.advance(timedelta(minutes=61))
    assert hourly.work() == 3
    assert [(run.state, run.attempt) for run in hourly.runs()] == [(RunState.SUCCESS, n) for n in (2, 1, 1)]


def test_a_faulted_pipeline_waits_for_a_person_and_then_goes_on_where_it_stopped(hourly: Plant) -> None:
    hourly.executor.script = [BAD_QUERY]
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    assert hourly.stored().faulted_reason == "no such table"
    hourly.clock.advance(5 * HOUR)
    assert hourly.work() == 0
    hourly.change(name="mended")
    assert hourly.work() == 6
    assert [run.attempt for run in hourly.runs()] == [2, 1, 1, 1, 1, 1]
    assert hourly.stored().faulted_reason is None


def test_wrong_credentials_fault_the_connection_and_a_success_clears_it(hourly: Plant) -> None:
    hourly.executor.script = [BAD_LOGIN]
    hourly.clock.advance(HOUR)
    hourly.work()
    with hourly.database.read() as tx:
        assert connections.by_key(tx, hourly.pipeline.connection_key).is_faulted
    hourly.clock.advance(HOUR)
    hourly.work()
    with hourly.database.read() as tx:
        assert not connections.by_key(tx, hourly.pipeline.connection_key).is_faulted


def test_a_retry_does_not_run_while_its_pipeline_is_paused(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    hourly.work()
    hourly.change(is_active=False)
    hourly.clock.advance(timedelta(minutes=10))
    assert hourly.work() == 0
    hourly.change(is_active=True)
    assert hourly.work() == 1


def test_an_unexpected_error_becomes_a_failed_run_and_tells_nothing(hourly: Plant) -> None:
    hourly.executor.script = [ZeroDivisionError("secret detail")]
    hourly.clock.advance(HOUR)
    hourly.work()
    [run] = hourly.runs()
    assert run.failure is not None
    assert run.failure.code == "internal_error"
    assert "secret detail" not in run.failure.message


def test_a_run_whose_process_died_three_times_is_given_up(hourly: Plant) -> None:
    hourly.clock.advance(HOUR)
    hourly.runner.plan_once()
    for _ in range(2):
        claim(hourly)
        recovered(hourly)
        assert hourly.runs()[0].state is RunState.QUEUED
    claim(hourly)
    recovered(hourly)
    [run] = hourly.runs()
    assert run.failure is not None
    assert (run.state, run.failure.code) == (RunState.FAILED, "worker_died")


def test_a_run_that_kills_the_service_is_not_tried_again_by_itself(hourly: Plant) -> None:
    hourly.clock.advance(HOUR)
    hourly.runner.plan_once()
    for _ in range(3):
        claim(hourly)
        recovered(hourly)
    hourly.clock.advance(48 * HOUR)
    assert hourly.work() == 0
    hourly.change(name="mended")
    assert hourly.work() == 49


def test_a_holder_that_lives_keeps_its_run_whatever_the_clock_does(hourly: Plant) -> None:
    """After a sleep of the machine every lease has ended. Two threads on one run would fetch into one spool."""
    claimed: list[bool] = []

    def sleep() -> None:
        hourly.clock.advance(timedelta(minutes=50))
        claimed.append(hourly.runner.execute_next())

    hourly.executor.meanwhile = sleep
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    assert claimed == [False]
    assert hourly.runs()[0].state is RunState.SUCCESS


@pytest.mark.parametrize("step", [HOUR, 24 * HOUR, -HOUR, timedelta(minutes=-5), timedelta(0)])
def test_a_clock_that_is_set_neither_kills_the_living_nor_keeps_the_dead(hourly: Plant, step: timedelta) -> None:
    """Figure R11, seen by another process: it takes over what was not renewed for the length of a lease, and nothing else."""
    other = hourly.new_runner()
    taken: list[bool] = []

    def others_look(*, renewing: bool) -> bool:
        for _ in range(4):
            hourly.clock.advance(timedelta(seconds=20))
            if renewing:
                hourly.runner.renew_leases()
            other.renew_leases()
        return other.execute_next()

    def run() -> None:
        hourly.clock.set(hourly.clock.now() + step)
        taken.append(others_look(renewing=True))
        hourly.executor.meanwhile = lambda: None
        taken.append(others_look(renewing=False))

    hourly.executor.meanwhile = run
    hourly.clock.advance(HOUR)
    hourly.runner.plan_once()
    hourly.runner.execute_next()
    assert taken == [False, True]
    assert [(run.state, run.epoch) for run in hourly.runs()] == [(RunState.SUCCESS, 2)]


@pytest.mark.parametrize("error", [DROPPED, RunError("too many", code="too_many_records")])
def test_a_clock_that_was_ahead_puts_off_nothing(hourly: Plant, error: Exception) -> None:
    hourly.executor.script = [error]
    hourly.clock.advance(HOUR)
    hourly.clock.set(START + 25 * HOUR)
    assert hourly.runner.plan_once() == 1
    hourly.runner.execute_next()
    hourly.clock.set(START + HOUR)
    hourly.clock.advance(timedelta(minutes=5))
    assert hourly.work() == 1
    assert hourly.runs()[0].state is RunState.SUCCESS


def test_a_pipeline_mended_after_its_clock_was_set_back_goes_on(hourly: Plant) -> None:
    hourly.executor.script = [BAD_QUERY]
    hourly.clock.advance(25 * HOUR)
    hourly.runner.plan_once()
    hourly.runner.execute_next()
    assert hourly.stored().is_faulted
    hourly.clock.set(START + HOUR)
    hourly.change(name="mended")
    assert hourly.work() == 1


def test_a_failed_run_that_lies_behind_holds_up_nothing(hourly: Plant) -> None:
    """A bridge that a smaller offset made has read a part of its rows, so it is never tried again; its date is taken all the same."""
    hourly.set_offset(timedelta(minutes=20))
    hourly.executor.script = [None, BAD_QUERY]
    hourly.clock.advance(2 * HOUR)
    hourly.work()
    hourly.clock.advance(4 * HOUR)
    hourly.set_offset(timedelta(0))
    hourly.change(name="mended")
    hourly.work()
    done = [run.data_interval for run in hourly.runs() if run.state is RunState.SUCCESS]
    assert done[-1].end == START + 6 * HOUR
    assert all(before.end == after.start for before, after in pairwise(done))


@pytest.mark.parametrize("error", [None, BAD_QUERY, BAD_LOGIN])
def test_a_holder_that_lost_its_run_decides_nothing(hourly: Plant, error: Exception | None) -> None:
    def lose() -> None:
        with hourly.database.write() as tx:
            runs.void_leases(tx)
            assert runs.claim_next(tx, holder="newer", now=hourly.clock.now(), lease=HOUR)

    hourly.executor.script, hourly.executor.meanwhile = [error], lose
    hourly.clock.advance(HOUR)
    hourly.work()
    [run] = hourly.runs()
    assert run.state is RunState.RUNNING
    assert hourly.executor.spools == {run.id}
    assert not hourly.stored().is_faulted
    with hourly.database.read() as tx:
        assert not connections.by_key(tx, hourly.pipeline.connection_key).is_faulted


@pytest.mark.parametrize("error", [BAD_QUERY, BAD_LOGIN])
def test_a_failure_of_what_was_mended_meanwhile_is_no_fault(hourly: Plant, error: Exception) -> None:
    def mend() -> None:
        hourly.clock.advance(timedelta(seconds=1))
        hourly.change(name="mended")
        hourly.clock.advance(timedelta(seconds=1))

    hourly.executor.script, hourly.executor.meanwhile = [error], mend
    hourly.clock.advance(HOUR)
    assert hourly.work() == 2  # at once again, and this time with what is right now
    assert not hourly.stored().is_faulted
    with hourly.database.read() as tx:
        assert not connections.by_key(tx, hourly.pipeline.connection_key).is_faulted
    assert [run.state for run in hourly.runs()] == [RunState.SUCCESS]


def test_a_start_keeps_what_a_planned_retry_has_fetched(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    hourly.work()
    [run] = hourly.runs()
    hourly.executor.spools.add(77)
    recovered(hourly)
    assert hourly.executor.spools == {run.id}


def test_a_spool_that_nobody_will_need_is_removed(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    hourly.work()
    assert len(hourly.executor.spools) == 1
    hourly.runner.keep_house()
    assert len(hourly.executor.spools) == 1
    with hourly.database.write() as tx:
        pipelines.delete(tx, hourly.stored(), now=hourly.clock.now(), by="ann")
    hourly.runner.keep_house()
    assert hourly.executor.spools == set()


def test_a_retry_that_a_later_run_has_made_useless_gives_its_disk_back(tmp_path: Path) -> None:
    plant = Plant(tmp_path, Schedule(ScheduleInterval.ON_DEMAND, START))

    def trigger() -> None:
        plant.clock.advance(timedelta(seconds=10))
        request = RunRequest(RunKind.MANUAL, START, Interval(START, plant.clock.now()))
        with plant.database.write() as tx:
            runs.create(tx, plant.pipeline, request, created_by="ann", now=plant.clock.now())
        plant.work()

    plant.executor.script = [DROPPED]
    trigger()
    trigger()
    assert [run.state for run in plant.runs()] == [RunState.FAILED, RunState.SUCCESS]
    [failed, _] = plant.runs()
    assert plant.executor.spools == {failed.id}
    plant.clock.advance(timedelta(minutes=1))
    assert plant.work() == 0
    assert plant.executor.spools == set()
    plant.database.close()


@pytest.mark.parametrize("other", ["the next life", "another process"])
def test_a_run_that_was_to_stop_does_so_even_if_its_holder_and_its_pipeline_are_gone(hourly: Plant, other: str) -> None:
    hourly.clock.advance(HOUR)
    hourly.runner.plan_once()
    claim(hourly)
    hourly.delete()
    runner = hourly.new_runner()
    if other == "the next life":
        runner.recover()
    else:
        runner.renew_leases()
        hourly.clock.advance(timedelta(seconds=60))
    assert runner.execute_next()
    [run] = hourly.runs()
    assert run.failure is not None
    assert (run.state, run.failure.code, hourly.executor.executed) == (RunState.FAILED, "cancelled", [])


@pytest.mark.parametrize("change", [Plant.delete, lambda plant: plant.change(is_active=False)])
def test_no_run_is_made_for_a_pipeline_that_was_stopped_while_it_was_planned(
    hourly: Plant, change: Callable[[Plant], None]
) -> None:
    hourly.clock.advance(HOUR)
    hourly.runner._database = Meanwhile(hourly.database, lambda: change(hourly))
    assert hourly.runner.plan_once() == 0
    assert hourly.runs() == []


def test_no_failed_run_is_tried_again_for_a_pipeline_that_was_paused_while_it_was_planned(hourly: Plant) -> None:
    hourly.executor.script = [DROPPED]
    hourly.clock.advance(HOUR)
    hourly.work()
    hourly.clock.advance(timedelta(minutes=10))
    hourly.runner._database = Meanwhile(hourly.database, lambda: hourly.change(is_active=False))
    assert hourly.runner.plan_once() == 0
    assert [run.state for run in hourly.runs()] == [RunState.FAILED]


class Meanwhile(Database):
    """A control database in which something is done between a reader's look and its first write."""

    def __init__(self, real: Database, deed: Callable[[], object]) -> None:
        self._real, self._deed = real, deed

    def read(self) -> AbstractContextManager[Transaction]:
        return self._real.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        deed, self._deed = self._deed, lambda: None
        deed()
        with self._real.write() as tx:
            yield tx


def test_once_runs_once(tmp_path: Path) -> None:
    plant = Plant(tmp_path, Schedule(ScheduleInterval.ONCE, None))
    assert plant.work() == 1
    plant.clock.advance(1000 * HOUR)
    assert plant.work() == 0
    plant.database.close()


def claim(plant: Plant) -> None:
    """A process claims the run, and dies."""
    with plant.database.write() as tx:
        assert runs.claim_next(tx, holder="dead", now=plant.clock.now(), lease=HOUR) is not None


def recovered(plant: Plant) -> None:
    runner = plant.new_runner()
    runner.recover()


def test_a_cancelled_run_stops_and_waits_until_it_is_run_again(hourly: Plant) -> None:
    def cancel() -> None:
        hourly.cancel(hourly.runs()[0].id)
        hourly.runner.heed_cancellations()

    hourly.executor.meanwhile = cancel
    hourly.clock.advance(2 * HOUR)
    assert hourly.work() == 1
    [run] = hourly.runs()
    assert run.failure is not None
    assert (run.state, run.failure.code) == (RunState.FAILED, "cancelled")
    assert hourly.executor.spools == set()
    assert not hourly.stored().is_faulted
    hourly.change(name="a change is not a request to run")
    hourly.clock.advance(100 * HOUR)
    assert hourly.work() == 0
    with hourly.database.write() as tx:
        assert runs.retry(tx, hourly.runs()[0]) is not None
    assert hourly.work() == 102


@pytest.mark.parametrize("error", [DROPPED, BAD_QUERY, BAD_LOGIN])
def test_whatever_a_cancelled_run_meets_last_it_is_cancelled(hourly: Plant, error: Exception) -> None:
    """The flag was set, and its holder did not see it before the run failed."""
    hourly.executor.script, hourly.executor.meanwhile = [error], lambda: hourly.cancel(hourly.runs()[0].id)
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    [run] = hourly.runs()
    assert run.failure is not None
    assert run.failure.code == "cancelled"
    assert not hourly.stored().is_faulted
    hourly.clock.advance(48 * HOUR)
    assert hourly.work() == 0


def test_a_run_that_is_done_before_it_sees_its_cancellation_has_succeeded(hourly: Plant) -> None:
    hourly.executor.meanwhile = lambda: hourly.cancel(hourly.runs()[0].id)
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    assert hourly.runs()[0].state is RunState.SUCCESS


def test_a_cancellation_outlives_the_holder_that_did_not_see_it(hourly: Plant) -> None:
    hourly.clock.advance(HOUR)
    hourly.runner.plan_once()
    claim(hourly)
    hourly.cancel(hourly.runs()[0].id)
    recovered(hourly)
    assert hourly.runner.execute_next()
    assert hourly.executor.executed == []
    [ended] = hourly.runs()
    assert ended.failure is not None
    assert ended.failure.code == "cancelled"


def test_the_run_of_a_deleted_pipeline_is_stopped_by_its_holder(hourly: Plant) -> None:
    def delete() -> None:
        hourly.cancel(hourly.runs()[0].id)
        with hourly.database.write() as tx:
            pipelines.delete(tx, hourly.stored(), now=hourly.clock.now(), by="ann")
        hourly.runner.heed_cancellations()

    hourly.executor.meanwhile = delete
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    [run] = hourly.runs()
    assert run.failure is not None
    assert run.failure.code == "cancelled"
    assert hourly.executor.spools == set()


def test_with_continue_the_next_intervals_go_on_and_the_failed_one_can_be_run_again(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [RunError("too many", code="too_many_records"), None, RunError("x", code="other")]
    hourly.clock.advance(4 * HOUR)
    assert hourly.work() == 4
    states = [RunState.FAILED, RunState.SUCCESS, RunState.FAILED, RunState.SUCCESS]
    assert [run.state for run in hourly.runs()] == states
    assert [run.data_interval.start for run in hourly.runs()] == [START + number * HOUR for number in range(4)]
    with hourly.database.write() as tx:
        first, third = runs.unread(tx, hourly.pipeline.key, limit=9)
        assert [first.data_interval.start, third.data_interval.start] == [START, START + 2 * HOUR]
        assert runs.retry(tx, first) is not None
    assert hourly.work() == 1
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    with hourly.database.read() as tx:
        assert [run.id for run in runs.unread(tx, hourly.pipeline.key, limit=9)] == [third.id]


def test_with_continue_a_transient_failure_is_tried_again_before_its_interval_is_passed(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [DROPPED, DROPPED, DROPPED]
    hourly.clock.advance(2 * HOUR)
    assert hourly.work() == 1
    hourly.clock.advance(timedelta(minutes=2))
    assert hourly.work() == 1
    hourly.clock.advance(timedelta(minutes=5))
    assert hourly.work() == 2
    assert [(run.state, run.attempt) for run in hourly.runs()] == [(RunState.FAILED, 3), (RunState.SUCCESS, 1)]


def test_with_continue_a_fault_still_stops_the_pipeline(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [BAD_QUERY]
    hourly.clock.advance(3 * HOUR)
    assert hourly.work() == 1
    hourly.change(name="mended")
    assert hourly.work() == 2


def test_what_was_passed_stays_unread_when_the_pipeline_waits_again(hourly: Plant) -> None:
    hourly.let_continue()
    hourly.executor.script = [RunError("too many", code="too_many_records")]
    hourly.clock.advance(2 * HOUR)
    assert hourly.work() == 2
    hourly.change(policy=RunPolicy())
    hourly.clock.advance(HOUR)
    assert hourly.work() == 1
    with hourly.database.read() as tx:
        assert [run.data_interval.start for run in runs.unread(tx, hourly.pipeline.key, limit=9)] == [START]


def test_a_failed_interval_that_a_trigger_has_read_is_not_unread(hourly: Plant) -> None:
    hourly.executor.script = [BAD_QUERY]
    hourly.clock.advance(HOUR)
    hourly.work()
    hourly.change(schedule=Schedule(ScheduleInterval.ON_DEMAND, START))
    whole = Interval(START, hourly.clock.now())
    with hourly.database.write() as tx:
        assert len(runs.unread(tx, hourly.pipeline.key, limit=9)) == 1
        request = RunRequest(RunKind.MANUAL, START, whole)
        runs.create(tx, hourly.stored(), request, created_by="ann", now=hourly.clock.now())
    hourly.work()
    with hourly.database.write() as tx:
        assert runs.unread(tx, hourly.pipeline.key, limit=9) == []
        assert runs.retry(tx, runs.get(tx, hourly.executor.executed[0].id)) is None
