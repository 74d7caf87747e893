"""Figure R3: several schedulers, each a process of its own on one control database, race over the same due intervals.

Whoever is first makes the run, claims it and settles it; the execution itself does nothing. Afterwards every interval was run exactly once.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from tests.crash.report import Outcome
from warehouse_sync.catalog import connections, data_models, feeds, pipelines, workspaces
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.run import Run, RunCounts, RunKind
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.scheduler.retention import Retention
from warehouse_sync.scheduler.runner import Runner, RunnerSettings
from warehouse_sync.security.vault import KeyEncryptionKey, Vault

SCHEDULERS = 8
HOURS = 100  # of each pipeline; the catch-up limit is 168
NOW = datetime(2026, 3, 1, tzinfo=UTC)
_PIPELINES_OF_A_WORKSPACE = 5
_SECONDS_FOR_A_RACE = 1800.0


class NothingToDo:
    """Stands for the steps of a run and for what keeps its spool."""

    def execute(self, run: Run, observer: object, cancelled: object) -> RunCounts:
        del run, observer, cancelled
        return RunCounts(extracted=1, changed=1)

    def discard(self, run_id: int) -> None:
        del run_id

    def spooled(self) -> set[int]:
        return set()


def campaign(trials: int, seed: int) -> Outcome:
    """A trial is one interval; ten thousand of them are one race."""
    failures: list[str] = []
    made = 0
    while made < trials:
        intervals = min(10_000, trials - made)
        failures += [f"seed {seed}: {wrong}" for wrong in race(intervals, seed)]
        made, seed = made + intervals, seed + 1
    return Outcome(made, failures)


def race(intervals: int, seed: int, *, schedulers: int = SCHEDULERS) -> list[str]:
    """Runs so many intervals, of at least one pipeline; returns what was wrong."""
    with TemporaryDirectory(prefix="whsync-race-") as folder:
        url = f"sqlite:///{Path(folder) / 'control.db'}"
        database = open_database(url)
        try:
            _fill(database, max(1, intervals // HOURS), min(intervals, HOURS))
            context = multiprocessing.get_context("spawn")
            racers = [
                context.Process(target=_schedule, args=(url, seed * 100 + number)) for number in range(schedulers)
            ]
            for racer in racers:
                racer.start()
            for racer in racers:
                racer.join(_SECONDS_FOR_A_RACE)
            ended = [racer.exitcode for racer in racers]
            for racer in racers:
                racer.kill()
            return [*([f"the schedulers ended with {ended}"] if any(ended) else []), *_wrongs(database, intervals)]
        finally:
            database.close()


def _fill(database: Database, count: int, hours: int) -> None:
    vault, stamp = Vault([KeyEncryptionKey(bytes(32))]), LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ)
    schedule = Schedule(ScheduleInterval.HOURLY, NOW - hours * timedelta(hours=1))
    with database.write() as tx:
        for number in range(count):
            workspace, place = divmod(number, _PIPELINES_OF_A_WORKSPACE)
            common: dict[str, Any] = {"workspace_id": workspace + 1, "is_active": True, "now": NOW, "by": "ann"}
            if place == 0:
                workspaces.create(tx, workspaces.Workspace(workspace + 1, "Shop", 1, 1, NOW))
                key = str(workspace).encode()
                feed = feeds.create(tx, feeds.NewFeed(workspace + 1, "f", "DuckDB", "unbound", False, key, key, NOW))
                address = WarehouseAddress("duckdb", {"database": "shop.duckdb"})
                connection = connections.create(tx, id="c", name="c", address=address, vault=vault, **common)
                model = data_models.create(tx, id="m", name="m", sql_query="SELECT 1", load_timestamp=stamp, **common)
            definition = PipelineDefinition(
                name="p",
                connection_key=connection.key,
                data_model_key=model.key,
                partner_feed_id=feed.id,
                environment=Environment.PRODUCTION,
                schedule=schedule,
                is_active=True,
                is_draft=False,
            )
            pipelines.create(tx, workspace + 1, f"p{place}", definition, max_active=5, now=NOW, by="ann")


def _schedule(url: str, seed: int) -> None:
    """One scheduler: plans and executes until there is nothing left, pausing now and then as the seed wants."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rng, database, nothing = random.Random(seed), open_database(url), NothingToDo()
    executor: Any = nothing
    runner = Runner(
        database=database,
        steps=dict.fromkeys(RunKind, nothing),
        executor=executor,
        live=LiveProgress(),
        clock=ManualClock(NOW),
        settings=RunnerSettings(
            runs_at_once=1,
            lease=timedelta(minutes=1),
            settle_delay=timedelta(0),
            retention=Retention(timedelta(days=90)),
        ),
    )
    idle = 0
    while idle < 20:
        did = bool(runner.plan_once())
        while runner.execute_next():
            did = True
        idle = 0 if did or _has_unfinished(database) else idle + 1
        time.sleep(rng.random() * 0.01)
    database.close()


def _has_unfinished(database: Database) -> bool:
    with database.read() as tx:
        query = "SELECT 1 FROM runs WHERE state IN ('triggered', 'queued', 'running') LIMIT 1"
        return tx.exec_driver_sql(query).one_or_none() is not None


def _wrongs(database: Database, intervals: int) -> Iterator[str]:
    with database.read() as tx:
        query = "SELECT pipeline_key, interval_start, interval_end, state, attempt, epoch FROM runs ORDER BY 1, 2"
        found = tx.exec_driver_sql(query).all()
    if len(found) != intervals:
        yield f"{len(found)} runs were made for {intervals} intervals"
    end: dict[int, str] = {}
    for run in found:
        if (run.state, run.attempt, run.epoch) != ("success", 1, 1):
            yield f"the run of {run.interval_start} is {run.state} in attempt {run.attempt} by holder {run.epoch}"
        if run.interval_start != end.get(run.pipeline_key, run.interval_start):
            yield f"pipeline {run.pipeline_key} was run until {end[run.pipeline_key]} and then from {run.interval_start}"
        end[run.pipeline_key] = run.interval_end
