"""Stopping a run that somebody asked to stop: at once where it waits, by its holder where it is being executed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog import runs as all_runs
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs
from warehouse_sync.domain.run import Run, RunState, cancelled_by

_REQUESTED: Final = sa.select(runs.c.id, runs.c.cancel_requested_by).where(
    runs.c.id.in_(sa.bindparam("of_runs", expanding=True)), runs.c.cancel_requested_on.is_not(None)
)


def cancel(tx: Transaction, run_id: int, *, by: str, now: datetime) -> Run | None:
    """Cancels a run: one that waits, or waits to be tried again, fails at once; the holder of one that is being executed is asked to stop.

    Returns:
        The run as it is then; None if it has ended and will not be tried again: there is nothing to cancel.
    """
    tx.execute(sa.select(runs.c.id).where(runs.c.id == run_id).with_for_update())
    run = all_runs.get(tx, run_id)
    failure = cancelled_by(by)
    values: dict[str, Any] = {"cancel_requested_on": now, "cancel_requested_by": by}
    if run.state is RunState.SUCCESS:
        return None
    if run.state is RunState.FAILED:
        if all_runs.retry_time(tx, run) is None:
            return None
        values |= {"retry_on": None, "failure_code": failure.code, "failure_message": failure.message}
    elif run.state is not RunState.RUNNING:
        all_runs.finish(tx, run, state=RunState.FAILED, counts=None, failure=failure, now=now)
    first = runs.c.cancel_requested_on.is_(None)
    tx.execute(sa.update(runs).where(runs.c.id == run_id, first).values(**values))
    return all_runs.get(tx, run_id)


def requested(tx: Transaction, run_ids: Collection[int]) -> dict[int, str]:
    """Which of these runs somebody asked to stop, and who."""
    return {row.id: row.cancel_requested_by for row in tx.execute(_REQUESTED, {"of_runs": list(run_ids)})}
