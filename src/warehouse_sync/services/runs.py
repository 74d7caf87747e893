"""Runs: what became of them. Who asks for one finds the verbs in ``run_requests``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from warehouse_sync.catalog import attempts, runs
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import Run, RunAttempt
from warehouse_sync.errors import NotFound
from warehouse_sync.profiles.comparison import COMPARED, DIFFERENT, MISSING
from warehouse_sync.profiles.extra import EXTRA
from warehouse_sync.profiles.protocol import DroppedValues, ProfileReader, Rejects
from warehouse_sync.scheduler.progress import LiveProgress, RunProgressNow
from warehouse_sync.scheduler.staleness import DEFAULT_GRACE
from warehouse_sync.services.caller import LARGEST_ID, Caller
from warehouse_sync.services.outlook import PipelineOutlook, outlook_of
from warehouse_sync.services.pipelines import existing_pipeline

ATTEMPTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """How a pipeline stands, and the run with the greatest logical date, if there is any."""

    outlook: PipelineOutlook
    latest_run: Run | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a run that compares has found so far.

    Attributes:
        compared: rows that it looked at.
        missing: rows of which no profile holds anything; with samples.
        different: rows of which a profile holds something else; with samples.
        extra: what profiles hold and the warehouse no longer has, with samples; None where, or as long as, that was not looked for.
    """

    compared: int
    missing: Rejects
    different: Rejects
    extra: Rejects | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run and what is known of it beside its row.

    Attributes:
        attempts: those that have ended, the latest first, at most ``ATTEMPTS_SHOWN`` of them.
        rejects: the rows it refused, by reason.
        dropped_values: the values it left out, by attribute and reason.
        new_attributes: names of attributes that its environment did not know before.
        verification: what it found, if it compares.
        progress: how far it is; None unless it is being executed.
    """

    run: Run
    attempts: tuple[RunAttempt, ...]
    rejects: tuple[Rejects, ...]
    dropped_values: tuple[DroppedValues, ...]
    new_attributes: tuple[str, ...]
    verification: Verification | None
    progress: RunProgressNow | None


class RunService:
    """What is told of runs.

    Args:
        profiles: tells what runs refused.
        live: tells how far running runs are.
        settle_delay: wait after the end of a scheduled interval.
        grace: how late a pipeline may be before it is stale.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        profiles: ProfileReader,
        live: LiveProgress,
        settle_delay: timedelta = timedelta(0),
        grace: timedelta = DEFAULT_GRACE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles
        self._live = live
        self._settle_delay = settle_delay
        self._grace = grace

    def status(self, caller: Caller, workspace_id: int, pipeline_id: str) -> PipelineStatus:
        """How a pipeline stands.

        Raises:
            NotFound: there is no such pipeline.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id)
            outlook = outlook_of(
                tx, pipeline, now=self._clock.now(), settle_delay=self._settle_delay, grace=self._grace
            )
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
        """One run of this very pipeline, with its attempts, what it refused and how far it is.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            run = existing_run(tx, existing_pipeline(tx, workspace_id, pipeline_id), run_id)
            ended = attempts.of_run(tx, run.id, limit=ATTEMPTS_SHOWN)
        noted = {found.reason: found for found in self._profiles.rejects(workspace_id, run.environment, run.id)}
        verification = _verification(noted) if run.kind.compares else None
        new_attributes = self._profiles.new_attributes(workspace_id, run.environment, run.id)
        dropped = self._profiles.dropped_values(workspace_id, run.environment, run.id)
        progress = self._live.of(run.id)
        return RunDetail(run, tuple(ended), tuple(noted.values()), dropped, new_attributes, verification, progress)


def _verification(noted: dict[str, Rejects]) -> Verification:
    """What was found, taken from among what was noted of a run's rows."""
    compared, missing, different = (
        noted.pop(reason, Rejects(reason, 0, ())) for reason in (COMPARED, MISSING, DIFFERENT)
    )
    return Verification(compared.count, missing, different, noted.pop(EXTRA, None))


def existing_run(tx: Transaction, pipeline: Pipeline, run_id: int) -> Run:
    """The run with this number of this very pipeline, or NotFound."""
    missing = NotFound(f"Pipeline {pipeline.id} has no run with this number.")
    if not 0 < run_id <= LARGEST_ID:
        raise missing
    try:
        run = runs.get(tx, run_id)
    except NotFound:
        raise missing from None
    if run.pipeline_key != pipeline.key:
        raise missing
    return run
