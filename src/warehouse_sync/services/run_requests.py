"""Runs that people ask for, and stopping one: triggers, running again, reading again, cancelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from warehouse_sync.catalog import audit, cancellation, connections, data_models, high_water, pipelines, runs
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import Run, RunRequest, RunState
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.errors import Busy, InvalidRequest
from warehouse_sync.scheduler.ledger import progress_of, unread_before
from warehouse_sync.scheduler.planner import backfill, on_demand_interval, resync, verification
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.pipelines import existing_pipeline
from warehouse_sync.services.runs import existing_run


class RunRequestService:
    """The verbs that make, repeat or stop runs.

    Args:
        wake: tells the scheduler that there is something to do.
    """

    def __init__(self, database: Database, clock: Clock, *, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def trigger(self, caller: Caller, workspace_id: int, pipeline_id: str) -> Run:
        """Asks for a run of an on-demand pipeline, from the end of the last successful one to now (decision D28).

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: it is a draft, paused, or has a schedule.
            Busy: a run of it is not finished.
        """
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            _refuse_unless_triggerable(tx, pipeline)
            made = _create(tx, caller, pipeline, _request_to_now(tx, pipeline, now), now)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "trigger", "pipeline", pipeline.id))
        self._tell_scheduler()
        return made

    def resync(self, caller: Caller, workspace_id: int, pipeline_id: str) -> Run:
        """Asks for one run that reads again all that the pipeline has read, from the start of its schedule. Moves no progress.

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: it is a draft or paused, or has read nothing yet.
            Busy: a run of it is not finished.
        """
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            _refuse_held_back(tx, pipeline)
            progress = progress_of(tx, pipeline)
            first = high_water.first_success_start(tx, pipeline.key)
            last = _read_until(tx, pipeline)
            request = resync(pipeline.schedule, progress.offset, Interval(min(first or last, last), last))
            made = _create(tx, caller, pipeline, request, now)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "resync", "pipeline", pipeline.id))
        self._tell_scheduler()
        return made

    def backfill(self, caller: Caller, workspace_id: int, pipeline_id: str, start: datetime, end: datetime) -> Run:
        """Asks for one run that reads ``[start, end)``, again or for the first time. Moves no progress.

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: the range is empty, or ends after what the pipeline has read; or the pipeline is a draft or paused.
            Busy: a run of it is not finished.
        """
        if end <= start:
            raise InvalidRequest("end_time must be later than start_time.", field="end_time", code="invalid_range")
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            _refuse_held_back(tx, pipeline)
            read_until = _read_until(tx, pipeline)
            if end > read_until:
                raise InvalidRequest(
                    f"Pipeline {pipeline.id} has read up to {format_instant(read_until)}; what comes after that is read by its own "
                    "runs. A backfill ends there at the latest.",
                    field="end_time",
                    code="invalid_range",
                )
            made = _create(tx, caller, pipeline, backfill(Interval(start, end)), now)
            details = {"start": format_instant(start), "end": format_instant(end)}
            entry = AuditEntry(now, caller.client_id, workspace_id, "backfill", "pipeline", pipeline.id, details)
            audit.record(tx, entry)
        self._tell_scheduler()
        return made

    def verify(
        self,
        caller: Caller,
        workspace_id: int,
        pipeline_id: str,
        *,
        start: datetime | None,
        end: datetime | None,
        repairs: bool,
    ) -> Run:
        """Asks for one run that compares what the pipeline has read with what the profiles hold. Moves no progress.

        If it ends where reading stopped, it also tells what the profiles hold and the warehouse no longer has.

        Args:
            start, end: the part of it; None for where reading began, and where it stopped.
            repairs: also put back what the profiles lack.

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: the range is empty, or not within what the pipeline has read; or the pipeline is a draft or paused.
            Busy: a run of it is not finished.
        """
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            _refuse_held_back(tx, pipeline)
            last = _read_until(tx, pipeline)
            first = high_water.first_success_start(tx, pipeline.key) or last
            interval = _part(Interval(min(first, last), last), start, end)
            is_up_to_now = interval.end == last and not interval.is_empty
            request = verification(interval, repairs=repairs, finds_extra=is_up_to_now)
            made = _create(tx, caller, pipeline, request, now)
            details = {"start": format_instant(interval.start), "end": format_instant(interval.end)}
            entry = AuditEntry(now, caller.client_id, workspace_id, made.kind.value, "pipeline", pipeline.id, details)
            audit.record(tx, entry)
        self._tell_scheduler()
        return made

    def run_again(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> Run:
        """Queues a failed run as a new attempt at the same interval, and clears the pipeline's fault (decision D27).

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
            InvalidRequest: the run did not fail, a later run has read its rows, there is something to read before it, or the pipeline may
                not run now.
            Busy: another run of the pipeline is not finished.
        """
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            run = existing_run(tx, pipeline, run_id)
            _refuse_held_back(tx, pipeline)
            unfinished = runs.unfinished_of(tx, pipeline.key)
            if unfinished is not None:
                raise Busy(f"Pipeline {pipeline_id} is already in progress.", run_id=unfinished.id)
            _refuse_to_leap(tx, pipeline, run)
            queued = runs.retry(tx, run)
            if queued is None:
                raise InvalidRequest(
                    f"Run {run_id} cannot be run again: it did not fail, or a later run has read its interval.",
                    field="pipelineRunId",
                    code="not_repeatable",
                )
            pipelines.set_fault(tx, pipeline.key, None)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "run_again", "run", str(run_id)))
        self._tell_scheduler()
        return queued

    def cancel(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> Run:
        """Stops a run. One that waits fails at once; one that is being executed stops within seconds, after its last committed chunk.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
            InvalidRequest: the run has ended and will not be tried again.
        """
        now = self._clock.now()
        with self._asking(caller, workspace_id, pipeline_id) as (tx, pipeline):
            run = cancellation.cancel(tx, existing_run(tx, pipeline, run_id).id, by=caller.name, now=now)
            if run is None:
                raise InvalidRequest(
                    f"Run {run_id} has ended and will not be tried again: there is nothing to cancel.",
                    field="pipelineRunId",
                    code="not_cancellable",
                )
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "cancel", "run", str(run_id)))
        return run

    def _tell_scheduler(self) -> None:
        crashpoint("run_created")
        self._wake()

    @contextmanager
    def _asking(self, caller: Caller, workspace_id: int, pipeline_id: str) -> Iterator[tuple[Transaction, Pipeline]]:
        with self._database.write() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            yield tx, existing_pipeline(tx, workspace_id, pipeline_id, lock=True)


def _create(tx: Transaction, caller: Caller, pipeline: Pipeline, request: RunRequest, now: datetime) -> Run:
    made = runs.create(tx, pipeline, request, created_by=caller.name, now=now)
    if made is None:
        raise AssertionError("a run that somebody asks for is made or refused with Busy")
    pipelines.set_fault(tx, pipeline.key, None)
    return made


def _part(read: Interval, start: datetime | None, end: datetime | None) -> Interval:
    """A part of what was read, or all of it."""
    first, last = start or read.start, end or read.end
    for bound, field in ((first, "start_time"), (last, "end_time")):
        if not read.start <= bound <= read.end:
            raise InvalidRequest(
                f"The pipeline has read from {format_instant(read.start)} to {format_instant(read.end)}: name a part of that, or leave "
                f"{field} out.",
                field=field,
                code="invalid_range",
            )
    if last < first or (last == first and read.start < read.end):
        raise InvalidRequest("end_time must be later than start_time.", field="end_time", code="invalid_range")
    return Interval(first, last)


def _read_until(tx: Transaction, pipeline: Pipeline) -> datetime:
    last = high_water.last_success_end(tx, pipeline.key)
    if last is None:
        raise InvalidRequest(
            f"Pipeline {pipeline.id} has read nothing yet: there is nothing to read again. Wait for its first run, or set an earlier "
            "schedule_start_time.",
            field="pipelineId",
            code="nothing_read_yet",
        )
    return last


def _refuse_unless_triggerable(tx: Transaction, pipeline: Pipeline) -> None:
    if pipeline.schedule.interval is not ScheduleInterval.ON_DEMAND:
        raise _refusal(
            f"Pipeline {pipeline.id} runs by its schedule ({pipeline.schedule.interval}) and cannot be triggered. Only pipelines with "
            "schedule_interval on_demand can.",
            "schedule_interval",
        )
    _refuse_held_back(tx, pipeline)


def _refuse_held_back(tx: Transaction, pipeline: Pipeline) -> None:
    if pipeline.is_draft:
        raise _refusal(f"Pipeline {pipeline.id} is a draft. Set is_draft to false first.", "is_draft")
    if not pipeline.is_active:
        raise _refusal(f"Pipeline {pipeline.id} is paused. Set is_active to true first.", "is_active")
    if not connections.by_key(tx, pipeline.connection_key).is_active:
        raise _refusal(
            f"Connection {pipeline.connection_id} is paused. Set its is_active to true first.", "connection_id"
        )
    if not data_models.by_key(tx, pipeline.data_model_key).is_active:
        raise _refusal(
            f"Data model {pipeline.data_model_id} is paused. Set its is_active to true first.", "data_model_id"
        )


def _refuse_to_leap(tx: Transaction, pipeline: Pipeline, run: Run) -> None:
    start = unread_before(tx, pipeline, run) if run.state is RunState.FAILED else None
    if start is not None:
        raise InvalidRequest(
            f"Run {run.id} cannot be run again yet: reading goes on from {format_instant(start)}, before its interval. Run it again when "
            "reading has come there.",
            field="pipelineRunId",
            code="not_repeatable",
        )


def _request_to_now(tx: Transaction, pipeline: Pipeline, now: datetime) -> RunRequest:
    progress = progress_of(tx, pipeline)
    start = pipeline.schedule.start
    if progress.last_end is None and (start is None or start > now):
        raise _refusal(
            f"Pipeline {pipeline.id} starts in the future: there is nothing to read before its schedule_start_time.",
            "schedule_start_time",
        )
    return on_demand_interval(pipeline.schedule, progress, now=now)


def _refusal(message: str, field: str) -> InvalidRequest:
    return InvalidRequest(message, field=field, code="not_triggerable")
