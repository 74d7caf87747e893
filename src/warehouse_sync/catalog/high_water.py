"""How far a pipeline's runs have come. It is computed from the runs each time, so no cursor can be wrong (promise I3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import runs, written_out
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import PROGRESS_KINDS, RunKind, RunRequest, RunState

_OF_PROGRESS: Final = sa.or_(*(runs.c.run_kind == written_out(kind) for kind in sorted(PROGRESS_KINDS)))
_SUCCEEDED: Final = _OF_PROGRESS & (runs.c.state == written_out(RunState.SUCCESS))
_SCHEDULED: Final = runs.c.run_kind == written_out(RunKind.SCHEDULED)
_FAILED: Final = runs.c.state == written_out(RunState.FAILED)
_GIVEN_UP: Final = _SCHEDULED & _FAILED & runs.c.retry_on.is_(None)


def _greatest(column: sa.Column[datetime], condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """By going down an index until the condition holds, mostly at once: a maximum would read every run there ever was."""
    return sa.select(column).where(_OF_PIPELINE, condition).order_by(column.desc()).limit(1)


# Made once: the planner asks them of every pipeline again and again, and to put such a query together takes longer than to ask it.
_OF_PIPELINE: Final = runs.c.pipeline_key == sa.bindparam("pipeline")
_LAST_SUCCESS_END: Final = _greatest(runs.c.interval_end, _SUCCEEDED)
_LAST_SUCCESS_ON: Final = (
    sa.select(runs.c.finished_on)
    .where(_OF_PIPELINE, _SUCCEEDED)
    .order_by(runs.c.interval_end.desc(), runs.c.id.desc())
    .limit(1)
)
_GIVEN_UP_AFTER: Final = (
    sa.select(runs.c.logical_date, runs.c.interval_start, runs.c.interval_end)
    .where(_OF_PIPELINE, _GIVEN_UP, runs.c.interval_end > sa.bindparam("after", type_=runs.c.interval_end.type))
    .order_by(runs.c.interval_start, runs.c.interval_end)
)
_FIRST_SUCCESS_START: Final = sa.select(sa.func.min(runs.c.interval_start)).where(_OF_PIPELINE, _SUCCEEDED)
_LAST_DATE: Final = _greatest(
    runs.c.logical_date, _SCHEDULED & (_SUCCEEDED | (_FAILED & (runs.c.interval_start < sa.bindparam("read_to"))))
)
_FAILED_LATER: Final = sa.select(runs.c.id).where(
    _OF_PIPELINE,
    _SCHEDULED,
    _FAILED,
    runs.c.logical_date == sa.bindparam("date", type_=runs.c.logical_date.type),
    runs.c.interval_start > sa.bindparam("start", type_=runs.c.interval_start.type),
)


def last_success_end(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The greatest end of a data interval that was read with success; None before the first."""
    return _found(tx, _LAST_SUCCESS_END, pipeline_key)


def last_success_on(tx: Transaction, pipeline_key: int) -> datetime | None:
    """When the last of the data intervals that were read with success was; None before the first."""
    return _found(tx, _LAST_SUCCESS_ON, pipeline_key)


def first_success_start(tx: Transaction, pipeline_key: int) -> datetime | None:
    """The least start of a data interval that was read with success; None before the first."""
    return _found(tx, _FIRST_SUCCESS_START, pipeline_key)


def given_up(tx: Transaction, pipeline_key: int, *, after: datetime) -> list[RunRequest]:
    """The scheduled runs that failed and will not be tried again by themselves, of intervals that end after a moment, by their starts."""
    found = tx.execute(_GIVEN_UP_AFTER, {"pipeline": pipeline_key, "after": after})
    return [RunRequest(RunKind.SCHEDULED, date, Interval(start, end)) for date, start, end in found]


def last_date(tx: Transaction, pipeline_key: int, *, read_to: datetime | None) -> datetime | None:
    """The greatest logical date that is taken for good; None before the first (decision D26).

    It is that of a scheduled run that succeeded, or that failed and lies behind: its interval begins before ``read_to``, where the next one
    starts. If that is None, failed runs do not count. After the offset or the schedule changed, the next interval may have the date of such
    a run, and must not wait for it.
    """
    return _found(tx, _LAST_DATE, pipeline_key, read_to=read_to)


def is_date_of_later_failure(tx: Transaction, pipeline_key: int, request: RunRequest) -> bool:
    """Whether a failed run has the date that a request is to have, and an interval that begins later."""
    values = {"pipeline": pipeline_key, "date": request.logical_date, "start": request.data_interval.start}
    return tx.execute(_FAILED_LATER, values).one_or_none() is not None


def _found(tx: Transaction, query: sa.Select[Any], pipeline_key: int, **values: object) -> datetime | None:
    found: datetime | None = tx.execute(query, {"pipeline": pipeline_key, **values}).scalar_one_or_none()
    return found
