"""Runs: their creation, where constraints decide, and their way through the states, where the epoch decides.

A lease says who should be working on a run; the epoch, raised at every claim, says who may. Whoever finds another epoch than its own
has lost the run and stops.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog import attempts
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import connections, data_models, pipelines, runs, written_out
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import (
    LEGAL_MOVES,
    PROGRESS_KINDS,
    GeneratedSql,
    Run,
    RunCounts,
    RunFailure,
    RunKind,
    RunRequest,
    RunState,
    UnreadRows,
    WarehouseUse,
)
from warehouse_sync.errors import Busy, NotFound

_WAITING: Final = [written_out(state) for state in (RunState.TRIGGERED, RunState.QUEUED)]
_UNFINISHED: Final = [*_WAITING, written_out(RunState.RUNNING)]
_LATEST_FIRST: Final = (runs.c.logical_date.desc(), runs.c.id.desc())
_OTHER: Final = runs.alias("other")
_LATER: Final = runs.alias("later")
_LEAST_STEP: Final = timedelta(microseconds=1)

# What the scheduler asks and writes over and over is made once: to put a statement together takes longer than to execute it.
_SELECT: Final = sa.select(runs, pipelines.c.id.label("pipeline_id")).join(
    pipelines, pipelines.c.key == runs.c.pipeline_key
)
_OF_RUN: Final = runs.c.id == sa.bindparam("of_run")
_OF_EPOCH: Final = runs.c.epoch == sa.bindparam("of_epoch")
_OF_PIPELINE: Final = runs.c.pipeline_key == sa.bindparam("of_pipeline")
_IS_TRIGGERED: Final = runs.c.state == written_out(RunState.TRIGGERED)
_IS_QUEUED: Final = runs.c.state == written_out(RunState.QUEUED)
_IS_RUNNING: Final = runs.c.state == written_out(RunState.RUNNING)
_HAS_SUCCEEDED: Final = runs.c.state == written_out(RunState.SUCCESS)
_HAS_FAILED: Final = runs.c.state == written_out(RunState.FAILED)
_IS_SCHEDULED: Final = runs.c.run_kind == written_out(RunKind.SCHEDULED)
_PROGRESS: Final = [written_out(kind) for kind in sorted(PROGRESS_KINDS)]
_SCHEDULED_OF_DATE: Final = sa.and_(_IS_SCHEDULED, runs.c.logical_date == sa.bindparam("of_date"))

_BY_NUMBER: Final = _SELECT.where(_OF_RUN)
_OF_PROGRESS: Final = runs.c.run_kind.in_(_PROGRESS)
_LATEST: Final = _SELECT.where(_OF_PIPELINE, _OF_PROGRESS).order_by(*_LATEST_FIRST).limit(1)
_FIRST: Final = _SELECT.where(_OF_PIPELINE, _OF_PROGRESS).order_by(runs.c.interval_start, runs.c.id).limit(1)
_READ_BEFORE: Final = (
    _SELECT.where(_OF_PIPELINE, _OF_PROGRESS, _HAS_SUCCEEDED)
    .where(runs.c.interval_end == sa.bindparam("start"), runs.c.interval_start < runs.c.interval_end)
    .order_by(runs.c.id.desc())
    .limit(1)
)
_UNFINISHED_OF: Final = _SELECT.where(_OF_PIPELINE, runs.c.state.in_(_UNFINISHED))
_OF_LIVING: Final = (
    sa.select(runs.c.id).join(pipelines, pipelines.c.key == runs.c.pipeline_key).where(pipelines.c.deleted_on.is_(None))
)
_RESUMABLE: Final = sa.union(
    _OF_LIVING.where(runs.c.state.in_(_UNFINISHED)), _OF_LIVING.where(runs.c.retry_on.is_not(None))
)
_FAILED_OF_DATE: Final = _SELECT.where(_OF_PIPELINE, _SCHEDULED_OF_DATE, _HAS_FAILED)
_TAKEN: Final = sa.union_all(
    sa.select(runs.c.id).where(_OF_PIPELINE, runs.c.state.in_(_UNFINISHED)),
    sa.select(runs.c.id).where(_OF_PIPELINE, _SCHEDULED_OF_DATE),
).limit(1)
_RETRY_TIME: Final = sa.select(runs.c.retry_on).where(_OF_RUN)
_DUE_RETRIES: Final = _SELECT.where(
    runs.c.id.in_(sa.select(_OTHER.c.id).where(_OTHER.c.retry_on.is_not(None))),  # few, of the many that failed
    _HAS_FAILED,
    sa.or_(runs.c.retry_on <= sa.bindparam("now"), runs.c.retry_on > sa.bindparam("too_late")),
    pipelines.c.deleted_on.is_(None),
    pipelines.c.active_slot.is_not(None),
    ~sa.exists().where(_OTHER.c.pipeline_key == runs.c.pipeline_key, _OTHER.c.state.in_(_UNFINISHED)),
).order_by(runs.c.retry_on, runs.c.id)

_FIRST_LATER: Final = (
    sa.select(_LATER.c.interval_start)
    .where(
        _LATER.c.pipeline_key == runs.c.pipeline_key,
        _LATER.c.run_kind.in_(_PROGRESS),
        _LATER.c.state == written_out(RunState.SUCCESS),
        _LATER.c.interval_end > runs.c.interval_start,
    )
    .order_by(_LATER.c.interval_end)
    .limit(1)
    .scalar_subquery()
)
WAS_READ_SINCE: Final = _OF_PROGRESS & sa.func.coalesce(runs.c.interval_end > _FIRST_LATER, sa.false())
"""Whether of a run of progress another one has read some of its rows: it is not executed again.

What was read touches and never overlaps, so the first of what ends later than the failed one begins would be it.
"""
_UNREAD: Final = (
    _SELECT.where(_OF_PIPELINE, _IS_SCHEDULED)
    .where(_HAS_FAILED, ~WAS_READ_SINCE)
    .order_by(runs.c.interval_start, runs.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)

_LEASES: Final = sa.select(runs.c.id, runs.c.epoch, runs.c.lease_until).where(_IS_RUNNING)
_RUNNING: Final = sa.select(runs.c.id, runs.c.deaths).where(_IS_RUNNING)
_LEASE_OF_HOLDER: Final = sa.select(runs.c.lease_until).where(_OF_RUN, _OF_EPOCH, _IS_RUNNING)
_UPDATE_HELD: Final = sa.update(runs).where(_OF_RUN, _OF_EPOCH, _IS_RUNNING)
_UPDATE_OF_EPOCH: Final = sa.update(runs).where(
    _OF_RUN, _OF_EPOCH, runs.c.state.in_(sa.bindparam("states", expanding=True))
)
_INSERT: Final = sa.insert(runs).returning(runs.c.id)
_RETRY: Final = (
    sa.update(runs)
    .where(_OF_RUN, _HAS_FAILED, runs.c.attempt == sa.bindparam("of_attempt"))
    .where(~WAS_READ_SINCE)
    .values(
        state=RunState.QUEUED.value,
        attempt=runs.c.attempt + 1,
        deaths=0,
        retry_on=None,
        counts=None,
        unread=None,
        warehouse_use=None,
        started_on=None,
        finished_on=None,
        failure_code=None,
        failure_message=None,
        cancel_requested_on=None,
        cancel_requested_by=None,
    )
)
_NEVER_RETRY: Final = sa.update(runs).where(_OF_RUN, _HAS_FAILED, WAS_READ_SINCE).values(retry_on=None)
_QUEUE: Final = sa.update(runs).where(_OF_RUN, _IS_TRIGGERED).values(state=RunState.QUEUED.value)
_PUT_BACK: Final = sa.update(runs).where(_OF_RUN, _IS_RUNNING).values(state=RunState.QUEUED.value)
_START: Final = (
    sa.update(runs)
    .where(_OF_RUN, _IS_QUEUED)
    .values(state=RunState.RUNNING.value, epoch=runs.c.epoch + 1, finished_on=None)
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What the holder of a run says of itself. ``until`` grows with every renewal, so who sees it stand still knows that none came."""

    run_id: int
    epoch: int
    until: datetime


def create(tx: Transaction, pipeline: Pipeline, request: RunRequest, *, created_by: str, now: datetime) -> Run | None:
    """Makes a run, if the constraints allow it (decision D26).

    Returns:
        The run; None for a scheduled run that exists already or whose pipeline has an unfinished run: planning twice is no mistake.

    Raises:
        Busy: a run of another kind, while the pipeline has an unfinished one.
    """
    is_planned = request.kind is RunKind.SCHEDULED
    values = {
        "workspace_id": pipeline.workspace_id,
        "pipeline_key": pipeline.key,
        "environment": pipeline.environment.value,
        "run_kind": request.kind.value,
        "state": (RunState.QUEUED if is_planned else RunState.TRIGGERED).value,
        "logical_date": request.logical_date,
        "interval_start": request.data_interval.start,
        "interval_end": request.data_interval.end,
        "attempt": 1,
        "epoch": 0,
        "deaths": 0,
        "created_on": now,
        "created_by": created_by,
        "target_run_id": request.target_run_id,
        "details": request.details,
    }
    run_id = _insert_unless_taken(tx, values)
    if run_id is not None:
        return get(tx, run_id)
    if not is_planned:
        raise _busy(tx, pipeline)
    return None


def get(tx: Transaction, run_id: int) -> Run:
    """The run with this number.

    Raises:
        NotFound: there is none.
    """
    found = _runs(tx, _BY_NUMBER, of_run=run_id)
    if not found:
        raise NotFound(f"There is no pipeline run {run_id}.")
    return found[0]


def latest(tx: Transaction, pipeline_key: int) -> Run | None:
    """The scheduled or triggered run with the greatest logical date, whatever its state (A14)."""
    found = _runs(tx, _LATEST, of_pipeline=pipeline_key)
    return found[0] if found else None


def first(tx: Transaction, pipeline_key: int) -> Run | None:
    """The scheduled or triggered run with the earliest interval, whatever its state."""
    found = _runs(tx, _FIRST, of_pipeline=pipeline_key)
    return found[0] if found else None


def page(
    tx: Transaction,
    pipeline_key: int,
    *,
    page: int,
    size: int,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Run]:
    """Page ``page`` (from 1) of a pipeline's runs with ``start <= logical date <= end``, the latest first."""
    query = _SELECT.where(runs.c.pipeline_key == pipeline_key)
    if start is not None:
        query = query.where(runs.c.logical_date >= start)
    if end is not None:
        query = query.where(runs.c.logical_date <= end)
    return _runs(tx, query.order_by(*_LATEST_FIRST).limit(size).offset((page - 1) * size))


def numbers_of(tx: Transaction, pipeline_key: int) -> tuple[int, ...]:
    """The numbers of all runs that a pipeline has had."""
    return tuple(tx.execute(sa.select(runs.c.id).where(_OF_PIPELINE), {"of_pipeline": pipeline_key}).scalars())


def origins_of(tx: Transaction, run_ids: Collection[int]) -> dict[int, tuple[str, int]]:
    """The pipeline's id and the feed's number of each of these runs; runs that are not known are left out."""
    query = (
        sa.select(runs.c.id, pipelines.c.id, pipelines.c.partner_feed_id)
        .join(pipelines, pipelines.c.key == runs.c.pipeline_key)
        .where(runs.c.id.in_(list(run_ids)))
    )
    return {run_id: (pipeline_id, feed_id) for run_id, pipeline_id, feed_id in tx.execute(query)}


def may_be_created(tx: Transaction, pipeline_key: int, request: RunRequest) -> bool:
    """Whether a scheduled run would be made. Only spares useless writes: the constraints decide."""
    return not _is_taken(tx, pipeline_key, request.logical_date)


def failed_of_date(tx: Transaction, pipeline_key: int, logical_date: datetime) -> Run | None:
    """The failed scheduled run that has this date: until it is run again, the pipeline cannot pass it (decision D26)."""
    found = _runs(tx, _FAILED_OF_DATE, of_pipeline=pipeline_key, of_date=logical_date)
    return found[0] if found else None


def unread(tx: Transaction, pipeline_key: int, *, limit: int) -> list[Run]:
    """The failed scheduled runs whose rows no later run has read, the oldest interval first."""
    return _runs(tx, _UNREAD, of_pipeline=pipeline_key, most=limit)


def read_before(tx: Transaction, run: Run) -> Run | None:
    """The run that read the interval that ends where a run's begins; None if there is none."""
    found = _runs(tx, _READ_BEFORE, of_pipeline=run.pipeline_key, start=run.data_interval.start)
    return found[0] if found else None


def retry_time(tx: Transaction, run: Run) -> datetime | None:
    """When a failed run is tried again by itself; None if it is not."""
    when: datetime | None = tx.execute(_RETRY_TIME, {"of_run": run.id}).scalar_one()
    return when


def unfinished(tx: Transaction) -> list[Run]:
    """Every run that waits or is being executed, the oldest first."""
    return _runs(tx, _SELECT.where(runs.c.state.in_(_UNFINISHED)).order_by(runs.c.id))


def count_unfinished(tx: Transaction) -> dict[tuple[str, str], int]:
    """How many runs are not finished, by kind and state."""
    columns = (runs.c.run_kind, runs.c.state)
    query = sa.select(*columns, sa.func.count()).where(runs.c.state.in_(_UNFINISHED)).group_by(*columns)
    return {(kind, state): number for kind, state, number in tx.execute(query)}


def resumable(tx: Transaction) -> set[int]:
    """The runs of living pipelines that will be executed, once more or for the first time: what they have fetched is still needed."""
    return set(tx.execute(_RESUMABLE).scalars())


def unfinished_of(tx: Transaction, pipeline_key: int) -> Run | None:
    """The one unfinished run of a pipeline, if there is one."""
    found = _runs(tx, _UNFINISHED_OF, of_pipeline=pipeline_key)
    return found[0] if found else None


def leases(tx: Transaction) -> list[Lease]:
    """The leases of all runs that are being executed."""
    return [Lease(*row) for row in tx.execute(_LEASES)]


def claim_next(
    tx: Transaction, *, holder: str, now: datetime, lease: timedelta, abandoned: Collection[Lease] = ()
) -> Run | None:
    """Gives ``holder`` the oldest run that waits or is abandoned; None if there is none.

    The run's epoch is raised, so an earlier holder can write nothing more. A run during which the process died comes first and is executed
    alone: whoever dies beside it would be suspected as well, and given up for what another did.

    Args:
        abandoned: leases that the caller saw unrenewed for their whole length. A holder that has renewed its lease since keeps its run.
    """
    found = tx.execute(_next_of(abandoned) if abandoned else _NEXT_WAITING).one_or_none()
    if found is None or not _may_run_now(tx, found.id, is_suspect=found.deaths > 0, abandoned=abandoned):
        return None
    return _claim(tx, found.id, holder=holder, now=now, lease=lease)


def renew(tx: Transaction, run: Run, *, now: datetime, lease: timedelta) -> bool:
    """Lengthens the holder's lease; False if the run is no longer its own.

    Whatever the clock says, the lease ends later than before: others see by that change that the holder lives.
    """
    before = tx.execute(_LEASE_OF_HOLDER, _as_held(run)).scalar_one_or_none()
    return before is not None and _update_held(tx, run, lease_until=max(now + lease, before + _LEAST_STEP))


def record_sql(tx: Transaction, run: Run, generated_sql: GeneratedSql) -> bool:
    """Keeps the texts sent to the warehouse; False if the run is no longer the holder's."""
    return _update_held(tx, run, generated_sql=asdict(generated_sql))


def record_unread(tx: Transaction, run: Run, unread: UnreadRows) -> bool:
    """Keeps how many rows no interval holds; False if the run is no longer the holder's."""
    return _update_held(tx, run, unread=asdict(unread))


def record_use(tx: Transaction, run: Run, use: WarehouseUse) -> bool:
    """Keeps what reading took of the warehouse; False if the run is no longer the holder's."""
    return _update_held(tx, run, warehouse_use=asdict(use))


def record_counts(tx: Transaction, run: Run, counts: RunCounts) -> bool:
    """Keeps what was counted so far; False if the run is no longer the holder's."""
    return _update_held(tx, run, counts=asdict(counts))


def finish(
    tx: Transaction,
    run: Run,
    *,
    state: RunState,
    counts: RunCounts | None,
    failure: RunFailure | None,
    now: datetime,
    retry_on: datetime | None = None,
) -> bool:
    """Writes the verdict on a run. Safe to repeat when it is not known whether the first time took effect.

    Args:
        state: ``success`` or ``failed``.
        counts: what was counted; None keeps what was recorded before.
        failure: why it failed; None for a success.
        retry_on: when :func:`due_retries` shall offer a failed run again; None for never.

    Returns:
        False if the run has another epoch or cannot move to ``state``: the caller has lost it.
    """
    if not state.is_finished or (state is RunState.FAILED) != (failure is not None):
        raise ValueError(f"{state} with failure {failure} is no verdict")
    values: dict[str, Any] = {
        "state": state.value,
        "finished_on": now,
        "retry_on": retry_on,
        "failure_code": None if failure is None else failure.code,
        "failure_message": None if failure is None else failure.message,
        "holder": None,
        "lease_until": None,
    }
    if counts is not None:
        values["counts"] = asdict(counts)
    _queue_if_triggered(tx, run.id)
    if tx.execute(_UPDATE_OF_EPOCH, {**_as_held(run), "states": _states_before(state), **values}).rowcount == 1:
        attempts.keep(tx, run.id)
        return True
    same_verdict = (runs.c.id == run.id, runs.c.epoch == run.epoch, runs.c.state == state.value)
    return tx.execute(sa.select(runs.c.id).where(*same_verdict)).one_or_none() is not None


def release(tx: Transaction, run: Run) -> bool:
    """The holder gives the run back unfinished; it waits for the next one. False if it was no longer the holder's."""
    return _update_held(tx, run, state=RunState.QUEUED.value, holder=None, lease_until=None)


def void_leases(tx: Transaction) -> int:
    """Queues every run that was being executed: at start nobody holds one. Nothing else changes. Returns how many there were."""
    statement = sa.update(runs).where(_IS_RUNNING)
    return tx.execute(statement.values(state=RunState.QUEUED.value, holder=None, lease_until=None)).rowcount


def add_death(tx: Transaction, run: Run) -> int:
    """Counts an execution whose worker died, and returns how many died so far."""
    statement = sa.update(runs).where(runs.c.id == run.id).values(deaths=runs.c.deaths + 1)
    return int(tx.execute(statement.returning(runs.c.deaths)).scalar_one())


def due_retries(tx: Transaction, *, now: datetime, longest_pause: timedelta) -> list[Run]:
    """Failed runs whose time to be tried again has come, of pipelines that are alive, active and free; the oldest first.

    What is to wait longer than the longest pause was put off when the clock was ahead: it has waited long enough.
    """
    return _runs(tx, _DUE_RETRIES, now=now, too_late=now + longest_pause)


def retry(tx: Transaction, run: Run) -> Run | None:
    """Queues a failed run as a new attempt (decision D27).

    Returns:
        The queued run; None if it is not failed, its pipeline has another unfinished run, or a later run has read some of its rows: they
        must not be read twice. In the last case it is never due again.
    """
    try:
        with tx.begin_nested():
            queued = tx.execute(_RETRY, {"of_run": run.id, "of_attempt": run.attempt}).rowcount == 1
    except sa.exc.IntegrityError:
        return None
    if queued:
        return get(tx, run.id)
    tx.execute(_NEVER_RETRY, {"of_run": run.id})
    return None


def _insert_unless_taken(tx: Transaction, values: dict[str, Any]) -> int | None:
    """The new run's number, or None if a unique index refused it."""
    try:
        with tx.begin_nested():
            return int(tx.execute(_INSERT, values).scalar_one())
    except sa.exc.IntegrityError:
        if not _is_taken(tx, values["pipeline_key"], values["logical_date"]):
            raise  # another constraint: a mistake of ours must not look like "already there"
        return None


def _is_taken(tx: Transaction, pipeline_key: int, logical_date: datetime) -> bool:
    """Whether a pipeline has an unfinished run, or a scheduled one of this date."""
    return tx.execute(_TAKEN, {"of_pipeline": pipeline_key, "of_date": logical_date}).one_or_none() is not None


def _busy(tx: Transaction, pipeline: Pipeline) -> Busy:
    running = unfinished_of(tx, pipeline.key)
    return Busy(f"Pipeline {pipeline.id} is already in progress.", run_id=None if running is None else running.id)


def _may_run_now(tx: Transaction, run_id: int, *, is_suspect: bool, abandoned: Collection[Lease]) -> bool:
    """Whether nothing is executed that a run must be kept apart from."""
    dead = {run_id, *(lease.run_id for lease in abandoned)}
    others = [row.deaths > 0 for row in tx.execute(_RUNNING) if row.id not in dead]
    return not others if is_suspect else not any(others)


def _next_of(abandoned: Collection[Lease]) -> sa.Select[Any]:
    """The oldest run that waits or whose lease is one of these, with its deaths; first those that have any."""
    unrenewed = [
        sa.and_(_IS_RUNNING, runs.c.id == lease.run_id, runs.c.epoch == lease.epoch, runs.c.lease_until == lease.until)
        for lease in abandoned
    ]
    # What waits goes on waiting while its pipeline, or what that uses, is paused; taking back what a run did reads no warehouse. What was
    # asked to stop has only to be ended, even if its pipeline is gone.
    is_asked_to_stop = runs.c.cancel_requested_on.is_not(None)
    is_on = sa.and_(pipelines.c.active_slot.is_not(None), connections.c.is_active, data_models.c.is_active)
    waiting = runs.c.state.in_(_WAITING) & (is_on | is_asked_to_stop | (runs.c.run_kind == written_out(RunKind.UNDO)))
    return (
        sa.select(runs.c.id, runs.c.deaths)
        .join(pipelines, pipelines.c.key == runs.c.pipeline_key)
        .join(connections, connections.c.key == pipelines.c.connection_key)
        .join(data_models, data_models.c.key == pipelines.c.data_model_key)
        .where(pipelines.c.deleted_on.is_(None) | is_asked_to_stop, sa.or_(waiting, *unrenewed))
        .order_by((runs.c.deaths > 0).desc(), runs.c.id)
        .limit(1)
        .with_for_update(of=runs, skip_locked=True)
    )


_NEXT_WAITING: Final = _next_of([])


def _claim(tx: Transaction, run_id: int, *, holder: str, now: datetime, lease: timedelta) -> Run:
    """Queued, then running: no state is skipped, whatever it was before (promise I6)."""
    _queue_if_triggered(tx, run_id)
    tx.execute(_PUT_BACK, {"of_run": run_id})
    tx.execute(_START, {"of_run": run_id, "holder": holder, "lease_until": now + lease, "started_on": now})
    return get(tx, run_id)


def _queue_if_triggered(tx: Transaction, run_id: int) -> None:
    tx.execute(_QUEUE, {"of_run": run_id})


def _states_before(state: RunState) -> list[str]:
    return [before.value for before, after in LEGAL_MOVES if after is state]


def _update_held(tx: Transaction, run: Run, **values: object) -> bool:
    return tx.execute(_UPDATE_HELD, {**_as_held(run), **values}).rowcount == 1


def _as_held(run: Run) -> dict[str, int]:
    """What ``_OF_RUN`` and ``_OF_EPOCH`` ask for: that the run is still of the holder who has it as ``run``."""
    return {"of_run": run.id, "of_epoch": run.epoch}


def _runs(tx: Transaction, query: sa.Select[Any], **values: object) -> list[Run]:
    return [_run(row) for row in tx.execute(query, values)]


def _run(row: sa.Row[Any]) -> Run:
    failure = None if row.failure_code is None else RunFailure(row.failure_code, row.failure_message)
    return Run(
        id=row.id,
        pipeline_key=row.pipeline_key,
        pipeline_id=row.pipeline_id,
        workspace_id=row.workspace_id,
        environment=Environment(row.environment),
        kind=RunKind(row.run_kind),
        state=RunState(row.state),
        logical_date=row.logical_date,
        data_interval=Interval(row.interval_start, row.interval_end),
        attempt=row.attempt,
        epoch=row.epoch,
        created_on=row.created_on,
        created_by=row.created_by,
        started_on=row.started_on,
        finished_on=row.finished_on,
        counts=None if row.counts is None else RunCounts(**row.counts),
        generated_sql=None if row.generated_sql is None else GeneratedSql(**row.generated_sql),
        failure=failure,
        target_run_id=row.target_run_id,
        details=row.details,
        unread=None if row.unread is None else UnreadRows(**row.unread),
        warehouse_use=None if row.warehouse_use is None else WarehouseUse(**row.warehouse_use),
        cancel_requested_on=row.cancel_requested_on,
        cancel_requested_by=row.cancel_requested_by,
    )
