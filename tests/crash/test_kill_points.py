"""Killed at every named commit point, the service comes back and every profile is as if nothing had happened (R1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.crash.kill_points import POINTS, Point, Theatre, prepare
from tests.crash.report import ROOT

pytestmark = pytest.mark.crash

_OF_KEYS = {"master_key_added", "secret_rewrapping", "secret_rewrapped", "sentinel_rewrapping"}


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return prepare(tmp_path_factory.mktemp("theatre"))


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.at)
def test_a_killed_service_finishes_its_run(point: Point, tmp_path: Path, theatre: Theatre) -> None:
    theatre.trial(point, tmp_path / "trial")


def test_every_point_in_the_source_is_died_at() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r'crashpoint\("(\w+)"\)', source))
    assert len(named) > 20
    assert {re.split("[:@]", point.at)[0] for point in POINTS} == named - _OF_KEYS
