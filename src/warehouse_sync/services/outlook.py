"""How a pipeline stands and what comes next: one word, one sentence, the next intervals (specification §8 items 12, 13 and 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from warehouse_sync.catalog import connections, data_models, high_water, runs
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.gaps import latest_gap
from warehouse_sync.domain.connection import Connection
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Pipeline, Schedule
from warehouse_sync.domain.run import Run, RunKind, RunState
from warehouse_sync.domain.schedule import CATCH_UP, ScheduleInterval
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.scheduler.ledger import blocking_run, progress_of, staleness_deadline, unread_before
from warehouse_sync.scheduler.planner import PipelineProgress, on_demand_interval, skipped, upcoming
from warehouse_sync.scheduler.staleness import Deadline

INTERVALS_SHOWN: Final = 3
FAILED_SHOWN: Final = 20


class PipelineState(StrEnum):
    """One word for the three flags of a pipeline, those of what it uses, and its runs."""

    RUNNING = "running"
    QUEUED = "queued"
    DRAFT = "draft"
    PAUSED = "paused"
    CONNECTION_PAUSED = "connection_paused"
    DATA_MODEL_PAUSED = "data_model_paused"
    FAULTED = "faulted"
    CONNECTION_FAULTED = "connection_faulted"
    RETRYING = "retrying"
    BLOCKED = "blocked"
    FINISHED = "finished"
    IDLE = "idle"

    @property
    def lets_runs_come(self) -> bool:
        """Whether the scheduler will go on by itself, or a trigger would be accepted."""
        return self not in _HELD_BACK


_HELD_BACK: Final = frozenset(
    {
        PipelineState.DRAFT,
        PipelineState.PAUSED,
        PipelineState.CONNECTION_PAUSED,
        PipelineState.DATA_MODEL_PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class ComingInterval:
    """A data interval that will be read, and when its run is due; None where a trigger decides that."""

    interval: Interval
    due_on: datetime | None


@dataclass(frozen=True, slots=True)
class FailedInterval:
    """An interval of a schedule that was not read, because its run failed; ``blocks`` if later ones wait for it."""

    run: Run
    blocks: bool


@dataclass(frozen=True, slots=True)
class PipelineOutlook:
    """How a pipeline stands.

    Attributes:
        state: one word; the first of ``PipelineState`` that is true.
        explanation: the same in a sentence, with the remedy where somebody must act.
        synced_until: up to here everything was read with success.
        next_run_on: when the next scheduled run is due, or was; None if none will be.
        next_intervals: the next few; for an on-demand pipeline the one that a trigger would read now.
        failed: intervals that failed and were not read since, the oldest first, at most ``FAILED_SHOWN`` of them.
        first_interval: while nothing was read yet, where reading will begin; later None.
        skipped: what the catch-up limit leaves unread before the next run (decision D6), or else what was passed unread last and nobody
            had read since.
        stale: the deadline that it has missed; None if it is not later than its schedule allows, or held back on purpose.
    """

    pipeline: Pipeline
    connection: Connection
    state: PipelineState
    explanation: str
    synced_until: datetime | None
    next_run_on: datetime | None
    next_intervals: tuple[ComingInterval, ...]
    failed: tuple[FailedInterval, ...]
    first_interval: Interval | None
    skipped: Interval | None
    stale: Deadline | None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the database says of a pipeline."""

    pipeline: Pipeline
    connection: Connection
    data_model: DataModel
    unfinished: Run | None
    hindrance: Run | None
    retry_on: datetime | None
    coming: tuple[ComingInterval, ...]


def outlook_of(
    tx: Transaction, pipeline: Pipeline, *, now: datetime, settle_delay: timedelta, grace: timedelta
) -> PipelineOutlook:
    """How a pipeline stands at ``now``.

    Args:
        settle_delay: wait after the end of a scheduled interval before it is due.
        grace: how late it may be before it is stale.
    """
    progress = progress_of(tx, pipeline)
    facts = _facts(tx, pipeline, progress, now, settle_delay)
    failed = runs.unread(tx, pipeline.key, limit=FAILED_SHOWN)
    state = _state(facts)
    missed = _missed(tx, facts, now, settle_delay, grace)
    coming = facts.coming if _shows_intervals(pipeline, state) else ()
    left_out = skipped(pipeline.schedule, progress) if coming else None
    gap = _gap(tx, facts, progress) if left_out is None else None
    read_to = high_water.last_success_end(tx, pipeline.key)
    return PipelineOutlook(
        pipeline=pipeline,
        connection=facts.connection,
        state=state,
        explanation=_explanation(facts, state, now)
        + _about_skipped(pipeline, left_out)
        + _about_gap(gap, read_to)
        + _about_passed(tx, pipeline, [run for run in failed if run != facts.hindrance])
        + _about_stale(missed),
        synced_until=_synced_until(read_to, failed),
        next_run_on=coming[0].due_on if coming else None,
        next_intervals=coming,
        failed=tuple(FailedInterval(run, run == facts.hindrance) for run in failed),
        first_interval=coming[0].interval if coming and progress.last_end is None else None,
        skipped=left_out or gap,
        stale=missed,
    )


def _missed(
    tx: Transaction, facts: _Facts, now: datetime, settle_delay: timedelta, grace: timedelta
) -> Deadline | None:
    if not (facts.pipeline.may_run and facts.connection.is_active and facts.data_model.is_active):
        return None
    deadline = staleness_deadline(tx, facts.pipeline, settle_delay=settle_delay, grace=grace)
    return deadline if deadline is not None and deadline.stale_from <= now else None


def _gap(tx: Transaction, facts: _Facts, progress: PipelineProgress) -> Interval | None:
    """What was passed unread once: it stays to be seen until somebody has it read."""
    goes_on_from = facts.coming[0].interval.start if facts.coming else progress.last_end
    if goes_on_from is None:
        return None
    begins = _beginning(tx, facts.pipeline)
    return latest_gap(tx, facts.pipeline.key, begins=begins, goes_on_from=goes_on_from)


def _beginning(tx: Transaction, pipeline: Pipeline) -> datetime | None:
    """Where reading was to begin, in data time: with the first scheduled run, or at the start of a schedule that starts before it."""
    first = runs.first(tx, pipeline.key)
    if first is None or first.kind is not RunKind.SCHEDULED:
        return None
    # The run tells by how much the offset of its day had moved its interval.
    earlier = first.logical_date - (pipeline.schedule.start or first.logical_date)
    return first.data_interval.begun_earlier(max(timedelta(0), earlier)).start


def _synced_until(last_end: datetime | None, failed: Sequence[Run]) -> datetime | None:
    """Where the first gap begins, or reading stopped."""
    if last_end is None or not failed:
        return last_end
    return min(last_end, failed[0].data_interval.start)


def _facts(
    tx: Transaction, pipeline: Pipeline, progress: PipelineProgress, now: datetime, settle_delay: timedelta
) -> _Facts:
    hindrance = blocking_run(tx, pipeline, progress)
    return _Facts(
        pipeline=pipeline,
        connection=connections.by_key(tx, pipeline.connection_key),
        data_model=data_models.by_key(tx, pipeline.data_model_key),
        unfinished=runs.unfinished_of(tx, pipeline.key),
        hindrance=hindrance,
        retry_on=None if hindrance is None else runs.retry_time(tx, hindrance),
        coming=coming_intervals(pipeline.schedule, progress, INTERVALS_SHOWN, now=now, settle_delay=settle_delay),
    )


def coming_intervals(
    schedule: Schedule, progress: PipelineProgress, count: int, *, now: datetime, settle_delay: timedelta
) -> tuple[ComingInterval, ...]:
    """The next ``count`` intervals that will be read; for an on-demand pipeline the one that a trigger would read now."""
    if schedule.interval is ScheduleInterval.ON_DEMAND:
        nothing_yet = progress.last_end is None and (schedule.start is None or schedule.start > now)
        if nothing_yet:
            return ()
        return (ComingInterval(on_demand_interval(schedule, progress, now=now).data_interval, None),)
    delay = settle_delay if schedule.interval.has_grid else timedelta(0)
    return tuple(
        ComingInterval(run.request.data_interval, _later(run.ends_on, delay))
        for run in upcoming(schedule, progress, count)
    )


def _later(moment: datetime, delay: timedelta) -> datetime:
    try:
        return moment + delay
    except OverflowError:
        return moment


def _state(facts: _Facts) -> PipelineState:
    pipeline = facts.pipeline
    if facts.unfinished is not None and facts.unfinished.state is RunState.RUNNING:
        return PipelineState.RUNNING
    conditions = (
        (pipeline.is_draft, PipelineState.DRAFT),
        (not pipeline.is_active, PipelineState.PAUSED),
        (not facts.connection.is_active, PipelineState.CONNECTION_PAUSED),
        (not facts.data_model.is_active, PipelineState.DATA_MODEL_PAUSED),
        (facts.unfinished is not None, PipelineState.QUEUED),
        (pipeline.is_faulted, PipelineState.FAULTED),
        (facts.connection.is_faulted, PipelineState.CONNECTION_FAULTED),
        (facts.retry_on is not None, PipelineState.RETRYING),
        (facts.hindrance is not None, PipelineState.BLOCKED),
        (_has_ended(facts), PipelineState.FINISHED),
    )
    return next((state for is_so, state in conditions if is_so), PipelineState.IDLE)


def _has_ended(facts: _Facts) -> bool:
    return not facts.coming and facts.pipeline.schedule.interval is not ScheduleInterval.ON_DEMAND


def _shows_intervals(pipeline: Pipeline, state: PipelineState) -> bool:
    """A faulted pipeline waits for somebody, unless it is on demand: then a trigger is the remedy (decision D28)."""
    if state in {PipelineState.RUNNING, PipelineState.QUEUED}:
        return pipeline.may_run and pipeline.schedule.interval is not ScheduleInterval.ON_DEMAND
    on_demand = pipeline.schedule.interval is ScheduleInterval.ON_DEMAND
    return state.lets_runs_come and (on_demand or not pipeline.is_faulted)


def _explanation(facts: _Facts, state: PipelineState, now: datetime) -> str:
    if state in {PipelineState.RUNNING, PipelineState.QUEUED}:
        return _about_unfinished(facts.unfinished)
    if state in {PipelineState.RETRYING, PipelineState.BLOCKED}:
        return _about_hindrance(facts)
    if state is PipelineState.IDLE:
        return _about_waiting(facts, now)
    sentence = _about_state(facts.pipeline, state)
    waits = facts.unfinished is not None and not state.lets_runs_come
    return sentence + (f" Run {facts.unfinished.id} waits until then." if waits and facts.unfinished else "")


def _about_state(pipeline: Pipeline, state: PipelineState) -> str:
    sentences = {
        PipelineState.DRAFT: "It is a draft and never runs. Set is_draft to false to let it run.",
        PipelineState.PAUSED: "It is paused. Set is_active to true to let it run.",
        PipelineState.CONNECTION_PAUSED: f"Its connection {pipeline.connection_id} is paused. Set the connection's is_active to true.",
        PipelineState.DATA_MODEL_PAUSED: f"Its data model {pipeline.data_model_id} is paused. Set the data model's is_active to true.",
        PipelineState.FAULTED: f"It stopped because its last run failed: {pipeline.faulted_reason} {_remedy(pipeline)}",
        PipelineState.CONNECTION_FAULTED: f"The warehouse of its connection {pipeline.connection_id} could not be used when it was "
        "last tried. Test the connection; it says which step fails. A PUT of the connection, or a successful test or run, clears this.",
        PipelineState.FINISHED: "Its schedule has ended; nothing is left to read.",
    }
    return sentences[state]


def _remedy(pipeline: Pipeline) -> str:
    if pipeline.schedule.interval is ScheduleInterval.ON_DEMAND:
        return "When that is put right, trigger it again."
    return "When that is put right, send the pipeline again with PUT, or run the failed run again."


def _about_unfinished(run: Run | None) -> str:
    if run is None:
        raise ValueError("a pipeline that is running or queued has an unfinished run")
    if run.state is RunState.RUNNING:
        return f"Run {run.id} is reading the interval {run.data_interval}."
    return f"Run {run.id} of the interval {run.data_interval} waits for its turn."


def _about_hindrance(facts: _Facts) -> str:
    run = facts.hindrance
    if run is None:
        raise ValueError("a pipeline that is blocked has a failed run in its way")
    reason = "" if run.failure is None else f": {run.failure.message}"
    remedy = "Run it again when that is put right; later intervals wait for it."
    if facts.retry_on is not None:
        remedy = f"It is tried again by itself at {format_instant(facts.retry_on)}."
    return f"Run {run.id} of the interval {run.data_interval} failed{reason} {remedy}"


def _about_waiting(facts: _Facts, now: datetime) -> str:
    schedule = facts.pipeline.schedule
    if not facts.coming:
        start = "" if schedule.start is None else f" at {format_instant(schedule.start)}"
        return f"It waits for its schedule_start_time{start}; a trigger before that has nothing to read."
    first = facts.coming[0]
    if first.due_on is None:
        return f"It waits for a trigger, which would read the interval {first.interval}."
    if first.due_on <= now:
        return f"The run of the interval {first.interval} is due and about to begin."
    return f"The next run reads the interval {first.interval} and is due at {format_instant(first.due_on)}."


def _about_passed(tx: Transaction, pipeline: Pipeline, failed: Sequence[Run]) -> str:
    if not failed:
        return ""
    first = failed[0]
    if unread_before(tx, pipeline, first) is not None:
        return f" The interval {first.data_interval} failed; what lies before it is read first."
    return f" The interval {first.data_interval} failed and was not read since; run {first.id} again to read it."


def _about_stale(missed: Deadline | None) -> str:
    if missed is None:
        return ""
    due, since = format_instant(missed.due_on), format_instant(missed.stale_from)
    return f" It is stale since {since}: an interval was due at {due}, and none has been read with success since."


def _about_gap(gap: Interval | None, read_to: datetime | None) -> str:
    if gap is None:
        return ""
    remedy = "a backfill of it has it read"
    if read_to is None or gap.end > read_to:
        remedy = "once a later interval is read, a backfill can have it read, too"
    return f" {gap} is left unread; {remedy}."


def _about_skipped(pipeline: Pipeline, skipped: Interval | None) -> str:
    if skipped is None:
        return ""
    limit = CATCH_UP[pipeline.schedule.interval].normalized()
    parts = ((limit.years, "years"), (limit.months, "months"), (limit.days, "days"))
    span = " ".join(f"{number} {unit}" for number, unit in parts if number)
    return f" {skipped} is not read: a pipeline with this schedule catches up {span} at most."
