"""Tells of what needs somebody: puts notices into the outbox, in the transaction of the change that they tell of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from warehouse_sync.catalog import notices, pipelines
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.domain.notice import Notice, NoticeType
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import CANCELLED, Run, RunFailure
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.scheduler.staleness import Deadline
from warehouse_sync.warehouses.faults import without_own_words


class Teller:
    """
    Args:
        is_wanted: whether anybody listens; if not, nothing is written.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted

    def run_failed(self, tx: Transaction, run: Run, failure: RunFailure, now: datetime) -> None:
        """A run failed and is not tried again by itself. Who cancelled one knows it."""
        if failure.code != CANCELLED:
            notice = Notice(
                NoticeType.RUN_FAILED, now, run.workspace_id, run.pipeline_id, _of_run(run) | _of_failure(failure)
            )
            self._tell(tx, notice, subject=f"run {run.id} of epoch {run.epoch} failed")

    def pipeline_faulted(self, tx: Transaction, run: Run, failure: RunFailure, now: datetime) -> None:
        """By a run's failure its pipeline has become faulted."""
        facts = {"faulted": "pipeline"} | _of_run(run) | _of_failure(failure)
        self._tell(tx, Notice(NoticeType.FAULTED, now, run.workspace_id, run.pipeline_id, facts))

    def connection_faulted(
        self, tx: Transaction, connection_key: int, run: Run, failure: RunFailure, now: datetime
    ) -> None:
        """By a run's failure a connection has become faulted, and with it all its pipelines that are not held back."""
        for pipeline in pipelines.on_connection(tx, connection_key):
            facts: dict[str, Any] = {"faulted": "connection", "connection_id": pipeline.connection_id}
            if pipeline.key == run.pipeline_key:
                facts |= _of_run(run)
            notice = Notice(NoticeType.FAULTED, now, pipeline.workspace_id, pipeline.id, facts | _of_failure(failure))
            self._tell(tx, notice)

    def stale(self, tx: Transaction, pipeline: Pipeline, deadline: Deadline, now: datetime) -> None:
        """A pipeline has become stale."""
        facts = {"due_on": format_instant(deadline.due_on), "stale_from": format_instant(deadline.stale_from)}
        self._tell(tx, Notice(NoticeType.STALE, now, pipeline.workspace_id, pipeline.id, facts))

    def recovered(self, tx: Transaction, pipeline: Pipeline, now: datetime) -> None:
        """A pipeline is stale no longer."""
        self._tell(tx, Notice(NoticeType.RECOVERED, now, pipeline.workspace_id, pipeline.id, {}))

    def _tell(self, tx: Transaction, notice: Notice, *, subject: str | None = None) -> None:
        if self._is_wanted:
            notices.record(tx, notice, subject=subject)


def _of_run(run: Run) -> dict[str, Any]:
    return {
        "pipeline_run_id": run.id,
        "run_kind": run.kind.value,
        "attempt": run.attempt,
        "data_interval_start": format_instant(run.data_interval.start),
        "data_interval_end": format_instant(run.data_interval.end),
    }


def _of_failure(failure: RunFailure) -> dict[str, Any]:
    return {"failure": {"code": failure.code, "message": without_own_words(failure.message)}}
