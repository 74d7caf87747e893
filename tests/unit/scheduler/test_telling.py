"""What is told of runs and pipelines, and that it is told once, in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.scheduler.plant import BAD_LOGIN, DROPPED, START, Plant
from warehouse_sync.catalog import notices, pipelines
from warehouse_sync.domain.notice import Notice, NoticeType
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import WarehouseFault, WarehouseStep
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.scheduler.watchdog import Watchdog
from warehouse_sync.warehouses.faults import fault

HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=30)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path, Schedule(ScheduleInterval.HOURLY, START))
    yield made
    made.database.close()


def told(plant: Plant) -> list[Notice]:
    with plant.database.read() as tx:
        return [stored.notice for stored in notices.latest(tx, size=100)][::-1]


def types(plant: Plant) -> list[str]:
    return [notice.type.value for notice in told(plant)]


def look(plant: Plant) -> list[str]:
    dog = Watchdog(plant.database, plant.clock, settle_delay=timedelta(0), grace=GRACE, teller=Teller(is_wanted=True))
    return [found.pipeline.id for found in dog.look()]


def test_a_failed_run_is_told_with_its_interval_and_remedy_and_never_the_warehouses_words(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    words = "value 'ann@example.com' is no number"
    refused = fault(WarehouseFault.QUERY, WarehouseStep.QUERY, "It refused the query. Correct it.", text=words)
    assert words in refused.message
    plant.executor.script = [refused]
    plant.work()
    failed, faulted = told(plant)
    [run] = plant.runs()
    assert (failed.type, failed.workspace_id, failed.pipeline_id) == (NoticeType.RUN_FAILED, 1, "p")
    assert failed.facts == {
        "pipeline_run_id": run.id,
        "run_kind": "scheduled",
        "attempt": 1,
        "data_interval_start": "2024-03-01T00:00:00Z",
        "data_interval_end": "2024-03-01T01:00:00Z",
        "failure": {"code": "warehouse_query", "message": "It refused the query. Correct it."},
    }
    assert faulted.type is NoticeType.FAULTED
    assert faulted.facts == {"faulted": "pipeline", **failed.facts}


def test_attempts_that_are_tried_again_are_not_told_and_the_last_one_is(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    plant.executor.script = [DROPPED, DROPPED, DROPPED]
    plant.work()
    for _ in range(2):
        assert types(plant) == []
        plant.clock.advance(timedelta(minutes=5))
        plant.work()
    assert types(plant) == ["pipeline.run_failed"]


def test_a_cancelled_run_is_not_told(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    plant.executor.script = [DROPPED]
    plant.executor.meanwhile = lambda: plant.cancel(plant.runs()[0].id)
    plant.work()
    assert plant.runs()[0].failure is not None
    assert types(plant) == []


def test_a_connections_fault_is_told_once_to_all_who_use_it(plant: Plant) -> None:
    with plant.database.write() as tx:
        pipelines.create(tx, 1, "q", plant.definition, max_active=5, now=plant.clock.now(), by="ann")
    plant.clock.advance(HOUR)
    plant.executor.script = [BAD_LOGIN, BAD_LOGIN]
    plant.work()
    faults = [notice for notice in told(plant) if notice.type is NoticeType.FAULTED]
    assert {notice.pipeline_id for notice in faults} == {"p", "q"}
    assert {(notice.facts["faulted"], notice.facts["connection_id"]) for notice in faults} == {("connection", "c")}
    assert sorted(types(plant)) == ["pipeline.faulted"] * 2 + ["pipeline.run_failed"] * 2


def test_a_run_that_kills_the_service_is_told_when_it_is_given_up(plant: Plant) -> None:
    plant.clock.advance(HOUR)
    plant.runner.plan_once()

    def die() -> None:
        raise SystemExit  # as far as the database knows, the process is gone

    for _ in range(3):
        assert types(plant) == []
        plant.executor.meanwhile = die
        with pytest.raises(SystemExit):
            plant.runner.execute_next()
        plant.runner = plant.new_runner()
        plant.runner.recover()
    plant.runner.recover()
    assert [notice.facts["failure"]["code"] for notice in told(plant)] == ["worker_died"]


def test_becoming_stale_is_told_once_by_however_many_watchdogs_and_so_is_recovery(plant: Plant) -> None:
    plant.clock.advance(3 * HOUR)
    assert look(plant) == ["p"]
    assert look(plant) == []
    [notice] = told(plant)
    assert notice.type is NoticeType.STALE
    assert notice.facts == {"due_on": "2024-03-01T01:00:00Z", "stale_from": "2024-03-01T01:30:00Z"}
    plant.work()
    assert look(plant) == look(plant) == []
    assert types(plant) == ["pipeline.stale", "pipeline.recovered"]
    plant.clock.advance(3 * HOUR)
    assert look(plant) == ["p"]


def test_a_stale_pipeline_that_is_paused_has_not_recovered(plant: Plant) -> None:
    plant.clock.advance(3 * HOUR)
    look(plant)
    with plant.database.write() as tx:
        pipelines.pause(tx, plant.stored(), now=plant.clock.now(), by="ann")
    assert look(plant) == []
    assert types(plant) == ["pipeline.stale"]
    with plant.database.read() as tx:
        assert pipelines.known_stale(tx) == set()


def test_nothing_is_written_for_nobody(plant: Plant) -> None:
    plant.clock.advance(3 * HOUR)
    Watchdog(plant.database, plant.clock, settle_delay=timedelta(0), grace=GRACE).look()
    assert types(plant) == []
    with plant.database.read() as tx:
        assert pipelines.known_stale(tx) == {plant.pipeline.key}
