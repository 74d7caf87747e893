"""What the campaigns share: a home with a pipeline on a small shop, copied for every trial, and the real service on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from tests.fixtures.service import (
    WORKSPACE,
    Access,
    RunningService,
    clean_environment,
    prepare_home,
    running_service,
)
from tests.fixtures.warm_process import WarmProcess
from warehouse_sync.client import ApiError
from warehouse_sync.crashpoints import VARIABLE as CRASH_VARIABLE

ROWS: Final = 600
CHUNK_ROWS: Final = 200
_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with ``shop.duckdb`` and ``home``, in which the pipeline ``p`` reads the shop on demand."""

    folder: Path
    access: Access

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Path:
        return self.home / "profiles" / f"{WORKSPACE}-development.duckdb"

    @property
    def spools(self) -> list[Path]:
        return list((self.home / "spool").glob("*"))

    def copy(self, to: Path) -> Stage:
        shutil.copytree(self.folder, to)
        return Stage(to, self.access)

    @contextmanager
    def copied(self, to: Path) -> Iterator[Stage]:
        """A copy for one trial; kept if the trial raises."""
        yield self.copy(to)
        shutil.rmtree(to)

    def serving(
        self, *, crash_at: str | None = None, more: Mapping[str, str] | None = None, **settings: str
    ) -> AbstractContextManager[RunningService]:
        environment = {**(more or {}), **({CRASH_VARIABLE: crash_at} if crash_at else {})}
        settings = {"duckdb_root": str(self.folder), "chunk_rows": str(CHUNK_ROWS), "spool_free_mb": "0", **settings}
        return running_service(self.home, self.access, more=environment, warm=True, **settings)

    def dying(self, crash_at: str) -> int:
        """Starts a service that dies at a point, be it before it listens; returns its exit code, once it is gone."""
        settings = {"DUCKDB_ROOT": str(self.folder), "CHUNK_ROWS": str(CHUNK_ROWS), "SPOOL_FREE_MB": "0"}
        environment = {f"WAREHOUSE_SYNC_{name}": value for name, value in settings.items()} | {CRASH_VARIABLE: crash_at}
        process = WarmProcess(["serve", "--home", str(self.home), "--port", "0"], clean_environment(environment))
        with process.stdout as output:
            output.read()
        return process.wait(_PATIENCE_SECONDS)


def make_stage(folder: Path) -> Stage:
    """Prepares a home and a shop; nothing is run yet."""
    stage = Stage(folder, prepare_home(folder / "home"))
    make_shop(folder)
    with stage.serving() as service:
        create_connection(service, "c", "shop.duckdb")
        create_data_model(service, "m", "SELECT * FROM customers")
        create_pipeline(service, stage.access, "p")
    return stage


def make_shop(folder: Path) -> None:
    """Customers with several rows each, people who share an e-mail, and rows without identity. Every row has a token of its own."""
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            f"""CREATE TABLE customers AS
                SELECT 'row ' || i AS token,
                       CASE WHEN i % 50 <> 0 THEN 'c-' || (i % 270) END AS customer_id,
                       CASE WHEN i % 90 <> 0 THEN 'p' || (i % 130) || '@example.com' END AS email,
                       i AS score, 'name ' || i AS name, ['a', 'b' || i] AS tags,
                       TIMESTAMP '2026-01-01' + INTERVAL (i * 7919 % 5000) SECOND AS updated_at
                FROM range({ROWS}) r(i)"""
        )


def create_connection(service: RunningService, name: str, database: str) -> None:
    service.workspace.create(
        "connections", {"workspace_id": WORKSPACE, "id": name, "name": name, "type": "duckdb", "database": database}
    )


def create_data_model(service: RunningService, name: str, query: str) -> None:
    service.workspace.create(
        "data-models",
        {
            "workspace_id": WORKSPACE,
            "id": name,
            "name": name,
            "type": "sql",
            "sql_query": query,
            "load_timestamp_field_name": "updated_at",
            "load_timestamp_field_type": "timestamp_ntz",
        },
    )


def create_pipeline(service: RunningService, access: Access, name: str, **changes: str) -> None:
    service.workspace.create(
        "pipelines",
        {
            "workspace_id": WORKSPACE,
            "id": name,
            "name": name,
            "connection_id": "c",
            "data_model_id": "m",
            "partner_feed_id": access.feed_id,
            "schedule_interval": "on_demand",
            "schedule_start_time": datetime(2026, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "environment": "development",
            **changes,
        },
    )


def trigger(service: RunningService, pipeline: str = "p") -> None:
    """Triggers a pipeline of a service that may die of it before it answers."""
    try:
        service.workspace.trigger(pipeline)
    except ApiError as error:
        if error.status:
            raise


def latest_run(service: RunningService, pipeline: str = "p") -> dict[str, Any] | None:
    """The run with the greatest logical date."""
    found: dict[str, Any] | None = service.workspace.get(f"pipelines/{pipeline}/status")["latest_pipeline_run"]
    return found


def run_again(service: RunningService, run_id: int, pipeline: str = "p") -> None:
    path = f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/{pipeline}/runs/{run_id}/run-again"
    service.client.call("POST", path)


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for something to become true.

    Raises:
        TimeoutError: it did not in time.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came of it in {seconds} s")
        time.sleep(0.01)
