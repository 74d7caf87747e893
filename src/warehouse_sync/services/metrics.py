"""What the service counts and what is true now, for those who watch it."""

from __future__ import annotations

from datetime import datetime, timedelta

from warehouse_sync.catalog import high_water, notices, pipelines, runs
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.metrics import Metrics, PipelineFacts, Snapshot
from warehouse_sync.scheduler.ledger import staleness_deadline
from warehouse_sync.services.caller import Caller


class MetricsService:
    """
    Args:
        metrics: what is counted.
        settle_delay, grace: when a pipeline is stale.
    """

    def __init__(
        self, database: Database, clock: Clock, metrics: Metrics, *, settle_delay: timedelta, grace: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._settle_delay = settle_delay
        self._grace = grace
        self._metrics = metrics

    def text(self, caller: Caller) -> bytes:
        """Everything in Prometheus's text format.

        Raises:
            Forbidden: the caller may not read the control API, or not in every workspace: the numbers are about all of them.
        """
        caller.require_permission(Permission.USER)
        caller.require_all_workspaces()
        now = self._clock.now()
        with self._database.read() as tx:
            active = sorted(pipelines.active(tx), key=lambda pipeline: pipeline.key)
            facts = tuple(self._facts(tx, pipeline, now) for pipeline in active)
            snapshot = Snapshot(runs.count_unfinished(tx), facts, notices.count_waiting(tx))
        return self._metrics.text(snapshot)

    def _facts(self, tx: Transaction, pipeline: Pipeline, now: datetime) -> PipelineFacts:
        deadline = staleness_deadline(tx, pipeline, settle_delay=self._settle_delay, grace=self._grace)
        read_to = high_water.last_success_end(tx, pipeline.key)
        return PipelineFacts(
            pipeline.workspace_id,
            pipeline.id,
            None if read_to is None else (now - read_to).total_seconds(),
            deadline is not None and deadline.stale_from <= now,
        )
