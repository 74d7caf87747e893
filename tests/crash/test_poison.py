"""A run that kills the service is given up after three deaths, and others proceed (R25)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.kill_points import Theatre
from tests.crash.poison import poison

pytestmark = pytest.mark.crash


def test_a_poisonous_run_is_given_up(theatre: Theatre, tmp_path: Path) -> None:
    poison(theatre, tmp_path / "trial", random.Random(1))
