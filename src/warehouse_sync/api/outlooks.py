"""What is told of a pipeline's state and its next intervals, beside the published fields (decision D17)."""

from __future__ import annotations

from typing import TypedDict

from pydantic import BaseModel, Field

from warehouse_sync.api.stamps import instant_or_none
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.services.outlook import ComingInterval, FailedInterval, PipelineOutlook, PipelineState


class IntervalAnswer(BaseModel):
    """A half-open stretch of time, in UTC."""

    start: str = Field(examples=["2023-02-08T00:05:00Z"])
    end: str = Field(examples=["2023-02-08T01:05:00Z"])


class NextIntervalAnswer(IntervalAnswer):
    """A data interval that will be read, and when its run is due; null where a trigger decides."""

    due_at: str | None


class FailedIntervalAnswer(IntervalAnswer):
    """A data interval that was not read, because its run failed."""

    pipeline_run_id: int
    code: str | None = Field(description="Why its run failed.")
    blocks: bool = Field(description="True: later intervals wait for it.")


class OutlookAnswer(BaseModel):
    """How a pipeline stands and what comes next."""

    state: PipelineState = Field(
        description="The flags of the pipeline and of what it uses, and its runs, in one word."
    )
    explanation: str = Field(description="The same in a sentence, with what to do.")
    next_run_at: str | None = Field(description="When the next scheduled run is due, or was, if it has not begun yet.")
    next_intervals: list[NextIntervalAnswer] = Field(
        description="The next three data intervals; for an on-demand pipeline the one that a trigger would read now."
    )
    failed_intervals: list[FailedIntervalAnswer] = Field(
        description="The first 20 intervals that failed and were not read since."
    )
    first_interval: IntervalAnswer | None = Field(description="While nothing was read yet: where reading begins.")
    skipped_interval: IntervalAnswer | None = Field(
        description="The data interval that the catch-up limit leaves unread, or that was passed unread last and nobody had read since."
    )
    is_stale: bool = Field(description="It is later than its schedule and the grace allow.")
    stale_since: str | None = Field(description="Since when it is; null if it is not.")


class OutlookFields(TypedDict):
    state: PipelineState
    explanation: str
    next_run_at: str | None
    next_intervals: list[NextIntervalAnswer]
    failed_intervals: list[FailedIntervalAnswer]
    first_interval: IntervalAnswer | None
    skipped_interval: IntervalAnswer | None
    is_stale: bool
    stale_since: str | None


def outlook_fields(outlook: PipelineOutlook) -> OutlookFields:
    return {
        "state": outlook.state,
        "explanation": outlook.explanation,
        "next_run_at": instant_or_none(outlook.next_run_on),
        "next_intervals": [next_interval(coming) for coming in outlook.next_intervals],
        "failed_intervals": [_failed(failed) for failed in outlook.failed],
        "first_interval": interval_or_none(outlook.first_interval),
        "skipped_interval": interval_or_none(outlook.skipped),
        "is_stale": outlook.stale is not None,
        "stale_since": instant_or_none(None if outlook.stale is None else outlook.stale.stale_from),
    }


def next_interval(coming: ComingInterval) -> NextIntervalAnswer:
    start, end = format_instant(coming.interval.start), format_instant(coming.interval.end)
    return NextIntervalAnswer(start=start, end=end, due_at=instant_or_none(coming.due_on))


def _failed(failed: FailedInterval) -> FailedIntervalAnswer:
    interval, failure = failed.run.data_interval, failed.run.failure
    return FailedIntervalAnswer(
        start=format_instant(interval.start),
        end=format_instant(interval.end),
        pipeline_run_id=failed.run.id,
        code=None if failure is None else failure.code,
        blocks=failed.blocks,
    )


def interval_or_none(interval: Interval | None) -> IntervalAnswer | None:
    if interval is None:
        return None
    return IntervalAnswer(start=format_instant(interval.start), end=format_instant(interval.end))
