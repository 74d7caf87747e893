"""What a run is ordered to read: the pipeline's policy as it is when the run begins, and what came before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.scheduler.plant import HOUR, START, Plant
from warehouse_sync.catalog import data_models, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.pipeline import RunPolicy, Schedule
from warehouse_sync.domain.run import GeneratedSql, RunKind, RunRequest
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.profiles.row_memory import RowMemory

POLICY = RunPolicy(lookback=timedelta(minutes=5), repairs_late_rows=True, counts_unread_rows=True)


@pytest.fixture
def hourly(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path, Schedule(ScheduleInterval.HOURLY, START))
    plant.change(policy=POLICY)
    yield plant
    plant.database.close()


def _asked_for(plant: Plant, kind: RunKind) -> None:
    request = RunRequest(kind, START, Interval(START, START + HOUR))
    with plant.database.write() as tx:
        assert runs.create(tx, plant.stored(), request, created_by="ann", now=plant.clock.now())


def test_a_scheduled_run_follows_the_policy_and_knows_the_run_before_it(hourly: Plant) -> None:
    hourly.clock.advance(2 * HOUR)
    hourly.work()
    first, second = hourly.executor.orders
    assert first.repair is not None
    assert first.repair.memory == RowMemory(hourly.pipeline.key, None)
    assert (first.counted, first.reading) == (
        Interval(START - timedelta(minutes=5), START + HOUR), Interval(START - timedelta(minutes=5), START + HOUR),
    )  # fmt: skip
    assert second.repair is not None
    assert second.repair.memory == RowMemory(hourly.pipeline.key, first.run.id)
    assert second.repair.previous == first.run.data_interval
    assert second.counted == Interval(START + HOUR - timedelta(minutes=5), START + 2 * HOUR)
    assert second.reading == Interval(START, START + 2 * HOUR)
    assert (second.counts_unread, second.max_rows) == (True, Limits().records[ScheduleInterval.HOURLY])


@pytest.mark.parametrize("kind", [RunKind.RESYNC, RunKind.BACKFILL, RunKind.REPAIR])
def test_what_is_read_again_is_read_as_it_is_named_with_the_limit_of_a_single_run(hourly: Plant, kind: RunKind) -> None:
    hourly.clock.advance(HOUR)
    hourly.work()
    _asked_for(hourly, kind)
    hourly.work()
    order = hourly.executor.orders[-1]
    assert (order.run.kind, order.repair, order.reading) == (kind, None, order.run.data_interval)
    assert order.max_rows == Limits().records[ScheduleInterval.ONCE]
    hourly.clock.advance(HOUR)
    hourly.work()
    following = hourly.executor.orders[-1].repair
    assert following is not None
    assert following.memory.previous_run_id == hourly.executor.orders[0].run.id  # and not what was read again


def test_after_a_change_of_the_data_model_nothing_is_compared(hourly: Plant) -> None:
    hourly.clock.advance(HOUR)
    hourly.work()
    with hourly.database.write() as tx:
        model = data_models.by_key(tx, hourly.pipeline.data_model_key)
        hourly.clock.advance(timedelta(seconds=1))
        values = {"name": "m", "sql_query": "SELECT 2", "load_timestamp": model.load_timestamp, "is_active": True}
        data_models.change(tx, model, **values, now=hourly.clock.now(), by="ann")
    hourly.clock.advance(HOUR)
    hourly.work()
    order = hourly.executor.orders[-1]
    assert order.repair is not None
    assert order.repair.memory.previous_run_id is None


def test_the_query_of_the_run_before_is_known(hourly: Plant) -> None:
    sent = GeneratedSql("probe", "count", "extract")

    def send() -> None:
        with hourly.database.write() as tx:
            runs.record_sql(tx, hourly.executor.executed[-1], sent)

    hourly.executor.meanwhile = send
    hourly.clock.advance(2 * HOUR)
    hourly.work()
    repair = hourly.executor.orders[-1].repair
    assert repair is not None
    assert (repair.previous_probe, repair.previous_rows) == ("probe", 1)
