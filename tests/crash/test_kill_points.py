"""Killed at every named commit point, the service comes back and every profile is as if nothing had happened (R1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.crash.kill_points import POINTS, Point, Theatre
from tests.crash.report import ROOT

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.at)
def test_a_killed_service_finishes_its_run(point: Point, tmp_path: Path, theatre: Theatre) -> None:
    theatre.trial(point, tmp_path / "trial")


def test_every_point_in_the_source_is_died_at() -> None:
    """Here or, those that no run passes, in a test beside what they belong to."""
    named = set(re.findall(r'crashpoint\("(\w+)"\)', text_below("src")))
    assert len(named) > 20
    elsewhere = set(re.findall(r'"(\w+)(?::\d+)?"', text_below("tests")))
    assert named - {re.split("[:@]", point.at)[0] for point in POINTS} <= elsewhere


def text_below(folder: str) -> str:
    return "".join(path.read_text() for path in (ROOT / folder).rglob("*.py"))
