"""One process of the service: the product's runner and services on stores of its own, and the actors that stand for its threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.simulation.chances import Luck
from tests.simulation.faults import AtOnce, ProcessClock, SteppedDatabase, SteppedStores
from tests.simulation.ledger import Chunk, Comparison, Ledger
from tests.simulation.stage import Actor, Stage
from tests.simulation.warehouse import Probe, Shop, Worker
from warehouse_sync.catalog.database import Database
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.run import RunCounts, RunKind
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.profiles.protocol import ProfileReader
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.scheduler.retention import Retention
from warehouse_sync.scheduler.runner import Runner, RunnerSettings
from warehouse_sync.scheduler.steps import ReadingSteps
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.security.client_secrets import ClientSecretDigests
from warehouse_sync.security.vault import KeyEncryptionKey, Vault
from warehouse_sync.services.connections import ConnectionService
from warehouse_sync.services.data_models import DataModelService
from warehouse_sync.services.feeds import FeedFinder
from warehouse_sync.services.pipelines import PipelineService
from warehouse_sync.services.run_requests import RunRequestService
from warehouse_sync.services.runs import RunService
from warehouse_sync.sql.guard import accepting_dialects
from warehouse_sync.sync.apply import ApplyPlan
from warehouse_sync.sync.execution import ExecutionLimits, RunExecutor
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

_accepting_dialects = cache(accepting_dialects)
"""All plays have the same few queries, so the guard has to read each of them only once."""


@dataclass
class Ground:
    """What all processes of a world stand on. ``stores`` are profile stores and how one chunk is applied to them."""

    folder: Path
    database: Database
    stores: Any
    apply: Callable[..., RunCounts]
    shop: Shop
    stage: Stage
    ledger: Ledger
    luck: Luck
    tick: timedelta
    max_rows: int
    chunk_rows: int


class _NoProfiles:
    """The operator of the play does not look at profiles."""

    def rejects(self, *_arguments: object) -> tuple[()]:
        return ()

    def progress(self, *_arguments: object) -> None:
        return None


@dataclass
class Services:
    """The verbs that the play's operator uses."""

    connections: ConnectionService
    data_models: DataModelService
    pipelines: PipelineService
    runs: RunService
    run_requests: RunRequestService


@dataclass
class Process:
    """Alive from ``boot`` to ``crash``, any number of times.

    Attributes:
        threads: how many runs it executes at once.
        clock: its own.
        unexpected: errors that are no errors of the product: defects.
    """

    name: str
    ground: Ground
    threads: int
    clock: ProcessClock
    actors: list[Actor] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    boots_on: int | None = 0

    def boot(self, *, alone: bool) -> None:
        """Puts everything together anew. ``alone``: no other process lives, so no lease is anybody's."""
        self.boots_on = None
        ground = self.ground
        database = SteppedDatabase(ground.database, ground.stage, ground.luck)
        stores = SteppedStores(ground.stores, ground.stage, ground.luck, ground.ledger)
        worker: Any = Worker(ground.shop, stage=ground.stage, ledger=ground.ledger, luck=ground.luck)
        limits = ExecutionLimits(chunk_rows=ground.chunk_rows, spool_bytes=1 << 30, cell_bytes=1 << 20)
        executor = RunExecutor(
            worker, stores, ground.folder / "spool", limits, self.clock, apply=self._apply, disk=AtOnce
        )
        vault, live = Vault([KeyEncryptionKey(bytes(32))]), LiveProgress()
        counts = dict.fromkeys(Limits().records, ground.max_rows)
        reading = ReadingSteps(database, vault, executor, Limits(records=counts))
        self.runner = Runner(
            database=database,
            steps=dict.fromkeys(RunKind, reading),
            executor=executor,
            live=live,
            clock=self.clock,
            settings=RunnerSettings(
                runs_at_once=self.threads,
                lease=2 * ground.tick,
                settle_delay=timedelta(0),
                retention=Retention(history=timedelta(days=90)),
            ),
            jitter=ground.luck.rng.random,
            teller=Teller(is_wanted=True),
        )
        reader: Any = _NoProfiles()
        self.services = _services(database, self.clock, vault, worker, reader, live)
        self.actors = [Actor(f"{self.name} boot", lambda: self._start(alone=alone), once=True)]

    @property
    def lives(self) -> bool:
        return self.boots_on is None

    def crash(self, boots_on: int) -> None:
        """Every thread ends where it stands."""
        for actor in self.actors:
            actor.die()
        self.actors, self.boots_on = [], boots_on

    def _start(self, *, alone: bool) -> bool:
        """As ``Runner.start``, with actors for threads; a start that fails ends the process."""
        try:
            if alone:
                self.runner.recover()
        except WarehouseSyncError:
            self.actors, self.boots_on = [], self.ground.stage.tick + 2
            return False
        runner = self.runner
        self.actors = [
            Actor(f"{self.name} planner", self._shielded(runner.plan_once), wakes_after=("run", "person")),
            Actor(f"{self.name} heartbeat", self._shielded(runner.renew_leases)),
            Actor(f"{self.name} cancellations", self._shielded(runner.heed_cancellations)),
            Actor(f"{self.name} housekeeper", self._shielded(self._keep_house_sometimes)),
            Actor(f"{self.name} tidier", self._shielded(lambda: runner.tidy_next(wait=0))),
            *(
                Actor(
                    f"{self.name} run {number}", self._shielded(runner.execute_next), wakes_after=("planner", "person")
                )
                for number in range(1, self.threads + 1)
            ),
        ]
        return True

    def _keep_house_sometimes(self) -> None:
        if self.ground.luck.strikes(0.1):
            self.runner.keep_house()

    def _shielded(self, step: Callable[[], object]) -> Callable[[], object]:
        """As the runner's threads do: no error ends them. One that the product does not know is a defect."""

        def shielded() -> object:
            try:
                return step()
            except WarehouseSyncError:
                return False
            except Exception as error:  # noqa: BLE001 - the play goes on and is judged at its end
                self.unexpected.append(f"{self.name}: {type(error).__name__}: {error}")
                return False

        return shielded

    def _apply(self, stores: Any, plan: ApplyPlan, number: int, table: pa.Table, *, now: datetime) -> RunCounts:
        tokens, [note] = tuple(table.column("token").to_pylist()), set(table.column("note").to_pylist())
        chunk = Chunk(plan.run, number, tokens, plan.data_model_key, int(note[1:]), _comparison(plan))
        self.ground.ledger.applying(chunk)
        return self.ground.apply(stores, plan, number, table, now=now)


def _comparison(plan: ApplyPlan) -> Comparison | None:
    late = plan.late
    if late is None:
        return None
    own_from, earlier_from = (
        None if bound is None else bound.replace(tzinfo=UTC) for bound in (late.own_from, late.earlier_from)
    )
    return Comparison(late.memory.previous_run_id, own_from, earlier_from)


def _services(
    database: Database, clock: ProcessClock, vault: Vault, worker: Any, reader: ProfileReader, live: LiveProgress
) -> Services:
    return Services(
        connections=ConnectionService(database, clock, vault, WAREHOUSE_TYPES, worker),
        data_models=DataModelService(database, clock, _accepting_dialects),
        pipelines=PipelineService(
            database,
            clock,
            vault=vault,
            feeds=FeedFinder(ClientSecretDigests(bytes(32))),
            probe=Probe(worker),
            limits=Limits(),
            wake=lambda: None,
        ),
        runs=RunService(database, clock, profiles=reader, live=live),
        run_requests=RunRequestService(database, clock, wake=lambda: None),
    )
