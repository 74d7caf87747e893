"""Runs that are executed more than once: what an earlier attempt has fetched is used if it is whole and still what is asked for."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import WarehouseBudget
from warehouse_sync.domain.run import GeneratedSql, Run, RunCounts, RunKind, RunState, UnreadRows, WarehouseUse
from warehouse_sync.errors import InvalidRequest, StoreError, WarehouseError, WarehouseFault
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.execution import ExecutionLimits, RunExecutor, RunOrder
from warehouse_sync.sync.spool import discard_spool
from warehouse_sync.sync.spool_files import replace_text
from warehouse_sync.sync.spool_manifest import MANIFEST_NAME, read_manifest
from warehouse_sync.sync.worker import WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.policy import WarehousePolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
STAMP = LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ)
MODEL = DataModel(
    1, "m", 1, "m", "SELECT id AS customer_id, 'old' AS x, ts FROM people", STAMP, True, AuditStamp(START, "ann")
)
RUN = Run(
    id=1,
    pipeline_key=1,
    pipeline_id="p",
    workspace_id=1,
    environment=Environment.PRODUCTION,
    kind=RunKind.MANUAL,
    state=RunState.RUNNING,
    logical_date=START,
    data_interval=Interval(START, START + timedelta(days=1)),
    attempt=1,
    epoch=1,
    created_on=START,
    created_by="ann",
)
ROWS = 20


class Died(Exception):
    """The execution ended in the middle."""


class Watcher:
    """Counts the fetches, and ends the execution once so many rows are applied."""

    def __init__(self, *, die_after: int = 0) -> None:
        self.fetches = 0
        self.uses: list[WarehouseUse] = []
        self._die_after = die_after

    def sql_generated(self, generated: GeneratedSql) -> None:
        del generated
        self.fetches += 1

    def unread_counted(self, unread: UnreadRows) -> None:
        del unread

    def warehouse_used(self, use: WarehouseUse) -> None:
        self.uses.append(use)

    def rows_fetched(self, rows: int) -> None:
        del rows

    def chunk_applied(self, counts: RunCounts, total_rows: int) -> None:
        del total_rows
        if 0 < self._die_after <= counts.extracted:
            raise Died


class Plant:
    def __init__(self, folder: Path) -> None:
        self.spools = folder / "spool"
        self.stores = DuckDbStores(folder / "profiles", b"k" * 32)
        (folder / "root").mkdir()
        (folder / "scratch").mkdir()
        with duckdb.connect(str(folder / "root" / "shop.duckdb")) as shop:
            shop.execute(
                f"CREATE TABLE people AS SELECT 'c-' || i AS id, TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS ts FROM range({ROWS}) r(i)"
            )
        worker = WarehouseWorker(WorkerSettings(WarehousePolicy(duckdb_root=str(folder / "root")), folder / "scratch"))
        limits = ExecutionLimits(chunk_rows=5, spool_bytes=1 << 30, cell_bytes=1 << 20)
        self.executor = RunExecutor(worker, self.stores, self.spools, limits, ManualClock(START))
        self.order = RunOrder(
            RUN,
            WarehouseAddress("duckdb", {"database": "shop.duckdb"}),
            MODEL,
            IdentityRules(),
            max_rows=1000,
            max_columns=100,
        )

    def execute(self, order: RunOrder, watcher: Watcher) -> RunCounts:
        return self.executor.execute(order, watcher, lambda: False)

    def attributes(self, customer: int) -> dict[str, tuple[object, int]]:
        """Value and data model of each attribute of a customer."""
        return self.attributes_of(f"c-{customer}")

    def attributes_of(self, customer_id: str) -> dict[str, tuple[object, int]]:
        reader = DuckDbReader(self.stores)
        [mpid] = reader.find(1, Environment.PRODUCTION, IdentityType.CUSTOMER_ID, customer_id, IdentityRules())
        profile = reader.profile(1, mpid)
        assert profile is not None
        return {found.name: (found.value, found.data_model_key) for found in profile.attributes}


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.stores.close()


def interrupted(plant: Plant) -> None:
    """Five of twenty rows are applied; the rest is in the spool."""
    with pytest.raises(Died):
        plant.execute(plant.order, Watcher(die_after=5))


def test_a_second_attempt_goes_on_from_the_spool(plant: Plant) -> None:
    interrupted(plant)
    watcher = Watcher()
    counts = plant.execute(plant.order, watcher)
    assert (counts.extracted, counts.changed, watcher.fetches) == (ROWS, ROWS, 0)


def test_what_reading_took_is_told_whether_it_succeeds_or_not(plant: Plant) -> None:
    watcher = Watcher()
    plant.execute(plant.order, watcher)
    assert watcher.uses == [WarehouseUse(0.0, ROWS, None)]  # the clock stands
    with pytest.raises(InvalidRequest):
        plant.execute(replace(plant.order, run=replace(RUN, id=RUN.id + 1), max_rows=1), watcher)
    assert [use.rows for use in watcher.uses] == [ROWS, 0]
    assert WarehouseUse(4.0, 10).rows_per_second == 2.5


def test_a_budget_stops_a_statement_in_the_warehouse(plant: Plant) -> None:
    endless = replace(
        MODEL,
        sql_query="SELECT id AS customer_id, (SELECT count(*) FROM range(1000000) a, range(1000000) b) AS n, ts FROM people",
    )
    with pytest.raises(WarehouseError) as caught:
        plant.execute(replace(plant.order, data_model=endless, budget=WarehouseBudget(1)), Watcher())
    assert caught.value.fault is WarehouseFault.TIMED_OUT


def test_rows_of_one_data_model_are_never_written_in_the_name_of_another(plant: Plant) -> None:
    interrupted(plant)
    other = replace(
        MODEL, key=2, id="other", sql_query="SELECT id AS customer_id, 'new' AS y, ts FROM people WHERE id <> 'c-7'"
    )
    watcher = Watcher()
    counts = plant.execute(replace(plant.order, data_model=other), watcher)
    assert (counts.extracted, watcher.fetches) == (ROWS - 1, 1)
    assert plant.attributes(1) == {"x": ("old", 1), "y": ("new", 2)}
    assert plant.attributes(19) == {"y": ("new", 2)}


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, sql_query=MODEL.sql_query.replace("'old'", "'new'")),
        replace(MODEL, load_timestamp=replace(STAMP, zone="America/New_York")),
    ],
)
def test_a_changed_data_model_is_queried_again(plant: Plant, model: DataModel) -> None:
    interrupted(plant)
    watcher = Watcher()
    plant.execute(replace(plant.order, data_model=model), watcher)
    assert watcher.fetches == 1


def test_another_name_of_the_data_model_changes_nothing(plant: Plant) -> None:
    interrupted(plant)
    watcher = Watcher()
    plant.execute(replace(plant.order, data_model=replace(MODEL, name="renamed")), watcher)
    assert watcher.fetches == 0


def test_a_damaged_spool_is_fetched_again_at_the_next_attempt(plant: Plant) -> None:
    interrupted(plant)
    [last] = plant.spools.glob("run-1/chunk-000003*")
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1  # the size stays
    last.write_bytes(content)
    with pytest.raises(StoreError, match="checksum"):
        plant.execute(plant.order, Watcher())
    watcher = Watcher()
    assert plant.execute(plant.order, watcher).extracted == ROWS
    assert watcher.fetches == 1


def test_a_spool_that_vanishes_is_no_empty_interval(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(name: str) -> None:
        if name == "fetch_complete":
            discard_spool(plant.spools / "run-1")

    monkeypatch.setattr("warehouse_sync.sync.execution.crashpoint", vanish)
    with pytest.raises(StoreError):
        plant.execute(plant.order, Watcher())


def seal_over(plant: Plant, reading: int) -> None:
    """What a holder does that was stopped before it sealed what it had fetched, and that goes on when the next one has fetched, too."""
    folder = plant.spools / "run-1"
    manifest = read_manifest(folder)
    assert manifest is not None
    own = replace(manifest, rows=5, chunks=manifest.chunks[:1], reading=reading)
    replace_text(folder / MANIFEST_NAME, own.to_json())


def test_what_an_earlier_holder_seals_over_it_is_not_taken_for_what_was_fetched(plant: Plant) -> None:
    of_second, of_third = (replace(plant.order, run=replace(RUN, epoch=epoch)) for epoch in (2, 3))
    with pytest.raises(Died):
        plant.execute(of_second, Watcher(die_after=5))
    seal_over(plant, reading=1)
    watcher = Watcher()
    counts = plant.execute(of_third, watcher)
    assert (counts.extracted, watcher.fetches) == (ROWS, 1)
    assert plant.attributes(19)


def test_what_an_earlier_holder_seals_over_it_is_not_applied(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    order = replace(plant.order, run=replace(RUN, epoch=2))
    with monkeypatch.context() as patch:
        is_over = "fetch_complete".__eq__
        patch.setattr(
            "warehouse_sync.sync.execution.crashpoint", lambda name: seal_over(plant, 1) if is_over(name) else None
        )
        with pytest.raises(StoreError, match="another holder"):
            plant.execute(order, Watcher())
    watcher = Watcher()
    assert plant.execute(order, watcher).extracted == ROWS
    assert watcher.fetches == 1


def test_a_spool_of_a_version_that_kept_no_reading_is_gone_on_with(plant: Plant) -> None:
    """The store's column is 0 then, as in :mod:`tests.unit.profiles.test_store_migration`."""
    interrupted(plant)
    folder = plant.spools / "run-1"
    document = json.loads((folder / MANIFEST_NAME).read_text())
    del document["body"]["reading"]
    body = json.dumps(document["body"], sort_keys=True)
    (folder / MANIFEST_NAME).write_text(json.dumps({**document, "crc32": zlib.crc32(body.encode())}))
    progress = plant.stores.begin(RUN.key, start_over=False)
    assert (progress.reading, progress.chunks) == (1, 1)
    with plant.stores.erasing(1, Environment.PRODUCTION) as connection:
        assert connection is not None
        connection.execute("UPDATE run_progress SET reading = 0")
    watcher = Watcher()
    assert plant.execute(plant.order, watcher).extracted == ROWS
    assert watcher.fetches == 0


def test_too_many_rows_to_read_again_are_refused_with_how_to_split_them(plant: Plant) -> None:
    again = replace(plant.order, run=replace(RUN, kind=RunKind.BACKFILL), max_rows=7)
    with pytest.raises(InvalidRequest, match="in at least 3 backfills, each of a part of") as refused:
        plant.execute(again, Watcher())
    assert refused.value.code == "too_many_records"
