"""The parts of the service in this process, on a stage's home: for what cannot be done to a process from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tests.crash.stage import CHUNK_ROWS, Stage
from tests.fixtures.service import WORKSPACE
from warehouse_sync import bootstrap
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.scheduler.runner import Runner
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.run_requests import RunRequestService
from warehouse_sync.settings import Settings


@dataclass(frozen=True, slots=True)
class Embedded:
    """An opened home. Runners of it share its databases as threads of one service do."""

    settings: Settings
    base: Any
    stores: DuckDbStores

    def runner(self, lease: timedelta, stores: Any = None) -> Runner:
        """A runner that is not started.

        Args:
            lease: shorter than a setting may say.
            stores: what it shall take for the profile stores.
        """
        workers, _ = bootstrap._assemble(self.settings, self.base, stores or self.stores)
        [runner] = [worker for worker in workers if isinstance(worker, Runner)]
        runner._settings = replace(runner._settings, lease=lease)
        runner._watch._seconds = lease.total_seconds()
        return runner

    def trigger(self, pipeline: str = "p") -> None:
        requests = RunRequestService(self.base.database, self.base.clock, wake=lambda: None)
        requests.trigger(OPERATOR, WORKSPACE, pipeline)


@contextmanager
def embedded(stage: Stage, **settings: Any) -> Iterator[Embedded]:
    given = {"duckdb_root": stage.folder, "chunk_rows": CHUNK_ROWS, "spool_free_mb": 0, **settings}
    opened = Settings(home=stage.home, **given)
    with bootstrap._foundation(opened) as base:
        stores = DuckDbStores(base.home.profiles, base.keyring.profile_mpid, StoreLimits(memory_mb=256))
        try:
            yield Embedded(opened, base, stores)
        finally:
            stores.close()
