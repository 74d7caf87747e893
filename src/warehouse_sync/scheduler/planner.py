"""Which run of a pipeline comes next: pure (specification §1.8, decisions D5 to D7, D24 to D26).

There is no cursor: the next interval starts where the last successful one ended. What tiles is the data intervals; the grid is the data
interval moved forward by the load timestamp's offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.run import RunRequest, RunType
from warehouse_sync.domain.schedule import CATCH_UP, ScheduleInterval, boundary, first_index_ending_after
from warehouse_sync.domain.timestamps import BEGINNING


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """What planning must know beside the schedule.

    Attributes:
        counted_from: when the pipeline was created or last resumed: the catch-up limit counts back from here.
        last_end: end of the last data interval that was read with success; None before the first.
        offset: of the load timestamp.
    """

    counted_from: datetime
    last_end: datetime | None
    offset: timedelta


def next_scheduled(
    schedule: Schedule, progress: PipelineProgress, *, now: datetime, settle_delay: timedelta
) -> RunRequest | None:
    """The next scheduled run if it is due, else None. Planning again gives the same run until it has succeeded.

    A run is due when its interval has ended, and the settle delay after it.
    """
    if schedule.interval is ScheduleInterval.ONCE:
        return _once(schedule, progress)
    if not schedule.interval.has_grid or schedule.start is None:
        return None
    interval = next_grid_interval(schedule, progress)
    if interval is None or interval.end + settle_delay > now:
        return None
    return RunRequest(RunType.SCHEDULED, interval.start, interval.shifted(progress.offset))


def next_grid_interval(schedule: Schedule, progress: PipelineProgress) -> Interval | None:
    """The first interval that is not read yet, on the grid; None when the schedule has ended.

    After a change of schedule it may be a bridge: from where reading stopped to the first boundary of the new grid (decision D25).
    """
    if schedule.start is None:
        raise ValueError("a schedule with a grid has a start")
    floor = progress.counted_from - CATCH_UP[schedule.interval]
    first = first_index_ending_after(schedule.interval, schedule.start, floor)
    start = boundary(schedule.interval, schedule.start, first)
    if progress.last_end is not None:
        start = max(start, progress.last_end + progress.offset)
    index = first_index_ending_after(schedule.interval, schedule.start, start)
    end = boundary(schedule.interval, schedule.start, index + 1)
    if schedule.end is not None and end > schedule.end:
        return None
    return Interval(start, end)


def on_demand_interval(schedule: Schedule, progress: PipelineProgress, *, now: datetime) -> RunRequest:
    """The run that a trigger asks for: from where reading stopped to the request's moment, floored to the second (decision D24)."""
    moment = now.replace(microsecond=0)
    if progress.last_end is not None:
        # The start is where data was last read to, so only the end is still to be moved by the offset.
        interval = Interval(
            progress.last_end, max(progress.last_end, Interval(moment, moment).shifted(progress.offset).end)
        )
    elif schedule.start is not None:
        interval = Interval(schedule.start, max(schedule.start, moment)).shifted(progress.offset)
    else:
        raise ValueError("an on-demand schedule has a start")
    return RunRequest(RunType.MANUAL, interval.start, interval)


def _once(schedule: Schedule, progress: PipelineProgress) -> RunRequest | None:
    if progress.last_end is not None:
        return None
    start = schedule.start or BEGINNING
    end = max(start, progress.counted_from.replace(microsecond=0))
    interval = Interval(start, end).shifted(progress.offset)
    return RunRequest(RunType.SCHEDULED, start, interval)
