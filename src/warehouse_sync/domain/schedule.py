"""The grid of a pipeline's schedule: pure calendar arithmetic (specification §1.8, decisions D5 to D7).

Interval ``k`` is ``[anchor + k·step, anchor + (k+1)·step)``. The anchor is the pipeline's ``schedule_start_time``: the grid does not snap
to clock hours and never moves. Months are counted from the anchor and clamped to the month's length, so that the 31st comes back
after February.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from dateutil.relativedelta import relativedelta

from warehouse_sync.domain.interval import Interval


class ScheduleInterval(StrEnum):
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ONCE = "once"
    ON_DEMAND = "on_demand"

    @property
    def has_grid(self) -> bool:
        return self not in {ScheduleInterval.ONCE, ScheduleInterval.ON_DEMAND}


_FIXED_STEPS: Final = {
    ScheduleInterval.HOURLY: timedelta(hours=1),
    ScheduleInterval.DAILY: timedelta(days=1),
    ScheduleInterval.WEEKLY: timedelta(weeks=1),
}

CATCH_UP: Final[dict[ScheduleInterval, relativedelta]] = {
    ScheduleInterval.HOURLY: relativedelta(days=7),
    ScheduleInterval.DAILY: relativedelta(months=6),
    ScheduleInterval.WEEKLY: relativedelta(years=3),
    ScheduleInterval.MONTHLY: relativedelta(years=5),
}
"""How far back missed intervals are caught up (specification §1.12)."""


def boundary(schedule: ScheduleInterval, anchor: datetime, index: int) -> datetime:
    """The start of grid interval ``index``; exact for any index, however many months were clamped before it.

    Raises:
        OverflowError: the boundary lies outside the years 1 to 9999.
        ValueError: the schedule has no grid.
    """
    if not schedule.has_grid:
        raise ValueError(f"{schedule} has no grid")
    if schedule is not ScheduleInterval.MONTHLY:
        return anchor + index * _FIXED_STEPS[schedule]
    try:
        return anchor + relativedelta(months=index)
    except ValueError as error:  # relativedelta reports a year out of range so
        raise OverflowError(str(error)) from error


def first_index_ending_after(schedule: ScheduleInterval, anchor: datetime, moment: datetime) -> int:
    """The smallest ``k ≥ 0`` whose interval ends strictly after ``moment``."""
    if moment < anchor:
        return 0
    if schedule is ScheduleInterval.MONTHLY:
        months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
        index = max(0, months - 1)
    else:
        index = max(0, (moment - anchor) // _FIXED_STEPS[schedule] - 1)
    while boundary(schedule, anchor, index + 1) <= moment:
        index += 1
    return index


def grid_interval(schedule: ScheduleInterval, anchor: datetime, index: int) -> Interval:
    """Grid interval ``index``; see :func:`boundary` for what it raises."""
    return Interval(boundary(schedule, anchor, index), boundary(schedule, anchor, index + 1))


def default_start(schedule: ScheduleInterval, now: datetime) -> datetime:
    """``schedule_start_time`` when the request has none: now less the catch-up limit, seconds cut (specification §1.7)."""
    return (now - CATCH_UP[schedule]).replace(second=0, microsecond=0)
