"""How far a pipeline's successful runs have come. It is computed from the runs each time, so no cursor can be wrong (promise I3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunState


def last_success_end(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The greatest end of a data interval that was read with success: where the next interval starts; None before the first."""
    return _greatest(tx, pipeline_key, runs.c.interval_end, runs.c.run_kind.in_(PROGRESS_KINDS))


def last_success_date(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The greatest logical date of a scheduled run that succeeded; None before the first."""
    return _greatest(tx, pipeline_key, runs.c.logical_date, runs.c.run_kind == RunKind.SCHEDULED.value)


def _greatest(
    tx: Transaction, pipeline_key: int, column: sa.Column[Any], *conditions: sa.ColumnElement[bool]
) -> datetime | None:
    successes = (runs.c.pipeline_key == pipeline_key, runs.c.state == RunState.SUCCESS.value, *conditions)
    greatest: datetime | None = tx.execute(sa.select(sa.func.max(column)).where(*successes)).scalar_one()
    return greatest
