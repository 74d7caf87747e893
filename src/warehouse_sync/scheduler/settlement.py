"""Writes what became of an executed run: to the run, to its pipeline and connection, and on disk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from warehouse_sync.catalog import cancellation, connections, pipelines, runs
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.run import Run, RunCounts, RunKind, RunState, cancelled_by
from warehouse_sync.logs import get_logger
from warehouse_sync.metrics import Metrics
from warehouse_sync.scheduler.ledger import was_changed_since_start
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.scheduler.verdict import Verdict, judge
from warehouse_sync.sync.execution import RunExecutor

_log = get_logger(__name__)


class Settlement:
    """One transaction of the control database per verdict, then the spool. A crash between the two leaves a spool for the next start.

    Args:
        jitter: random numbers in [0, 1) that spread the retries of many runs.
        metrics: told what became of each.
        teller: told of what needs somebody.
    """

    def __init__(
        self,
        database: Database,
        executor: RunExecutor,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        metrics: Metrics,
        teller: Teller,
    ) -> None:
        self._database = database
        self._executor = executor
        self._clock = clock
        self._jitter = jitter
        self._metrics = metrics
        self._teller = teller

    def succeed(self, run: Run, counts: RunCounts) -> None:
        """The run is applied; its pipeline and connection evidently work."""
        crashpoint("before_run_finished")
        with self._database.write() as tx:
            now = self._clock.now()
            if not runs.finish(tx, run, state=RunState.SUCCESS, counts=counts, failure=None, now=now):
                self._lost()
                return
            if run.kind is not RunKind.UNDO:  # it has asked nothing of them
                pipeline = pipelines.by_key(tx, run.pipeline_key)
                pipelines.set_fault(tx, pipeline.key, None)
                connections.set_faulted(tx, pipeline.connection_key, is_faulted=False)
        crashpoint("run_finished")
        self._executor.discard(run.id)
        self._metrics.run_ended(run.kind, "success", seconds=_seconds(run, now))
        self._metrics.rows_read(counts)
        _log.info("run succeeded", extracted=counts.extracted, mapped=counts.mapped, rejected=counts.rejected)

    def put_back(self, run: Run) -> None:
        """The service stops: the run waits for the next start and goes on where it is, or ends there if it was cancelled."""
        with self._database.write() as tx:
            runs.release(tx, run)
        crashpoint("lease_released")
        self._metrics.run_ended(run.kind, "put_back")
        _log.info("run put back")

    def fail(self, run: Run, error: Exception) -> None:
        """The attempt failed: it is tried again later, or somebody must act and is told so."""
        judged = judge(error, attempt=run.attempt, jitter=self._jitter())
        if judged.failure.code == "internal_error":
            _log.error("run met an unexpected error", exc_info=error)
        now = self._clock.now()
        with self._database.write() as tx:
            # Whatever else went wrong meanwhile: who asked for a stop shall not see the run tried again.
            asked_by = cancellation.requested(tx, [run.id]).get(run.id)
            verdict = judged if asked_by is None else Verdict(cancelled_by(asked_by))
            retry_on = now + verdict.retry_in if verdict.retry_in else None
            if not runs.finish(
                tx, run, state=RunState.FAILED, counts=None, failure=verdict.failure, now=now, retry_on=retry_on
            ):
                self._lost()
                return
            if retry_on is None:
                self._teller.run_failed(tx, run, verdict.failure, now)
            self._mark_faults(tx, run, verdict, now)
        crashpoint("run_finished")
        if retry_on is None:
            self._executor.discard(run.id)
        result = "cancelled" if asked_by is not None else "failed" if retry_on is None else "retry"
        self._metrics.run_ended(run.kind, result, seconds=_seconds(run, now) if result == "failed" else None)
        _log.warning("run failed", code=verdict.failure.code, reason=verdict.failure.message, retry_on=str(retry_on))

    def _lost(self) -> None:
        """A newer holder has the run: its spool and what it says of pipeline and connection are that one's business."""
        self._metrics.lease_lost()
        _log.info("run has another holder")

    def _mark_faults(self, tx: Transaction, run: Run, verdict: Verdict, now: datetime) -> None:
        pipeline = pipelines.by_key(tx, run.pipeline_key)
        if was_changed_since_start(tx, pipeline, run, now=now):
            return  # the verdict is on something that somebody has mended meanwhile, perhaps
        connection_key = pipeline.connection_key
        if verdict.faults_connection and connections.set_faulted(tx, connection_key, is_faulted=True):
            self._teller.connection_faulted(tx, connection_key, run, verdict.failure, now)
        if verdict.faults_pipeline and pipelines.set_fault(tx, pipeline.key, verdict.failure.message):
            self._teller.pipeline_faulted(tx, run, verdict.failure, now)


def _seconds(run: Run, now: datetime) -> float | None:
    return None if run.started_on is None else (now - run.started_on).total_seconds()
