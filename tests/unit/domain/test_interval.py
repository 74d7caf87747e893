"""Intervals are half-open, aware, and move without leaving the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.timestamps import BEGINNING

NOON = datetime(2023, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = datetime.max.replace(tzinfo=UTC)


def test_naive_bounds_are_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        Interval(naive, NOON)
    with pytest.raises(ValueError, match="aware"):
        Interval(NOON, naive)


def test_the_end_may_not_lie_before_the_start() -> None:
    with pytest.raises(ValueError, match="ends before"):
        Interval(NOON, NOON - timedelta(microseconds=1))


def test_an_empty_interval_is_allowed_and_known() -> None:
    assert Interval(NOON, NOON).is_empty
    assert not Interval(NOON, NOON + HOUR).is_empty


def test_a_positive_offset_looks_further_back() -> None:
    assert Interval(NOON, NOON + HOUR).shifted(HOUR) == Interval(NOON - HOUR, NOON)
    assert Interval(NOON, NOON + HOUR).shifted(-HOUR) == Interval(NOON + HOUR, NOON + 2 * HOUR)


def test_touching_intervals_touch_after_a_shift() -> None:
    first, second = Interval(NOON, NOON + HOUR), Interval(NOON + HOUR, NOON + 2 * HOUR)
    for seconds in (-86_400, -1, 0, 1, 1800, 10**7):
        offset = timedelta(seconds=seconds)
        assert first.shifted(offset).end == second.shifted(offset).start


def test_without_lower_bound_it_stays_without() -> None:
    unbounded = Interval(BEGINNING, NOON)
    assert not unbounded.has_lower_bound
    for offset in (HOUR, -HOUR):
        moved = unbounded.shifted(offset)
        assert not moved.has_lower_bound
        assert moved.end == NOON - offset
    assert Interval(BEGINNING + timedelta(seconds=1), NOON).has_lower_bound


def test_nothing_leaves_the_calendar() -> None:
    early = Interval(BEGINNING + HOUR, BEGINNING + 2 * HOUR)
    assert early.shifted(timedelta(days=1)) == Interval(BEGINNING, BEGINNING)
    assert Interval(LAST - HOUR, LAST).shifted(-timedelta(days=1)) == Interval(LAST, LAST)


def test_text() -> None:
    assert str(Interval(NOON, NOON + HOUR)) == "[2023-02-01T12:00:00Z, 2023-02-01T13:00:00Z)"
