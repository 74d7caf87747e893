"""Runs: starting one by hand, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse_sync.catalog import audit, connections, data_models, pipelines, runs
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import Run, RunRequest
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import Busy, InvalidRequest, NotFound
from warehouse_sync.profiles.protocol import ProfileReader, Rejects
from warehouse_sync.scheduler.ledger import progress_of
from warehouse_sync.scheduler.planner import on_demand_interval
from warehouse_sync.scheduler.progress import LiveProgress, RunProgressNow
from warehouse_sync.services.caller import LARGEST_ID, Caller
from warehouse_sync.services.outlook import PipelineOutlook, outlook_of
from warehouse_sync.services.pipelines import existing_pipeline


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """How a pipeline stands, and the run with the greatest logical date, if there is any."""

    outlook: PipelineOutlook
    latest_run: Run | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run and what is known of it beside its row.

    Attributes:
        rejects: the rows it refused, by reason.
        progress: how far it is; None unless it is being executed.
    """

    run: Run
    rejects: tuple[Rejects, ...]
    progress: RunProgressNow | None


class RunService:
    """The verbs of runs.

    Args:
        profiles: tells what runs refused.
        live: tells how far running runs are.
        wake: tells the scheduler that there is something to do.
        settle_delay: wait after the end of a scheduled interval.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        profiles: ProfileReader,
        live: LiveProgress,
        wake: Callable[[], None],
        settle_delay: timedelta = timedelta(0),
    ) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles
        self._live = live
        self._settle_delay = settle_delay
        self._wake = wake

    def trigger(self, caller: Caller, workspace_id: int, pipeline_id: str) -> Run:
        """Asks for a run of an on-demand pipeline, from the end of the last successful one to now (decision D28).

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: it is a draft, paused, or has a schedule.
            Busy: a run of it is not finished.
        """
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            _refuse_unless_triggerable(tx, pipeline)
            request = _request_to_now(tx, pipeline, now)
            run = runs.create(tx, pipeline, request, created_by=caller.name, now=now)
            if run is None:
                raise AssertionError("a manual run is made or refused with Busy")
            pipelines.set_fault(tx, pipeline.key, None)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "trigger", "pipeline", pipeline.id))
        crashpoint("run_created")
        self._wake()
        return run

    def run_again(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> Run:
        """Queues a failed run as a new attempt at the same interval, and clears the pipeline's fault (decision D27).

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
            InvalidRequest: the run did not fail, a later run has read its rows, or the pipeline may not run now.
            Busy: another run of the pipeline is not finished.
        """
        self.get(caller, workspace_id, pipeline_id, run_id)
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            _refuse_held_back(tx, pipeline)
            unfinished = runs.unfinished_of(tx, pipeline.key)
            if unfinished is not None:
                raise Busy(f"Pipeline {pipeline_id} is already in progress.", run_id=unfinished.id)
            queued = runs.retry(tx, runs.get(tx, run_id))
            if queued is None:
                raise InvalidRequest(
                    f"Run {run_id} cannot be run again: it did not fail, or a later run has read its interval.",
                    field="pipelineRunId",
                    code="not_repeatable",
                )
            pipelines.set_fault(tx, pipeline.key, None)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "run_again", "run", str(run_id)))
        self._wake()
        return queued

    def status(self, caller: Caller, workspace_id: int, pipeline_id: str) -> PipelineStatus:
        """How a pipeline stands.

        Raises:
            NotFound: there is no such pipeline.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id)
            outlook = outlook_of(tx, pipeline, now=self._clock.now(), settle_delay=self._settle_delay)
            return PipelineStatus(outlook, runs.latest(tx, pipeline.key))

    def page(
        self,
        caller: Caller,
        workspace_id: int,
        pipeline_id: str,
        *,
        page: int,
        size: int,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Run]:
        """Page ``page`` (from 1) of a pipeline's runs with ``start <= logical date <= end``, the latest first.

        Raises:
            NotFound: there is no such pipeline.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id)
            return runs.page(tx, pipeline.key, page=page, size=size, start=start, end=end)

    def detail(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> RunDetail:
        """One run of this very pipeline, with what it refused and how far it is.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
        """
        run = self.get(caller, workspace_id, pipeline_id, run_id)
        rejects = self._profiles.rejects(workspace_id, run.environment, run.id)
        return RunDetail(run, rejects, self._live.of(run.id))

    def get(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> Run:
        """One run of this very pipeline.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
        """
        missing = NotFound(f"Pipeline {pipeline_id[:128]} has no run with this number.")
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id)
            if not 0 < run_id <= LARGEST_ID:
                raise missing
            try:
                run = runs.get(tx, run_id)
            except NotFound:
                raise missing from None
            if run.pipeline_key != pipeline.key:
                raise missing
            return run


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
