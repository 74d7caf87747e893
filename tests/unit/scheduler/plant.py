"""A runner on a real control database that is stepped by hand; only the execution of its runs is scripted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse_sync.catalog import cancellation, connections, data_models, feeds, pipelines, runs, workspaces
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import OnFailedInterval, Pipeline, RunPolicy, Schedule
from warehouse_sync.domain.run import Run, RunCounts, RunKind
from warehouse_sync.errors import RunError, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.scheduler.ledger import progress_of
from warehouse_sync.scheduler.planner import on_demand_interval
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.scheduler.retention import Retention
from warehouse_sync.scheduler.runner import Runner, RunnerSettings
from warehouse_sync.scheduler.steps import ReadingSteps
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.security.vault import KeyEncryptionKey, Vault
from warehouse_sync.sync.execution import RunOrder

START = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DROPPED = WarehouseError("lost", fault=WarehouseFault.DROPPED, step=WarehouseStep.FETCH)
BAD_QUERY = WarehouseError("no such table", fault=WarehouseFault.QUERY, step=WarehouseStep.QUERY)
BAD_LOGIN = WarehouseError("refused", fault=WarehouseFault.CREDENTIALS, step=WarehouseStep.LOGIN)


class ScriptedExecutor:
    """Executes runs by script: each entry is what the next execution raises, None for success. At its end all succeed."""

    def __init__(self) -> None:
        self.script: list[Exception | None] = []
        self.executed: list[Run] = []
        self.orders: list[RunOrder] = []
        self.spools: set[int] = set()
        self.tidied: list[tuple[int, Environment]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def execute(self, order: Any, observer: object, cancelled: Callable[[], bool]) -> RunCounts:
        del observer
        self.executed.append(order.run)
        self.orders.append(order)
        self.spools.add(order.run.id)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        error = self.script.pop(0) if self.script else None
        if cancelled():
            raise RunError("stopped", code="cancelled")
        if error is not None:
            raise error
        return RunCounts(extracted=1, changed=1)

    def discard(self, run_id: int) -> None:
        self.spools.discard(run_id)

    def spooled(self) -> set[int]:
        return set(self.spools)

    def forget_history(self, before: datetime) -> int:
        del before
        return 0

    def stored_scopes(self) -> list[tuple[int, Environment]]:
        return []

    def tidy(self, workspace_id: int, environment: Environment, stop: Callable[[], bool]) -> int:
        del stop
        self.tidied.append((workspace_id, environment))
        return 0


class Plant:
    """A database with one pipeline, a clock, and a runner that is stepped by hand."""

    def __init__(self, folder: Path, schedule: Schedule) -> None:
        self.database: Database = open_database(f"sqlite:///{folder / 'control.db'}")
        self.clock = ManualClock(START)
        self.vault = Vault([KeyEncryptionKey(bytes(range(32)))])
        self.executor = ScriptedExecutor()
        self.pipeline = self._pipeline(schedule)
        self.runner = self.new_runner()

    def new_runner(self) -> Runner:
        settings = RunnerSettings(
            runs_at_once=1,
            lease=timedelta(seconds=60),
            settle_delay=timedelta(0),
            retention=Retention(timedelta(90)),
        )
        executor: Any = self.executor
        return Runner(
            database=self.database,
            steps=dict.fromkeys(RunKind, ReadingSteps(self.database, self.vault, executor, Limits())),
            executor=executor,
            live=LiveProgress(),
            clock=self.clock,
            settings=settings,
            teller=Teller(is_wanted=True),
        )

    def _pipeline(self, schedule: Schedule) -> Pipeline:
        now = self.clock.now()
        with self.database.write() as tx:
            workspaces.create(tx, workspaces.Workspace(1, "Shop", 1, 1, now))
            feed = feeds.create(tx, feeds.NewFeed(1, "crm", "Snowflake", "unbound", False, b"k", b"s", now))
            address = WarehouseAddress("duckdb", {"database": "shop.duckdb"})
            common = {"workspace_id": 1, "is_active": True, "now": now, "by": "ann"}
            connection = connections.create(tx, id="c", name="c", address=address, vault=self.vault, **common)
            stamp = LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ)
            model = data_models.create(tx, id="m", name="m", sql_query="SELECT 1", load_timestamp=stamp, **common)
            self.definition = PipelineDefinition(
                name="p",
                connection_key=connection.key,
                data_model_key=model.key,
                partner_feed_id=feed.id,
                environment=Environment.PRODUCTION,
                schedule=schedule,
                is_active=True,
                is_draft=False,
            )
            return pipelines.create(tx, 1, "p", self.definition, max_active=5, now=now, by="ann")

    def change(self, **changes: Any) -> None:
        """What a PUT does."""
        with self.database.write() as tx:
            current = pipelines.by_key(tx, self.pipeline.key)
            self.definition = replace(self.definition, **changes)
            pipelines.change(tx, current, self.definition, max_active=5, now=self.clock.now(), by="ann")
            pipelines.set_fault(tx, current.key, None)

    def trigger(self) -> Run | None:
        """What a POST of an on-demand pipeline does."""
        now = self.clock.now()
        with self.database.write() as tx:
            pipeline = pipelines.by_key(tx, self.pipeline.key)
            request = on_demand_interval(pipeline.schedule, progress_of(tx, pipeline), now=now)
            return runs.create(tx, pipeline, request, created_by="ann", now=now)

    def cancel(self, run_id: int) -> Run | None:
        with self.database.write() as tx:
            return cancellation.cancel(tx, run_id, by="ann", now=self.clock.now())

    def let_continue(self) -> None:
        self.change(policy=RunPolicy(on_failed_interval=OnFailedInterval.CONTINUE))

    def delete(self) -> None:
        """What a DELETE does."""
        with self.database.write() as tx:
            unfinished = runs.unfinished_of(tx, self.pipeline.key)
            if unfinished is not None:
                cancellation.cancel(tx, unfinished.id, by="ann", now=self.clock.now())
            pipelines.delete(tx, self.stored(), now=self.clock.now(), by="ann")

    def set_offset(self, offset: timedelta) -> None:
        """What a PUT of the data model does."""
        stamp = LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ, offset=offset)
        with self.database.write() as tx:
            model = data_models.by_key(tx, self.pipeline.data_model_key)
            fields = {"name": "m", "sql_query": "SELECT 1", "is_active": True}
            data_models.change(tx, model, load_timestamp=stamp, now=self.clock.now(), by="ann", **fields)

    def work(self) -> int:
        """Plans and executes until there is nothing to do; returns how many executions there were."""
        before = len(self.executor.executed)
        while self.runner.plan_once() or self.runner.execute_next():
            while self.runner.execute_next():
                pass
        return len(self.executor.executed) - before

    def runs(self, size: int = 100) -> list[Run]:
        with self.database.read() as tx:
            return runs.page(tx, self.pipeline.key, page=1, size=size)[::-1]

    def stored(self) -> Pipeline:
        with self.database.read() as tx:
            return pipelines.by_key(tx, self.pipeline.key)
