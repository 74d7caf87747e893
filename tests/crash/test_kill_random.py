"""Killed at random moments while runs go on, the service loses nothing and does nothing twice (R1)."""

from __future__ import annotations

import pytest

from tests.crash.kill_random import campaign

pytestmark = pytest.mark.crash


def test_random_kills_leave_no_trace() -> None:
    outcome = campaign(5, seed=1)
    assert list(outcome.failures) == []
    assert outcome.trials >= 5
