"""Stretches of time that a pipeline has passed without reading them: what the catch-up limit skipped (decision D6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs, written_out
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunState


def latest_gap(tx: Transaction, pipeline_key: int, *, begins: datetime | None) -> Interval | None:
    """The latest stretch of data time that no run of progress was for, and that no other run has read since; None if there is none.

    An interval that failed is no gap: somebody knows of it.

    Args:
        begins: where the pipeline was to begin, in data time; None: nowhere before its first run.
    """
    row = tx.execute(_LATEST_GAP, {"of_pipeline": pipeline_key, "begins": begins}).one_or_none()
    return None if row is None else Interval(row.since, row.until)


def _latest_gap() -> sa.Select[Any]:
    of_pipeline = runs.c.pipeline_key == sa.bindparam("of_pipeline")
    succeeded = runs.c.state == written_out(RunState.SUCCESS)
    of_progress = runs.c.run_kind.in_([written_out(kind) for kind in sorted(PROGRESS_KINDS)])
    was_for = (runs.c.run_kind == written_out(RunKind.SCHEDULED)) | (of_progress & succeeded)
    order = (runs.c.interval_start, runs.c.interval_end)
    before = sa.func.max(runs.c.interval_end).over(order_by=order, rows=(None, -1))
    since = sa.func.coalesce(before, sa.bindparam("begins", type_=runs.c.interval_end.type)).label("since")
    steps = sa.select(runs.c.interval_start.label("until"), since).where(of_pipeline, was_for).subquery()
    again = sa.exists().where(
        of_pipeline, succeeded, runs.c.interval_start <= steps.c.since, runs.c.interval_end >= steps.c.until
    )
    return sa.select(steps).where(steps.c.since < steps.c.until, ~again).order_by(steps.c.until.desc()).limit(1)


_LATEST_GAP: Final = _latest_gap()
