"""The short version of ``make crash ONLY=scheduler-race`` (figure R3)."""

from __future__ import annotations

from tests.crash.scheduler_race import race


def test_racing_schedulers_run_every_interval_once() -> None:
    assert race(40, seed=1, schedulers=3) == []
