"""Stretches of time that a pipeline has passed without reading them: what the catch-up limit skipped (decision D6), and what no schedule
that it ever had was to read, or no longer can.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.runs import WAS_READ_SINCE
from warehouse_sync.catalog.schema import runs, written_out
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunState

_READING_AGAIN: Final = (RunKind.RESYNC, RunKind.BACKFILL, RunKind.REPAIR)


def latest_gap(
    tx: Transaction, pipeline_key: int, *, begins: datetime | None, goes_on_from: datetime
) -> Interval | None:
    """The latest stretch of data time that was passed: no run of progress has read it or is to read it, and no other has read it since.

    None if there is none.

    An interval that failed is no gap while its run can be run again: :func:`runs.unread` tells of it.

    Args:
        begins: where the pipeline was to begin, in data time; None: nowhere before its first run.
        goes_on_from: where the next interval begins, in data time: what lies from there on is not passed.
    """
    bounds = {"begins": begins, "goes_on_from": goes_on_from}
    row = tx.execute(_LATEST_GAP, {"of_pipeline": pipeline_key, **bounds}).one_or_none()
    return None if row is None else Interval(row.since, row.until)


def _latest_gap() -> sa.Select[Any]:
    of_pipeline = runs.c.pipeline_key == sa.bindparam("of_pipeline")
    succeeded, failed = (runs.c.state == written_out(state) for state in (RunState.SUCCESS, RunState.FAILED))
    was_for = _is_one_of(PROGRESS_KINDS) & succeeded
    is_to_read = (runs.c.run_kind == written_out(RunKind.SCHEDULED)) & ~succeeded & ~(failed & WAS_READ_SINCE)
    order = (runs.c.interval_start, runs.c.interval_end)
    before = sa.func.max(runs.c.interval_end).over(order_by=order, rows=(None, -1))
    since = sa.func.coalesce(before, sa.bindparam("begins", type_=runs.c.interval_end.type)).label("since")
    steps = sa.select(runs.c.interval_start.label("until"), since).where(of_pipeline, was_for | is_to_read).subquery()
    again = sa.exists().where(
        of_pipeline,
        _is_one_of(_READING_AGAIN),
        succeeded,
        runs.c.interval_start <= steps.c.since,
        runs.c.interval_end >= steps.c.until,
    )
    is_passed = (steps.c.since < steps.c.until) & (
        steps.c.until <= sa.bindparam("goes_on_from", type_=steps.c.until.type)
    )
    return sa.select(steps).where(is_passed, ~again).order_by(steps.c.until.desc()).limit(1)


def _is_one_of(kinds: Iterable[RunKind]) -> sa.ColumnElement[bool]:
    return runs.c.run_kind.in_([written_out(kind) for kind in sorted(kinds)])


_LATEST_GAP: Final = _latest_gap()
