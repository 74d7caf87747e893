"""The watchdog finds what is late without any help of the scheduler."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.scheduler.plant import START, Plant
from warehouse_sync.catalog import connections, pipelines
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import InvalidRequest, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.logs import configure_logging
from warehouse_sync.scheduler.watchdog import Watchdog

HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=30)
REFUSED = WarehouseError("No such table.", fault=WarehouseFault.QUERY, step=WarehouseStep.QUERY)

TOO_MANY = InvalidRequest("Too many rows.", code="too_many_records")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path, Schedule(ScheduleInterval.HOURLY, START))
    yield made
    made.database.close()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    configure_logging("info", "json", redact=str, stream=written)
    yield written
    configure_logging("info", "json", redact=str)


def watchdog(plant: Plant) -> Watchdog:
    return Watchdog(plant.database, plant.clock, settle_delay=timedelta(0), grace=GRACE)


def stale(plant: Plant) -> list[str]:
    return [found.pipeline.id for found in watchdog(plant).look()]


def test_a_pipeline_whose_scheduler_is_dead_becomes_stale(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    plant.work()
    plant.clock.advance(HOUR + GRACE - timedelta(seconds=1))
    assert stale(plant) == []
    plant.clock.advance(timedelta(seconds=1))
    assert stale(plant) == ["p"]
    plant.work()
    assert stale(plant) == []


def test_a_run_that_fails_leaves_it_stale_even_if_later_intervals_go_on(plant: Plant) -> None:
    plant.let_continue()
    for _ in range(3):
        plant.clock.advance(HOUR)
        plant.executor.script = [TOO_MANY]
        plant.work()
    assert len(plant.runs()) == 3
    assert stale(plant) == ["p"]


def test_a_faulted_one_is_stale_and_what_is_held_back_on_purpose_is_not(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    plant.executor.script = [REFUSED]
    plant.work()
    plant.clock.advance(2 * HOUR)
    with plant.database.read() as tx:
        assert pipelines.by_key(tx, plant.pipeline.key).is_faulted
    assert stale(plant) == ["p"]
    with plant.database.write() as tx:
        connection = connections.by_key(tx, plant.pipeline.connection_key)
        tx.exec_driver_sql(f"UPDATE connections SET is_active = 0 WHERE key = {connection.key}")
    assert stale(plant) == []
    with plant.database.write() as tx:
        tx.exec_driver_sql("UPDATE connections SET is_active = 1")
        pipelines.pause(tx, pipelines.by_key(tx, plant.pipeline.key), now=plant.clock.now(), by="ann")
    assert stale(plant) == []


def test_each_change_is_logged_once(plant: Plant, log: io.StringIO) -> None:
    dog = watchdog(plant)
    plant.clock.advance(3 * HOUR)
    for _ in range(3):
        dog.look()
    plant.work()
    for _ in range(3):
        dog.look()
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [event for event in events if "stale" in event["event"]]
    assert [(event["level"], event["event"]) for event in told] == [
        ("warning", "pipeline is stale"),
        ("info", "pipeline is no longer stale"),
    ]
    assert told[0]["pipeline_id"] == "p"


def test_its_thread_works_by_itself_and_survives_a_database_that_is_away(
    plant: Plant, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse_sync.scheduler.watchdog._PAUSE_SECONDS", 0.01)
    plant.clock.advance(3 * HOUR)
    dog = watchdog(plant)
    original = Watchdog.look
    calls = iter([RuntimeError("a bug"), None])

    def stumbling(self: Watchdog) -> object:
        error = next(calls, None)
        if error is not None:
            raise error
        return original(self)

    monkeypatch.setattr(Watchdog, "look", stumbling)
    dog.start()
    for _ in range(500):
        if "pipeline is stale" in log.getvalue():
            break
        dog._stopping.wait(0.01)
    dog.stop()
    assert "watchdog met an unexpected error" in log.getvalue()
    assert "pipeline is stale" in log.getvalue()
    assert not dog._thread.is_alive()
