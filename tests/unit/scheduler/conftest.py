"""A pipeline that is planned and executed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.scheduler.plant import START, Plant
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval


@pytest.fixture
def hourly(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path, Schedule(ScheduleInterval.HOURLY, START))
    yield plant
    plant.database.close()
