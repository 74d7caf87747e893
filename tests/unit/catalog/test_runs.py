from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.unit.catalog.conftest import only_sqlite
from warehouse_sync.catalog import high_water, pipelines, runs
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.catalog.runs import Lease
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import GeneratedSql, Run, RunCounts, RunFailure, RunKind, RunRequest, RunState
from warehouse_sync.errors import Busy, NotFound

NOW = datetime(2023, 2, 8, 0, 5, 31, 230000, tzinfo=UTC)
START = datetime(2023, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=30)
FAILURE = RunFailure("warehouse_query", "The warehouse refused the query.")


def _request(kind: RunKind, hour: int = 0) -> RunRequest:
    start = START + hour * HOUR
    return RunRequest(kind, start, Interval(start, start + HOUR))


MANUAL = _request(RunKind.MANUAL)


def _create(database: Database, pipeline: Pipeline, request: RunRequest = MANUAL) -> Run | None:
    with database.write() as tx:
        return runs.create(tx, pipeline, request, created_by="ci", now=NOW)


def _claim(database: Database, holder: str = "a", abandoned: Collection[Lease] = ()) -> Run | None:
    with database.write() as tx:
        return runs.claim_next(tx, holder=holder, now=NOW, lease=LEASE, abandoned=abandoned)


def _leases(database: Database) -> list[Lease]:
    with database.read() as tx:
        return runs.leases(tx)


def _finish(database: Database, run: Run, state: RunState = RunState.SUCCESS, retry_on: datetime | None = None) -> bool:
    failure = FAILURE if state is RunState.FAILED else None
    with database.write() as tx:
        return runs.finish(
            tx, run, state=state, counts=RunCounts(extracted=1), failure=failure, now=NOW, retry_on=retry_on
        )


def _claimed(database: Database, pipeline: Pipeline, request: RunRequest = MANUAL) -> Run:
    _create(database, pipeline, request)
    run = _claim(database)
    assert run is not None
    return run


def test_a_manual_run_starts_triggered_and_is_read_back_whole(database: Database, pipeline: Pipeline) -> None:
    run = _create(database, pipeline)
    assert run is not None
    assert run.state is RunState.TRIGGERED
    assert (run.pipeline_id, run.workspace_id, run.attempt, run.epoch) == ("p", 5328, 1, 0)
    assert run.data_interval == MANUAL.data_interval
    assert (run.created_on, run.created_by) == (NOW, "ci")


def test_a_second_manual_run_is_busy_and_names_the_first(database: Database, pipeline: Pipeline) -> None:
    first = _create(database, pipeline)
    assert first is not None
    with pytest.raises(Busy, match=r"^Pipeline p is already in progress\.$") as caught:
        _create(database, pipeline)
    assert caught.value.run_id == first.id


def test_a_scheduled_run_is_made_once(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline, _request(RunKind.SCHEDULED))
    assert run.state is RunState.RUNNING
    assert _create(database, pipeline, _request(RunKind.SCHEDULED)) is None
    assert _finish(database, run)
    assert _create(database, pipeline, _request(RunKind.SCHEDULED)) is None
    assert _create(database, pipeline, _request(RunKind.SCHEDULED, hour=1)) is not None


def test_a_mistake_of_ours_is_not_taken_for_a_duplicate(database: Database, pipeline: Pipeline) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        _create(database, replace(pipeline, key=999), _request(RunKind.SCHEDULED))


def test_a_manual_run_may_have_the_date_of_a_scheduled_one(database: Database, pipeline: Pipeline) -> None:
    _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED)))
    assert _create(database, pipeline, MANUAL) is not None


def test_one_interval_is_read_with_success_once(database: Database, pipeline: Pipeline) -> None:
    _finish(database, _claimed(database, pipeline))
    again = _claimed(database, pipeline)
    with pytest.raises(sa.exc.IntegrityError):
        _finish(database, again)


def test_empty_manual_intervals_may_repeat(database: Database, pipeline: Pipeline) -> None:
    empty = RunRequest(RunKind.MANUAL, START, Interval(START, START))
    assert _finish(database, _claimed(database, pipeline, empty))
    assert _finish(database, _claimed(database, pipeline, empty))


def test_racing_schedulers_make_each_run_once(database: Database, pipeline: Pipeline) -> None:
    made: list[Run] = []

    def schedule() -> None:
        for hour in range(5):
            run = _create(database, pipeline, _request(RunKind.SCHEDULED, hour))
            if run is not None:
                made.append(run)
                claimed = _claim(database)
                assert claimed is not None
                assert _finish(database, claimed)

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.logical_date for run in made}) == len(made)


def test_claim_raises_the_epoch_and_starts_the_run(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    assert (run.state, run.epoch, run.started_on) == (RunState.RUNNING, 1, NOW)
    assert _claim(database) is None


@only_sqlite  # whose triggers are written like this
def test_states_are_never_skipped(database: Database, pipeline: Pipeline) -> None:
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE moves (run INTEGER, before TEXT, after TEXT)")
        tx.exec_driver_sql(
            "CREATE TRIGGER seen AFTER UPDATE OF state ON runs WHEN old.state <> new.state "
            "BEGIN INSERT INTO moves VALUES (new.id, old.state, new.state); END"
        )
    run = _claimed(database, pipeline)
    retaken = _claim(database, "b", _leases(database))
    assert retaken is not None
    assert _finish(database, retaken, RunState.FAILED)
    with database.write() as tx:
        runs.retry(tx, runs.get(tx, run.id))
        moves = [tuple(row) for row in tx.exec_driver_sql("SELECT before, after FROM moves")]
    assert moves == [
        ("triggered", "queued"),
        ("queued", "running"),
        ("running", "queued"),
        ("queued", "running"),
        ("running", "failed"),
        ("failed", "queued"),
    ]


def test_an_abandoned_run_is_taken_over_and_the_old_holder_can_do_nothing(
    database: Database, pipeline: Pipeline
) -> None:
    old = _claimed(database, pipeline)
    assert _claim(database, "b") is None
    new = _claim(database, "b", _leases(database))
    assert new is not None
    assert (new.id, new.epoch) == (old.id, 2)
    with database.write() as tx:
        assert not runs.renew(tx, old, now=NOW, lease=LEASE)
        assert not runs.record_counts(tx, old, RunCounts(extracted=9))
        assert not runs.record_sql(tx, old, GeneratedSql("a", "b", "c"))
        assert not runs.release(tx, old)
    assert not _finish(database, old)
    assert _finish(database, new)


@pytest.mark.parametrize("passed", [LEASE, timedelta(0), -24 * HOUR])
def test_a_run_whose_holder_renewed_its_lease_is_not_taken_over(
    database: Database, pipeline: Pipeline, passed: timedelta
) -> None:
    """Whatever the clock did meanwhile."""
    run = _claimed(database, pipeline)
    seen = _leases(database)
    with database.write() as tx:
        assert runs.renew(tx, run, now=NOW + passed, lease=LEASE)
    assert _claim(database, "b", seen) is None
    assert _leases(database)[0].until > seen[0].until


def test_concurrent_claims_give_a_run_to_one_holder(database: Database, pipeline: Pipeline) -> None:
    _create(database, pipeline)
    got: list[Run | None] = []
    threads = [threading.Thread(target=lambda name=n: got.append(_claim(database, str(name)))) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in got if run is not None]) == 1


def test_runs_of_a_deleted_pipeline_are_not_claimed(database: Database, pipeline: Pipeline) -> None:
    _create(database, pipeline)
    with database.write() as tx:
        pipelines.delete(tx, pipeline, now=NOW, by="ann")
    assert _claim(database) is None


def test_finish_can_be_repeated_but_not_changed(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    assert _finish(database, run)
    assert _finish(database, run)
    assert not _finish(database, run, RunState.FAILED)
    with database.read() as tx:
        stored = runs.get(tx, run.id)
    assert (stored.state, stored.failure, stored.counts) == (RunState.SUCCESS, None, RunCounts(extracted=1))


def test_a_verdict_needs_its_reason(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    with database.write() as tx, pytest.raises(ValueError, match="no verdict"):
        runs.finish(tx, run, state=RunState.FAILED, counts=None, failure=None, now=NOW)


def test_a_waiting_run_can_be_cancelled_but_not_succeed(database: Database, pipeline: Pipeline) -> None:
    run = _create(database, pipeline)
    assert run is not None
    assert not _finish(database, run, RunState.SUCCESS)
    assert _finish(database, run, RunState.FAILED)


def test_void_leases_queues_what_ran_and_keeps_the_rest(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    with database.write() as tx:
        runs.record_sql(tx, run, GeneratedSql("probe", "count", "extract"))
        assert runs.void_leases(tx) == 1
        assert runs.void_leases(tx) == 0
        stored = runs.get(tx, run.id)
        assert runs.unfinished(tx) == [stored]
    assert (stored.state, stored.epoch, stored.started_on) == (RunState.QUEUED, 1, NOW)
    assert stored.generated_sql == GeneratedSql("probe", "count", "extract")


def test_the_next_interval_starts_where_the_last_success_ended(database: Database, pipeline: Pipeline) -> None:
    with database.read() as tx:
        assert high_water.last_success_end(tx, pipeline.key) is None
    _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED, 0)))
    _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED, 1)), RunState.FAILED)
    with database.read() as tx:
        assert high_water.last_success_end(tx, pipeline.key) == START + HOUR


def test_a_recreated_pipeline_inherits_nothing(
    database: Database, pipeline: Pipeline, definition: PipelineDefinition
) -> None:
    _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED)))
    with database.write() as tx:
        pipelines.delete(tx, pipeline, now=NOW, by="ann")
        again = pipelines.create(tx, 5328, "p", definition, max_active=5, now=NOW, by="ann")
        assert high_water.last_success_end(tx, again.key) is None
        assert runs.latest(tx, again.key) is None
        assert runs.latest(tx, pipeline.key) is not None


def test_pages_are_by_logical_date_and_bounds_are_inclusive(database: Database, pipeline: Pipeline) -> None:
    for hour in (2, 0, 1, 3):
        _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED, hour)))
    with database.read() as tx:

        def hours(page: int, size: int, start: int | None = None, end: int | None = None) -> list[int]:
            bounds = [None if hour is None else START + hour * HOUR for hour in (start, end)]
            found = runs.page(tx, pipeline.key, page=page, size=size, start=bounds[0], end=bounds[1])
            return [(run.logical_date - START) // HOUR for run in found]

        assert hours(1, 3) == [3, 2, 1]
        assert hours(2, 3) == [0]
        assert hours(1, 9, 1, 2) == [2, 1]
        latest = runs.latest(tx, pipeline.key)
    assert latest is not None
    assert latest.logical_date == START + 3 * HOUR


def test_deaths_are_counted_per_attempt(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    with database.write() as tx:
        assert [runs.add_death(tx, run), runs.add_death(tx, run)] == [1, 2]
    _finish(database, run, RunState.FAILED)
    with database.write() as tx:
        queued = runs.retry(tx, runs.get(tx, run.id))
        assert queued is not None
        assert runs.add_death(tx, queued) == 1


def test_a_run_that_the_process_died_of_comes_first_and_is_executed_alone(
    database: Database, pipeline: Pipeline, definition: PipelineDefinition
) -> None:
    """So that what runs beside it is not given up for what it does."""
    with database.write() as tx:
        others = [
            pipelines.create(tx, 5328, id_, definition, max_active=5, now=NOW, by="ann") for id_ in ("q", "r", "s")
        ]
    first, poison, innocent = (_claimed(database, one) for one in (pipeline, *others[:2]))
    waiting = _create(database, others[2])
    with database.write() as tx:
        for run in (poison, innocent):
            runs.add_death(tx, run)
            assert runs.release(tx, run)
    assert _claim(database) is None  # the first run goes on, and nothing begins before the suspects have had their turn
    _finish(database, first)
    suspect = _claim(database)
    assert suspect is not None
    assert suspect.id == poison.id
    assert _claim(database) is None
    again = _claim(database, "b", _leases(database))
    assert again is not None  # by whoever saw its holder dead
    assert again.id == poison.id
    _finish(database, again, RunState.FAILED)
    cleared = _claim(database)
    assert cleared is not None
    assert cleared.id == innocent.id
    assert _claim(database) is None
    _finish(database, cleared)
    last = _claim(database)
    assert last is not None
    assert waiting is not None
    assert last.id == waiting.id


def test_a_failed_run_is_tried_again_when_due(database: Database, pipeline: Pipeline) -> None:
    run = _claimed(database, pipeline)
    _finish(database, run, RunState.FAILED, retry_on=NOW + HOUR)
    with database.write() as tx:
        assert runs.due_retries(tx, now=NOW, longest_pause=24 * HOUR) == []
        (due,) = runs.due_retries(tx, now=NOW + HOUR, longest_pause=24 * HOUR)
        queued = runs.retry(tx, due)
        assert queued is not None
        assert (queued.state, queued.attempt, queued.failure) == (RunState.QUEUED, 2, None)
        assert runs.due_retries(tx, now=NOW + HOUR, longest_pause=24 * HOUR) == []
        assert runs.retry(tx, due) is None


def test_a_failed_run_is_not_tried_again_beside_another_or_after_its_rows_were_read(
    database: Database, pipeline: Pipeline
) -> None:
    run = _claimed(database, pipeline)
    _finish(database, run, RunState.FAILED, retry_on=NOW)
    other = _claimed(database, pipeline)
    with database.write() as tx:
        failed = runs.get(tx, run.id)
        assert runs.due_retries(tx, now=NOW, longest_pause=24 * HOUR) == []
        assert runs.retry(tx, failed) is None
    assert _finish(database, other)
    with database.write() as tx:
        assert runs.retry(tx, failed) is None


def test_an_unknown_run_is_not_found(database: Database) -> None:
    with database.read() as tx, pytest.raises(NotFound):
        runs.get(tx, 1)


def test_an_interval_without_lower_bound_is_kept(database: Database, pipeline: Pipeline) -> None:
    beginning = datetime.min.replace(tzinfo=UTC)
    request = RunRequest(RunKind.MANUAL, beginning, Interval(beginning, START))
    run = _create(database, pipeline, request)
    assert run is not None
    assert not run.data_interval.has_lower_bound
    assert run.logical_date == beginning


def test_a_failed_run_of_which_a_part_was_read_is_not_read_again(database: Database, pipeline: Pipeline) -> None:
    """An offset that looks further back lets a later trigger end earlier. To repeat the first run would read twice, and never finish."""
    failed = _claimed(database, pipeline)
    _finish(database, failed, RunState.FAILED, retry_on=NOW)
    shorter = RunRequest(RunKind.MANUAL, START, Interval(START, START + HOUR / 2))
    assert _finish(database, _claimed(database, pipeline, shorter))
    with database.write() as tx:
        assert runs.retry(tx, runs.get(tx, failed.id)) is None
        assert runs.due_retries(tx, now=NOW, longest_pause=24 * HOUR) == []


def test_a_failed_run_after_a_successful_one_is_repeated(database: Database, pipeline: Pipeline) -> None:
    _finish(database, _claimed(database, pipeline))
    failed = _claimed(database, pipeline, _request(RunKind.MANUAL, hour=1))
    _finish(database, failed, RunState.FAILED, retry_on=NOW)
    with database.write() as tx:
        assert runs.retry(tx, runs.get(tx, failed.id)) is not None


def test_only_scheduled_and_triggered_runs_are_progress(database: Database, pipeline: Pipeline) -> None:
    done = _claimed(database, pipeline, _request(RunKind.SCHEDULED, hour=1))
    _finish(database, done)
    for _ in range(2):  # twice over the same hour: nothing but a trigger is limited to one success
        for kind in (RunKind.RESYNC, RunKind.BACKFILL, RunKind.REPAIR, RunKind.UNDO):
            _finish(database, _claimed(database, pipeline, _request(kind, hour=5)))
    with database.read() as tx:
        assert high_water.last_success_end(tx, pipeline.key) == done.data_interval.end
        latest = runs.latest(tx, pipeline.key)
    assert latest is not None
    assert latest.id == done.id


def test_what_was_read_by_a_backfill_does_not_keep_a_failed_run_from_its_retry(
    database: Database, pipeline: Pipeline
) -> None:
    failed = _claimed(database, pipeline, _request(RunKind.SCHEDULED))
    _finish(database, failed, RunState.FAILED)
    _finish(database, _claimed(database, pipeline, _request(RunKind.BACKFILL)))
    with database.write() as tx:
        assert runs.retry(tx, runs.get(tx, failed.id)) is not None


def test_a_backfill_can_be_tried_again_although_later_rows_were_read(database: Database, pipeline: Pipeline) -> None:
    _finish(database, _claimed(database, pipeline, _request(RunKind.SCHEDULED, hour=3)))
    failed = _claimed(database, pipeline, _request(RunKind.BACKFILL))
    _finish(database, failed, RunState.FAILED)
    with database.write() as tx:
        assert runs.retry(tx, runs.get(tx, failed.id)) is not None


def test_a_run_remembers_its_target_and_details(database: Database, pipeline: Pipeline) -> None:
    target = _claimed(database, pipeline)
    _finish(database, target)
    undo = _create(database, pipeline, replace(_request(RunKind.UNDO), target_run_id=target.id, details={"rows": 3}))
    assert undo is not None
    assert (undo.kind, undo.run_type.value, undo.state) == (RunKind.UNDO, "manual", RunState.TRIGGERED)
    assert (undo.target_run_id, undo.details) == (target.id, {"rows": 3})
