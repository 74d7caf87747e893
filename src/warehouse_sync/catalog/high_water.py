"""How far a pipeline's runs have come. It is computed from the runs each time, so no cursor can be wrong (promise I3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunState

_SUCCEEDED: Final = runs.c.run_kind.in_(PROGRESS_KINDS) & (runs.c.state == RunState.SUCCESS.value)
_SCHEDULED: Final = runs.c.run_kind == RunKind.SCHEDULED.value
_GIVEN_UP: Final = _SCHEDULED & (runs.c.state == RunState.FAILED.value) & runs.c.retry_on.is_(None)


def last_success_end(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The greatest end of a data interval that was read with success; None before the first."""
    return _extreme(tx, pipeline_key, sa.func.max(runs.c.interval_end), _SUCCEEDED)


def first_success_start(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The least start of a data interval that was read with success; None before the first."""
    return _extreme(tx, pipeline_key, sa.func.min(runs.c.interval_start), _SUCCEEDED)


def last_end(tx: Transaction, pipeline_key: int, *, passes_failed: bool) -> datetime | None:
    """Where the next interval starts; None before the first.

    Args:
        passes_failed: intervals that failed and will not be tried again by themselves are passed, as if they had been read.
    """
    return _extreme(tx, pipeline_key, sa.func.max(runs.c.interval_end), _passed(passes_failed))


def last_date(tx: Transaction, pipeline_key: int, *, passes_failed: bool) -> datetime | None:
    """The greatest logical date of a scheduled run that is passed; None before the first. As :func:`last_end`."""
    return _extreme(tx, pipeline_key, sa.func.max(runs.c.logical_date), _SCHEDULED & _passed(passes_failed))


def _passed(passes_failed: bool) -> sa.ColumnElement[bool]:
    return _SUCCEEDED | _GIVEN_UP if passes_failed else _SUCCEEDED


def _extreme(
    tx: Transaction, pipeline_key: int, extreme: sa.Function[Any], condition: sa.ColumnElement[bool]
) -> datetime | None:
    found: datetime | None = tx.execute(
        sa.select(extreme).where(runs.c.pipeline_key == pipeline_key, condition)
    ).scalar_one()
    return found
