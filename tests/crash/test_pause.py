"""A holder paused beyond its lease stops when it goes on; one whose child is paused keeps its run (R2); a dead one is replaced (R24)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.kill_points import Theatre
from tests.crash.pause import paused_child, paused_holder
from tests.crash.takeover import taken_over

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("place", "number", "end"),
    [
        ("begin", 1, "stopped by the store"),
        ("before chunk", 2, "stopped by the store"),
        ("in chunk", 1, "stopped by the store"),
        ("after chunk", 3, "stopped at its verdict"),
    ],
)
def test_a_paused_holder_changes_nothing(theatre: Theatre, tmp_path: Path, place: str, number: int, end: str) -> None:
    assert paused_holder(theatre, tmp_path / "trial", place, number) == end


def test_a_dead_holder_is_replaced_within_two_leases(theatre: Theatre, tmp_path: Path) -> None:
    taken_over(theatre, tmp_path / "trial", "before chunk", 2)


def test_a_paused_child_costs_its_holder_nothing(theatre: Theatre, tmp_path: Path) -> None:
    assert paused_child(theatre, tmp_path / "trial", 0.0) == "caught"
