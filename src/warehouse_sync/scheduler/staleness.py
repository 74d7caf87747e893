"""Is a pipeline later than its schedule allows? A pure judgement, apart from the planner: it must hold when nothing is planned any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.scheduler.planner import PipelineProgress, upcoming

DEFAULT_GRACE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the first interval that was not read yet was due, and from when on it is too late."""

    due_on: datetime
    stale_from: datetime


def deadline_of(
    schedule: Schedule,
    progress: PipelineProgress,
    *,
    last_commit_on: datetime | None,
    settle_delay: timedelta,
    grace: timedelta,
) -> Deadline | None:
    """Until when a pipeline must have read its next interval; None if nothing is expected of it by itself.

    Who catches up with many intervals is not late while each comes within the grace: that is counted from the moment the interval was due,
    the pipeline was made or resumed, or the last interval was committed, whichever came last.

    Args:
        progress: how far it has read with success; intervals that failed and were passed do not count.
        last_commit_on: when its last successful run finished; None before the first.
        settle_delay: wait after the end of a scheduled interval before it is due.
        grace: how late it may be.
    """
    first = next(iter(upcoming(schedule, progress, 1)), None)
    if first is None:
        return None
    delay = settle_delay if schedule.interval.has_grid else timedelta(0)
    try:
        due_on = first.ends_on + delay
        counted_from = max(moment for moment in (due_on, progress.counted_from, last_commit_on) if moment is not None)
        return Deadline(due_on, counted_from + grace)
    except OverflowError:  # at the calendar's end nothing is late any more
        return None
