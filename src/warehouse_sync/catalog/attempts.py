"""What became of each attempt at a run. The run itself only tells of the latest one."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import run_attempts, runs
from warehouse_sync.domain.run import RunAttempt, RunFailure

_KEPT: Final = ("attempt", "started_on", "finished_on", "failure_code", "failure_message", "retry_on")
_VERDICT: Final = sa.select(runs.c.id, *(runs.c[name] for name in _KEPT)).where(runs.c.id == sa.bindparam("of_run"))
_KEEP: Final = sa.insert(run_attempts).from_select(["run_id", *_KEPT], _VERDICT)


def keep(tx: Transaction, run_id: int) -> None:
    """Keeps the verdict that a run has just got, under the number of its attempt."""
    tx.execute(_KEEP, {"of_run": run_id})


def of_run(tx: Transaction, run_id: int, *, limit: int) -> list[RunAttempt]:
    """The attempts at a run that have ended, the latest first, at most ``limit`` of them."""
    query = sa.select(run_attempts).where(run_attempts.c.run_id == run_id).order_by(run_attempts.c.attempt.desc())
    return [
        RunAttempt(
            number=row.attempt,
            started_on=row.started_on,
            finished_on=row.finished_on,
            failure=None if row.failure_code is None else RunFailure(row.failure_code, row.failure_message),
            retry_on=row.retry_on,
        )
        for row in tx.execute(query.limit(limit))
    ]
