"""A home of an earlier version is taken over with its run in flight, whatever dies on the way (R22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.upgrade import HOMES, POINTS, upgrade

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("name", HOMES)
def test_an_old_home_is_taken_over(name: str, tmp_path: Path) -> None:
    upgrade(name, tmp_path)


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("deaths", [POINTS[:3], POINTS[3:]], ids="-".join)  # after the third, the run would be given up
def test_deaths_on_the_way_cost_nothing(name: str, deaths: tuple[str, ...], tmp_path: Path) -> None:
    upgrade(name, tmp_path, *deaths)
