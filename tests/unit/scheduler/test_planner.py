"""Which run comes next: intervals tile, planning is a function of what was read, nothing is lost (R13, decisions D5 to D7, D24 to D26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.examples import examples
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.run import RunKind, RunRequest
from warehouse_sync.domain.schedule import CATCH_UP, ScheduleInterval, boundary
from warehouse_sync.domain.timestamps import BEGINNING
from warehouse_sync.scheduler.planner import PipelineProgress, next_grid_interval, next_scheduled, on_demand_interval

HOURLY, DAILY, WEEKLY, MONTHLY = (
    ScheduleInterval.HOURLY,
    ScheduleInterval.DAILY,
    ScheduleInterval.WEEKLY,
    ScheduleInterval.MONTHLY,
)
GRIDS = [HOURLY, DAILY, WEEKLY, MONTHLY]
ZERO, SECOND, HOUR, DAY = timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Pipeline:
    """Plans and succeeds like a service would, with unique logical dates for scheduled runs (decision D26)."""

    def __init__(self, schedule: Schedule, created: datetime, offset: timedelta = ZERO) -> None:
        self.schedule, self.counted_from, self.offset = schedule, created, offset
        self.runs: list[RunRequest] = []

    @property
    def progress(self) -> PipelineProgress:
        return PipelineProgress(
            self.counted_from,
            max((run.data_interval.end for run in self.runs), default=None),
            self.offset,
            max((run.logical_date for run in self.runs if run.kind is RunKind.SCHEDULED), default=None),
        )

    def plan(self, now: datetime, settle: timedelta = ZERO) -> RunRequest | None:
        return next_scheduled(self.schedule, self.progress, now=now, settle_delay=settle)

    def catch_up(self, now: datetime, settle: timedelta = ZERO, most: int = 100_000) -> list[RunRequest]:
        """Runs all that is due; returns it."""
        made: list[RunRequest] = []
        while len(made) < most and (request := self.plan(now, settle)) is not None:
            assert request.logical_date not in {run.logical_date for run in self.runs}, "would wait for ever"
            self.runs.append(request)
            made.append(request)
        return made

    def trigger(self, now: datetime) -> RunRequest:
        request = on_demand_interval(self.schedule, self.progress, now=now)
        self.runs.append(request)
        return request


def assert_tiles(runs: list[RunRequest]) -> None:
    for earlier, later in pairwise(runs):
        assert earlier.data_interval.end == later.data_interval.start
        assert earlier.logical_date < later.logical_date


schedules = st.sampled_from(GRIDS)
moments = st.integers(1_500_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
offsets = st.integers(-100_000, 100_000).map(lambda seconds: timedelta(seconds=seconds))
delays = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    interval = draw(schedules)
    start = draw(moments)
    end = draw(st.none() | st.integers(0, 40).map(lambda k: boundary(interval, start, k) + draw(delays)))
    created = start + draw(st.integers(-50, 50)) * (boundary(interval, start, 1) - start) / 7
    return Pipeline(Schedule(interval, start, end), created.replace(microsecond=0), draw(offsets))


@st.composite
def pipelines_at_work(draw: st.DrawFn) -> tuple[Pipeline, datetime, timedelta]:
    """A pipeline, a moment up to 40 steps after its first chance to run, and a settle delay."""
    pipeline, settle = draw(pipelines()), draw(delays)
    step = boundary(pipeline.schedule.interval, pipeline.schedule.start, 1) - pipeline.schedule.start
    return pipeline, pipeline.counted_from + step * draw(st.floats(0, 40)), settle


# --- scheduled ----------------------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(400), deadline=None)
@given(pipelines_at_work())
def test_planning_until_nothing_is_due_tiles(drawn: tuple[Pipeline, datetime, timedelta]) -> None:
    pipeline, now, settle = drawn
    made = pipeline.catch_up(now, settle)
    assert_tiles(made)
    schedule, floor = pipeline.schedule, pipeline.counted_from - CATCH_UP[pipeline.schedule.interval]
    grid = [
        Interval(boundary(schedule.interval, schedule.start, k), boundary(schedule.interval, schedule.start, k + 1))
        for k in range(6000)
        if boundary(schedule.interval, schedule.start, k) <= now
    ]
    due = [
        part for part in grid if floor < part.end <= now - settle and (schedule.end is None or part.end <= schedule.end)
    ]
    assert [run.logical_date for run in made] == [part.start for part in due]
    assert [run.data_interval for run in made] == [part.shifted(pipeline.offset) for part in due]
    assert {run.kind for run in made} <= {RunKind.SCHEDULED}


@settings(max_examples=examples(300), deadline=None)
@given(pipelines_at_work())
def test_planning_twice_is_planning_once(drawn: tuple[Pipeline, datetime, timedelta]) -> None:
    pipeline, now, settle = drawn
    assert pipeline.plan(now, settle) == pipeline.plan(now, settle)
    pipeline.catch_up(now, settle)
    assert pipeline.catch_up(now, settle) == []


@settings(max_examples=examples(300), deadline=None)
@given(pipelines_at_work(), st.floats(0, 1))
def test_an_earlier_now_never_yields_more(drawn: tuple[Pipeline, datetime, timedelta], share: float) -> None:
    pipeline, now, settle = drawn
    earlier = pipeline.counted_from + share * (now - pipeline.counted_from)
    other = Pipeline(pipeline.schedule, pipeline.counted_from, pipeline.offset)
    early, late = other.catch_up(earlier, settle), pipeline.catch_up(now, settle)
    assert early == late[: len(early)]
    # A clock that steps back plans nothing new, and nothing twice.
    assert pipeline.catch_up(earlier, settle) == []


@settings(max_examples=examples(200), deadline=None)
@given(pipelines_at_work(), st.lists(st.floats(0, 1), max_size=5))
def test_when_it_is_planned_does_not_matter(drawn: tuple[Pipeline, datetime, timedelta], shares: list[float]) -> None:
    pipeline, now, settle = drawn
    stepwise = Pipeline(pipeline.schedule, pipeline.counted_from, pipeline.offset)
    for share in sorted(shares):
        stepwise.catch_up(pipeline.counted_from + share * (now - pipeline.counted_from), settle)
    stepwise.catch_up(now, settle)
    pipeline.catch_up(now, settle)
    assert stepwise.runs == pipeline.runs


def test_the_documented_hourly_example() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:15:00")), utc("2023-02-01T00:00:00"))
    assert pipeline.catch_up(utc("2023-02-01T01:14:59")) == []
    [run] = pipeline.catch_up(utc("2023-02-01T01:15:00"))
    assert run.logical_date == utc("2023-02-01T00:15:00")
    assert run.data_interval == Interval(utc("2023-02-01T00:15:00"), utc("2023-02-01T01:15:00"))


def test_the_documented_daily_example() -> None:
    schedule = Schedule(DAILY, utc("2023-02-01T12:00:00"), utc("2023-03-01T12:00:00"))
    made = Pipeline(schedule, utc("2023-01-31T00:00:00")).catch_up(utc("2024-01-01T00:00:00"))
    assert len(made) == 28
    assert (made[0].data_interval.end, made[-1].data_interval.end) == (
        utc("2023-02-02T12:00:00"),
        utc("2023-03-01T12:00:00"),
    )


def test_the_documented_creation_catches_up_from_its_start() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2022-10-17T00:00:00")), utc("2022-10-19T17:08:10"))
    made = pipeline.catch_up(utc("2022-10-19T17:14:00"))
    assert [run.logical_date for run in made[:2]] == [utc("2022-10-17T00:00:00"), utc("2022-10-17T01:00:00")]
    assert len(made) == 65


def test_month_ends() -> None:
    pipeline = Pipeline(Schedule(MONTHLY, utc("2023-01-31T00:00:00")), utc("2023-01-31T00:00:00"))
    made = pipeline.catch_up(utc("2023-05-01T00:00:00"))
    assert [f"{run.data_interval.end:%m-%d}" for run in made] == ["02-28", "03-31", "04-30"]


def test_the_settle_delay_waits_beyond_the_end() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"))
    assert pipeline.plan(utc("2023-02-01T01:09:59"), timedelta(minutes=10)) is None
    assert pipeline.plan(utc("2023-02-01T01:10:00"), timedelta(minutes=10)).data_interval.end == utc(
        "2023-02-01T01:00:00"
    )


@pytest.mark.parametrize(
    ("end", "runs"),
    [("2023-02-01T00:00:00", 0), ("2023-02-01T02:59:59", 2), ("2023-02-01T03:00:00", 3), ("2023-02-01T03:00:01", 3)],
)
def test_no_interval_ends_after_the_schedule(end: str, runs: int) -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00"), utc(end)), utc("2023-02-01T00:00:00"))
    assert len(pipeline.catch_up(utc("2023-02-02T00:00:00"))) == runs


# --- the catch-up limit (D6) --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", ["2023-03-01T00:00:00", "2023-03-01T00:30:00", "2023-03-01T00:59:59"])
def test_a_start_thirty_days_back_gives_168_hourly_runs(created: str) -> None:
    now = utc(created)
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-03-01T00:00:00") - timedelta(days=30)), now)
    made = pipeline.catch_up(now)
    assert len(made) == 168
    assert made[0].data_interval.end > now - timedelta(days=7)
    assert made[0].data_interval.start <= now - timedelta(days=7)  # the grid does not move


@pytest.mark.parametrize(
    ("interval", "back"),
    [
        (HOURLY, relativedelta(days=7)),
        (DAILY, relativedelta(months=6)),
        (WEEKLY, relativedelta(years=3)),
        (MONTHLY, relativedelta(years=5)),
    ],
)
def test_published_limits(interval: ScheduleInterval, back: relativedelta) -> None:
    now = utc("2023-08-31T10:20:30")
    made = Pipeline(Schedule(interval, utc("2010-01-01T00:00:00")), now).catch_up(now)
    assert made[0].data_interval.start <= now - back < made[0].data_interval.end


def test_after_a_long_pause_the_limit_counts_from_resuming() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-01-01T00:00:00")), utc("2023-01-01T00:00:00"))
    pipeline.catch_up(utc("2023-01-02T00:00:00"))
    pipeline.counted_from = utc("2023-03-01T00:30:00")
    made = pipeline.catch_up(utc("2023-03-01T00:30:00"))
    assert len(made) == 168
    assert made[0].logical_date == utc("2023-02-22T00:00:00")


def test_a_short_pause_loses_nothing() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-01-01T00:00:00")), utc("2023-01-01T00:00:00"))
    pipeline.catch_up(utc("2023-01-02T00:00:00"))
    pipeline.counted_from = utc("2023-01-05T00:30:00")
    pipeline.catch_up(utc("2023-01-05T00:30:00"))
    assert_tiles(pipeline.runs)
    assert len(pipeline.runs) == 96


# --- change of schedule (D25) -------------------------------------------------------------------------------------------------------


def test_hourly_to_daily_gives_one_bridge() -> None:
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"))
    pipeline.catch_up(utc("2023-02-03T07:10:00"))
    pipeline.schedule = Schedule(DAILY, utc("2023-02-01T12:00:00"))
    assert pipeline.catch_up(utc("2023-02-03T11:59:59")) == []
    made = pipeline.catch_up(utc("2023-02-05T12:00:00"))
    assert [run.data_interval for run in made] == [
        Interval(utc("2023-02-03T07:00:00"), utc("2023-02-03T12:00:00")),
        Interval(utc("2023-02-03T12:00:00"), utc("2023-02-04T12:00:00")),
        Interval(utc("2023-02-04T12:00:00"), utc("2023-02-05T12:00:00")),
    ]
    assert_tiles(pipeline.runs)


def test_a_new_grid_that_starts_later_is_bridged_too() -> None:
    """Nothing between the last read row and the new start is lost."""
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"))
    pipeline.catch_up(utc("2023-02-03T07:10:00"))
    pipeline.schedule = Schedule(DAILY, utc("2023-02-05T00:00:00"))
    assert pipeline.plan(utc("2023-02-04T23:59:59")) is None
    made = pipeline.catch_up(utc("2023-02-06T00:00:00"))
    assert [run.data_interval for run in made] == [
        Interval(utc("2023-02-03T07:00:00"), utc("2023-02-05T00:00:00")),
        Interval(utc("2023-02-05T00:00:00"), utc("2023-02-06T00:00:00")),
    ]


@settings(max_examples=examples(300), deadline=None)
@given(pipelines_at_work(), schedules, st.integers(-1000, 1000), st.integers(1, 60))
def test_any_change_of_schedule_tiles(
    drawn: tuple[Pipeline, datetime, timedelta], interval: ScheduleInterval, hours: int, days: int
) -> None:
    pipeline, now, settle = drawn
    pipeline.schedule = Schedule(pipeline.schedule.interval, pipeline.schedule.start)
    before = pipeline.catch_up(now, settle)
    pipeline.schedule = Schedule(interval, pipeline.schedule.start + hours * HOUR / 7 // SECOND * SECOND)
    later = now + timedelta(days=days)
    pipeline.counted_from = max(
        pipeline.counted_from, later
    )  # so that only the schedule can leave a gap, see the last assertion
    after = pipeline.catch_up(later, settle)
    if not before or not after:
        return
    floor = later - CATCH_UP[interval]
    if after[0].data_interval.start != before[-1].data_interval.end:
        # Only what the catch-up limit allows to be skipped is skipped: whole intervals that ended before it.
        assert before[-1].data_interval.end < after[0].data_interval.start
        assert (after[0].data_interval.start + pipeline.offset) <= floor
    assert_tiles(after)


# --- offsets (D5) -------------------------------------------------------------------------------------------------------------------


def test_a_positive_offset_looks_back_and_a_negative_one_ahead() -> None:
    for offset in (timedelta(minutes=30), timedelta(minutes=-30)):
        pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"), offset)
        [run] = pipeline.catch_up(utc("2023-02-01T01:00:00"))
        assert run.logical_date == utc("2023-02-01T00:00:00")
        assert run.data_interval == Interval(utc("2023-02-01T00:00:00") - offset, utc("2023-02-01T01:00:00") - offset)


@settings(max_examples=examples(400), deadline=None)
@given(
    pipelines(),
    st.lists(
        st.tuples(offsets | st.integers(-30, 30).map(lambda hours: hours * HOUR), st.floats(0, 5)),
        min_size=1,
        max_size=6,
    ),
)
def test_data_intervals_tile_while_the_offset_changes(
    pipeline: Pipeline, changes: list[tuple[timedelta, float]]
) -> None:
    pipeline.schedule = Schedule(pipeline.schedule.interval, pipeline.schedule.start)
    step = boundary(pipeline.schedule.interval, pipeline.schedule.start, 1) - pipeline.schedule.start
    now = max(pipeline.counted_from, pipeline.schedule.start)
    for offset, steps in changes:
        pipeline.offset = offset
        now += step * steps
        pipeline.catch_up(now)
    assert_tiles(pipeline.runs)
    # However it changed, reading goes on: ten days and two steps later nothing older than that is left to read.
    pipeline.catch_up(now + 2 * step + timedelta(days=10))
    assert_tiles(pipeline.runs)
    assert pipeline.runs[-1].data_interval.end + pipeline.offset > now


def test_an_offset_taken_back_by_one_step_does_not_stop_the_pipeline() -> None:
    """Grid time goes back by what the offset loses, onto a logical date that has its run already (decision D26)."""
    pipeline = Pipeline(Schedule(HOURLY, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"), HOUR)
    pipeline.catch_up(utc("2023-02-01T03:00:00"))
    pipeline.offset = ZERO
    [run] = pipeline.catch_up(utc("2023-02-01T04:00:00"))
    assert run.data_interval == Interval(utc("2023-02-01T02:00:00"), utc("2023-02-01T04:00:00"))
    assert run.logical_date == utc("2023-02-01T03:00:00")


# --- once and on demand -------------------------------------------------------------------------------------------------------------


def test_once_runs_once_from_its_start_to_its_creation() -> None:
    created = utc("2023-02-08T00:05:31.230000")
    pipeline = Pipeline(Schedule(ScheduleInterval.ONCE, utc("2023-02-01T00:00:00")), created, HOUR)
    [run] = pipeline.catch_up(created)
    assert run.kind is RunKind.SCHEDULED
    assert run.logical_date == utc("2023-02-01T00:00:00")
    assert run.data_interval == Interval(utc("2023-01-31T23:00:00"), utc("2023-02-07T23:05:31"))
    assert pipeline.catch_up(created + timedelta(days=4000)) == []


def test_once_without_start_has_no_lower_bound() -> None:
    pipeline = Pipeline(Schedule(ScheduleInterval.ONCE, None), utc("2023-02-08T00:05:31"), HOUR)
    [run] = pipeline.catch_up(utc("2023-02-08T00:05:31"))
    assert run.logical_date == BEGINNING
    assert run.data_interval == Interval(BEGINNING, utc("2023-02-07T23:05:31"))
    assert not run.data_interval.has_lower_bound


def test_once_with_a_start_to_come_reads_nothing() -> None:
    pipeline = Pipeline(Schedule(ScheduleInterval.ONCE, utc("2024-01-01T00:00:00")), utc("2023-01-01T00:00:00"))
    [run] = pipeline.catch_up(utc("2023-01-01T00:00:00"))
    assert run.data_interval.is_empty


def test_the_documented_on_demand_table() -> None:
    schedule = Schedule(ScheduleInterval.ON_DEMAND, utc("2023-02-01T00:00:00"))
    pipeline = Pipeline(schedule, utc("2023-02-01T15:13:22"))
    assert pipeline.plan(utc("2023-03-01T00:00:00")) is None  # idle
    first = pipeline.trigger(utc("2023-02-04T08:30:17.654321"))
    second = pipeline.trigger(utc("2023-02-08T12:05:45"))
    assert first.data_interval == Interval(utc("2023-02-01T00:00:00"), utc("2023-02-04T08:30:17"))
    assert second.data_interval == Interval(utc("2023-02-04T08:30:17"), utc("2023-02-08T12:05:45"))
    assert [run.logical_date for run in pipeline.runs] == [utc("2023-02-01T00:00:00"), utc("2023-02-04T08:30:17")]
    assert {run.kind for run in pipeline.runs} == {RunKind.MANUAL}


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.integers(-7200, 7200), offsets), min_size=1, max_size=8))
def test_triggers_tile_through_any_clock_and_offset(steps: list[tuple[int, timedelta]]) -> None:
    now = utc("2023-02-01T10:00:00")
    pipeline = Pipeline(Schedule(ScheduleInterval.ON_DEMAND, utc("2023-02-01T00:00:00")), now)
    for seconds, offset in steps:
        now, pipeline.offset = now + timedelta(seconds=seconds), offset
        run = pipeline.trigger(now)
        assert run.logical_date == run.data_interval.start
    for earlier, later in pairwise(pipeline.runs):
        assert earlier.data_interval.end == later.data_interval.start


def test_two_triggers_at_one_moment_read_nothing_twice() -> None:
    pipeline = Pipeline(Schedule(ScheduleInterval.ON_DEMAND, utc("2023-02-01T00:00:00")), utc("2023-02-01T00:00:00"))
    pipeline.trigger(utc("2023-02-02T00:00:00"))
    assert pipeline.trigger(utc("2023-02-02T00:00:00.900000")).data_interval.is_empty


# --- the ends of the calendar -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", GRIDS)
@pytest.mark.parametrize("start", ["9999-12-31T23:30:00", "9999-12-31T23:59:59", "9999-12-01T00:00:00"])
def test_a_start_at_the_end_of_the_calendar_is_never_due(interval: ScheduleInterval, start: str) -> None:
    pipeline = Pipeline(Schedule(interval, utc(start)), utc("2023-02-01T00:00:00"))
    assert pipeline.plan(utc("2023-02-01T00:00:00"), timedelta(days=1)) is None


@pytest.mark.parametrize("interval", GRIDS)
def test_a_start_at_the_beginning_of_the_calendar_works(interval: ScheduleInterval) -> None:
    pipeline = Pipeline(Schedule(interval, BEGINNING), utc("2023-02-01T00:00:00"), DAY)
    assert len(pipeline.catch_up(utc("2023-02-01T00:00:00"), most=3)) == 3
    assert_tiles(pipeline.runs)


def test_schedules_without_start_or_grid_have_no_next_interval() -> None:
    progress = PipelineProgress(utc("2023-02-01T00:00:00"), None, ZERO)
    assert next_scheduled(Schedule(HOURLY, None), progress, now=utc("2023-02-01T00:00:00"), settle_delay=ZERO) is None
    with pytest.raises(ValueError, match="start"):
        next_grid_interval(Schedule(HOURLY, None), progress)
    with pytest.raises(ValueError, match="start"):
        on_demand_interval(Schedule(ScheduleInterval.ON_DEMAND, None), progress, now=utc("2023-02-01T00:00:00"))
