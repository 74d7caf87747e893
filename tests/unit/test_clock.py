"""Clocks: aware, in UTC; the manual one moves only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from warehouse_sync.clock import ManualClock, SystemClock

START = datetime(2023, 2, 1, 12, tzinfo=UTC)


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_the_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(START)
    assert (clock.now(), clock.now()) == (START, START)
    clock.advance(timedelta(seconds=90))
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90.0)


def test_a_step_of_the_wall_clock_leaves_the_monotonic_one_alone() -> None:
    clock = ManualClock(START)
    clock.advance(timedelta(seconds=5))
    clock.set(START - timedelta(hours=1))
    assert (clock.now(), clock.monotonic()) == (START - timedelta(hours=1), 5.0)


def test_the_manual_clock_answers_in_utc() -> None:
    clock = ManualClock(datetime(2023, 2, 1, 14, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == START
    assert clock.now().tzinfo is UTC
