"""How far a pipeline's runs have come. It is computed from the runs each time, so no cursor can be wrong (promise I3)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunState

_SUCCEEDED: Final = runs.c.run_kind.in_(PROGRESS_KINDS) & (runs.c.state == RunState.SUCCESS.value)
_SCHEDULED: Final = runs.c.run_kind == RunKind.SCHEDULED.value
_FAILED: Final = runs.c.state == RunState.FAILED.value
_GIVEN_UP: Final = _SCHEDULED & _FAILED & runs.c.retry_on.is_(None)


def last_success_end(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The greatest end of a data interval that was read with success; None before the first."""
    return _greatest(tx, pipeline_key, runs.c.interval_end, _SUCCEEDED)


def last_success_on(tx: Transaction, pipeline_key: int) -> datetime | None:
    """When the last of the data intervals that were read with success was; None before the first."""
    query = sa.select(runs.c.finished_on).where(runs.c.pipeline_key == pipeline_key, _SUCCEEDED)
    last = query.order_by(runs.c.interval_end.desc(), runs.c.id.desc()).limit(1)
    found: datetime | None = tx.execute(last).scalar_one_or_none()
    return found


def first_success_start(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The least start of a data interval that was read with success; None before the first."""
    query = sa.select(sa.func.min(runs.c.interval_start)).where(runs.c.pipeline_key == pipeline_key, _SUCCEEDED)
    found: datetime | None = tx.execute(query).scalar_one()
    return found


def last_end(tx: Transaction, pipeline_key: int, *, passes_failed: bool) -> datetime | None:
    """Where the next interval starts; None before the first.

    Args:
        passes_failed: intervals that failed and will not be tried again by themselves are passed, as if they had been read.
    """
    return _greatest(tx, pipeline_key, runs.c.interval_end, _SUCCEEDED | _GIVEN_UP if passes_failed else _SUCCEEDED)


def last_date(tx: Transaction, pipeline_key: int, *, read_to: datetime | None) -> datetime | None:
    """The greatest logical date that no other run can have any more; None before the first (decision D26).

    It is that of a scheduled run that succeeded, or that failed and lies behind: its interval begins before ``read_to``, where the next one
    starts. After the offset or the schedule changed, the next interval may have the date of such a run, and must not wait for it.
    """
    behind = _SUCCEEDED if read_to is None else _SUCCEEDED | (_FAILED & (runs.c.interval_start < read_to))
    return _greatest(tx, pipeline_key, runs.c.logical_date, _SCHEDULED & behind)


def _greatest(
    tx: Transaction, pipeline_key: int, column: sa.Column[datetime], condition: sa.ColumnElement[bool]
) -> datetime | None:
    """By going down an index until the condition holds, mostly at once: a maximum would read every run there ever was."""
    query = sa.select(column).where(runs.c.pipeline_key == pipeline_key, condition)
    found: datetime | None = tx.execute(query.order_by(column.desc()).limit(1)).scalar_one_or_none()
    return found
