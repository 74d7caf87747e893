"""Which run of a pipeline comes next: pure (specification §1.8, decisions D5 to D7, D24 to D26).

There is no cursor: the next interval starts where the last successful one ended. What tiles is the data intervals; the grid is the data
interval moved forward by the load timestamp's offset.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.run import RunKind, RunRequest
from warehouse_sync.domain.schedule import CATCH_UP, ScheduleInterval, boundary, first_index_ending_after
from warehouse_sync.domain.timestamps import BEGINNING


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """What planning must know beside the schedule.

    Attributes:
        counted_from: when the pipeline was created or last resumed: the catch-up limit counts back from here.
        last_end: end of the last data interval that was read with success, or is passed because it failed and the pipeline's policy is to
            go on; None before the first.
        offset: of the load timestamp.
        last_logical_date: the greatest logical date that the next run cannot have, because another one has it for good; None if there is
            none. Where the offset or the schedule was changed since, the grid interval that comes next can have this date again, and a date
            has one run only (decision D26).
    """

    counted_from: datetime
    last_end: datetime | None
    offset: timedelta
    last_logical_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A run that is to come, and the moment its interval ends; it is due the settle delay after that."""

    request: RunRequest
    ends_on: datetime


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
    if interval is None or interval.end > now - settle_delay:
        return None
    return _scheduled(schedule.interval, schedule.start, progress, interval)


def upcoming(schedule: Schedule, progress: PipelineProgress, count: int) -> tuple[Upcoming, ...]:
    """The next scheduled runs, the first ``count`` of them, as they will be if every one succeeds and nothing is changed.

    Empty for ``on_demand`` and where the schedule or the calendar has ended; ``once`` has one run at most.
    """
    if schedule.interval is ScheduleInterval.ONCE:
        request = _once(schedule, progress)
        return () if request is None else (Upcoming(request, progress.counted_from),)[:count]
    if not schedule.interval.has_grid or schedule.start is None:
        return ()
    coming: list[Upcoming] = []
    while len(coming) < count:
        interval = next_grid_interval(schedule, progress)
        if interval is None:
            break
        request = _scheduled(schedule.interval, schedule.start, progress, interval)
        coming.append(Upcoming(request, interval.end))
        if (
            request.data_interval.end == progress.last_end
        ):  # at the calendar's beginning an offset can leave nothing to move on by
            break
        progress = replace(progress, last_end=request.data_interval.end, last_logical_date=request.logical_date)
    return tuple(coming)


def _scheduled(
    interval: ScheduleInterval, anchor: datetime, progress: PipelineProgress, planned: Interval
) -> RunRequest:
    """The run of a planned stretch of the grid; its date is one that has no run yet (decision D26)."""
    logical_date = planned.start
    if progress.last_logical_date is not None and logical_date <= progress.last_logical_date:
        logical_date = _boundary_after(interval, anchor, progress.last_logical_date)
    return RunRequest(RunKind.SCHEDULED, logical_date, planned.shifted(progress.offset))


def next_grid_interval(schedule: Schedule, progress: PipelineProgress) -> Interval | None:
    """The first interval that is not read yet, on the grid; None when the schedule or the calendar has ended.

    After a change of schedule it may be a bridge: from where reading stopped to the first boundary of the new grid (decision D25). After
    the offset became smaller it may be one, too: up to the end of the first grid interval whose date has no run yet.
    """
    if schedule.start is None:
        raise ValueError("a schedule with a grid has a start")
    try:
        start = _next_start(schedule.interval, schedule.start, progress)
        end = _boundary_after(schedule.interval, schedule.start, start)
        if progress.last_logical_date is not None and start <= progress.last_logical_date:
            free = _boundary_after(schedule.interval, schedule.start, progress.last_logical_date)
            of_its_date = _boundary_after(schedule.interval, schedule.start, free)
            # What is left before the schedule's end is read all the same.
            end = of_its_date if schedule.end is None or of_its_date <= schedule.end else end
    except OverflowError:
        return None
    if schedule.end is not None and end > schedule.end:
        return None
    return Interval(start, end)


def skipped(schedule: Schedule, progress: PipelineProgress) -> Interval | None:
    """The data interval before the next one that will never be read, because of the catch-up limit (decision D6); None if there is none."""
    if not schedule.interval.has_grid or schedule.start is None:
        return None
    coming = next_grid_interval(schedule, progress)
    if coming is None:
        return None
    try:
        read_to = schedule.start if progress.last_end is None else progress.last_end + progress.offset
    except OverflowError:
        return None
    return Interval(read_to, coming.start).shifted(progress.offset) if read_to < coming.start else None


def _next_start(interval: ScheduleInterval, anchor: datetime, progress: PipelineProgress) -> datetime:
    """Where reading goes on, on the grid: where it stopped, unless the catch-up limit allows to skip what comes then (decision D6)."""
    floor = progress.counted_from - CATCH_UP[interval]
    first = boundary(interval, anchor, first_index_ending_after(interval, anchor, floor))
    if progress.last_end is None:
        return first
    stopped = progress.last_end + progress.offset
    # Before ``first`` lie grid intervals that ended before the floor; or nothing, where the grid begins later than reading stopped.
    return stopped if stopped > first or first > floor else first


def _boundary_after(interval: ScheduleInterval, anchor: datetime, moment: datetime) -> datetime:
    """The first boundary of the grid strictly after ``moment``."""
    if moment < anchor:
        return anchor
    return boundary(interval, anchor, first_index_ending_after(interval, anchor, moment) + 1)


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
    return RunRequest(RunKind.MANUAL, interval.start, interval)


def resync(schedule: Schedule, offset: timedelta, read: Interval) -> RunRequest:
    """The run that reads once more all that was read, from the start of the schedule if that is earlier.

    Args:
        schedule: of the pipeline, as it is now.
        offset: of the load timestamp, as it is now.
        read: from the start of the first interval that was read with success to the end of the last one.
    """
    start = schedule.start or BEGINNING
    begin = min(read.start, Interval(start, start).shifted(offset).start)
    return RunRequest(RunKind.RESYNC, begin, Interval(begin, read.end))


def backfill(interval: Interval) -> RunRequest:
    """The run that reads a data interval that somebody named; it need not lie on any grid."""
    return RunRequest(RunKind.BACKFILL, interval.start, interval)


def verification(interval: Interval, *, repairs: bool, finds_extra: bool) -> RunRequest:
    """The run that compares the rows of a data interval with what the profiles hold, and puts back what they lack if that is wanted.

    Args:
        finds_extra: also tell what the profiles hold and the warehouse no longer has. Only up to where reading stopped: else what is not
            among the rows may be among later ones.
    """
    kind = RunKind.REPAIR if repairs else RunKind.VERIFY
    return RunRequest(kind, interval.start, interval, details={"finds_extra": finds_extra})


def _once(schedule: Schedule, progress: PipelineProgress) -> RunRequest | None:
    if progress.last_end is not None:
        return None
    start = schedule.start or BEGINNING
    end = max(start, progress.counted_from.replace(microsecond=0))
    interval = Interval(start, end).shifted(progress.offset)
    return RunRequest(RunKind.SCHEDULED, start, interval)
