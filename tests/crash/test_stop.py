"""A service that is told to stop puts its run back and goes on later (R21); it gives back what it took (R20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.kill_points import Theatre
from tests.crash.leaks import cycles, runs
from tests.crash.stop import stop

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("delay", [0.1, 0.7, 1.0])
def test_a_stopped_run_goes_on_without_reading_again(theatre: Theatre, tmp_path: Path, delay: float) -> None:
    stop(theatre, tmp_path / "trial", delay)


def test_starts_and_stops_leave_nothing_behind(theatre: Theatre, tmp_path: Path) -> None:
    with theatre.untouched.copied(tmp_path / "trial") as stage:
        assert cycles(stage, 4) == []


def test_runs_leave_nothing_behind(theatre: Theatre, tmp_path: Path) -> None:
    with theatre.untouched.copied(tmp_path / "trial") as stage:
        assert runs(stage, 4) == []
