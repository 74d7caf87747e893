"""What planning must know of a pipeline, read from the control database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from warehouse_sync.catalog import connections, data_models, high_water, runs
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.domain.pipeline import OnFailedInterval, Pipeline, Schedule
from warehouse_sync.domain.run import PROGRESS_KINDS, Run, RunKind, RunRequest
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.timestamps import BEGINNING
from warehouse_sync.scheduler.planner import PipelineProgress, upcoming
from warehouse_sync.scheduler.staleness import Deadline, deadline_of


def progress_of(tx: Transaction, pipeline: Pipeline) -> PipelineProgress:
    """How far a pipeline has come. Where its policy is to go on, intervals that failed for good count as passed."""
    progress = _progress_to(tx, pipeline, high_water.last_success_end(tx, pipeline.key))
    goes_on = pipeline.schedule.interval.has_grid and pipeline.policy.on_failed_interval is OnFailedInterval.CONTINUE
    if not goes_on:
        return progress
    passed_to, comings = progress.last_end, {progress.last_end: _coming(pipeline.schedule, progress)}
    for failed in high_water.given_up(tx, pipeline.key, after=passed_to or BEGINNING):
        if failed.data_interval.start != passed_to:
            if passed_to not in comings:
                comings[passed_to] = _coming(pipeline.schedule, _progress_to(tx, pipeline, passed_to))
            # A run of an earlier schedule is not passed: what is before it is to be read first.
            if not _stands_for(failed, comings[passed_to]):
                continue
        passed_to = failed.data_interval.end
    return progress if passed_to == progress.last_end else _progress_to(tx, pipeline, passed_to)


def _stands_for(failed: RunRequest, coming: RunRequest | None) -> bool:
    """Whether a failed run is of the interval that comes next, or has its date, so that there will be no other (decision D26)."""
    if coming is None:
        return False
    return failed.data_interval.start == coming.data_interval.start or failed.logical_date == coming.logical_date


def _coming(schedule: Schedule, progress: PipelineProgress) -> RunRequest | None:
    return next((coming.request for coming in upcoming(schedule, progress, 1)), None)


def _progress_to(tx: Transaction, pipeline: Pipeline, last_end: datetime | None) -> PipelineProgress:
    progress = PipelineProgress(
        counted_from=pipeline.resumed_on or pipeline.audit.created_on,
        last_end=last_end,
        offset=data_models.by_key(tx, pipeline.data_model_key).load_timestamp.offset,
        last_logical_date=high_water.last_date(tx, pipeline.key, read_to=last_end),
    )
    if last_end is None:
        return progress
    # A failed run of another schedule or offset that lies ahead can have the date that comes next; to wait for it would leave out what lies
    # before it.
    coming = _coming(pipeline.schedule, progress)
    while coming is not None and high_water.is_date_of_later_failure(tx, pipeline.key, coming):
        progress = replace(progress, last_logical_date=coming.logical_date)
        coming = _coming(pipeline.schedule, progress)
    return progress


def staleness_deadline(
    tx: Transaction, pipeline: Pipeline, *, settle_delay: timedelta, grace: timedelta
) -> Deadline | None:
    """Until when an active pipeline must have read its next interval; arguments and answer as of :func:`deadline_of`."""
    return deadline_of(
        pipeline.schedule,
        _progress_to(tx, pipeline, high_water.last_success_end(tx, pipeline.key)),
        last_commit_on=high_water.last_success_on(tx, pipeline.key),
        settle_delay=settle_delay,
        grace=grace,
    )


def unread_before(tx: Transaction, pipeline: Pipeline, run: Run) -> datetime | None:
    """From when on the schedule, or a trigger, has something to read before a failed run; mostly None: the run may be tried again.

    It has something where it was changed after the run was made, or where an earlier run is still to be tried again: if the run
    succeeded now, reading would go on behind it (promise I3).
    """
    if run.kind not in PROGRESS_KINDS:
        return None
    progress = progress_of(tx, pipeline)
    if pipeline.schedule.interval is ScheduleInterval.ON_DEMAND:
        is_behind = progress.last_end is not None and progress.last_end < run.data_interval.start
        return progress.last_end if is_behind else None
    coming = _coming(pipeline.schedule, progress)
    if coming is None or coming.data_interval.start >= run.data_interval.start:
        return None
    has_its_date = run.kind is RunKind.SCHEDULED and run.logical_date == coming.logical_date
    return None if has_its_date else coming.data_interval.start


def blocking_run(tx: Transaction, pipeline: Pipeline, progress: PipelineProgress) -> Run | None:
    """The failed run of the interval that comes next: later intervals wait for it."""
    request = _coming(pipeline.schedule, progress)
    return None if request is None else runs.failed_of_date(tx, pipeline.key, request.logical_date)


def was_changed_since_start(tx: Transaction, pipeline: Pipeline, run: Run, *, now: datetime) -> bool:
    """Whether a person changed the pipeline, its connection or its data model after the latest execution of a run began.

    True also if it began later than ``now``: the clock was set back since, and nobody can tell what came first.
    """
    began = run.started_on
    if began is None:
        return False
    stamps = (
        pipeline.audit,
        connections.by_key(tx, pipeline.connection_key).audit,
        data_models.by_key(tx, pipeline.data_model_key).audit,
    )
    changed = any(stamp.last_modified_on is not None and stamp.last_modified_on > began for stamp in stamps)
    return changed or began > now
