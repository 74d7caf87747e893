"""The real service on a home of its own, with a shop that its DuckDB connection reads: for what only the whole can show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import psutil

from benchmarks.measuring import private_mb, resident_mb
from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service
from warehouse_sync.client import is_finished

_CONNECTION: Final = {"workspace_id": WORKSPACE, "id": "c", "name": "c", "type": "duckdb", "database": "shop.duckdb"}
_DATA_MODEL: Final = {
    "workspace_id": WORKSPACE,
    "type": "sql",
    "sql_query": "SELECT * FROM customers",
    "load_timestamp_field_name": "updated_at",
    "load_timestamp_field_type": "timestamp_ntz",
}
_PIPELINE: Final = {
    "workspace_id": WORKSPACE,
    "connection_id": "c",
    "data_model_id": "m",
    "schedule_interval": "on_demand",
    "schedule_start_time": "2026-01-01T00:00:00Z",
    "environment": "production",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A folder with ``shop.duckdb`` and ``home``. What the shop sells is made by queries as it is read, so it takes no disk."""

    folder: Path
    access: Access

    @classmethod
    def open(cls, folder: Path, query: str) -> Self:
        """Makes both; the pipeline ``p`` reads ``query``."""
        shop = cls(folder, prepare_home(folder / "home"))
        shop.show(query)
        with shop.serving() as service:
            for kind, body in (
                ("connections", _CONNECTION),
                ("data-models", shop.data_model("m")),
                ("pipelines", shop.pipeline("p")),
            ):
                service.workspace.create(kind, body)
        return shop

    def data_model(self, name: str) -> dict[str, Any]:
        """The body of a request that makes a data model of all that the shop holds."""
        return _DATA_MODEL | {"id": name, "name": name}

    def pipeline(self, name: str) -> dict[str, Any]:
        """The body of a request that makes a pipeline on the shop."""
        return _PIPELINE | {"id": name, "name": name, "partner_feed_id": self.access.feed_id}

    def show(self, query: str) -> None:
        """What the warehouse holds from now on."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as connection:
            connection.execute(f"CREATE OR REPLACE VIEW customers AS {query}")

    @contextmanager
    def serving(self) -> Iterator[RunningService]:
        settings = {
            "duckdb_root": str(self.folder),
            "limit_records_on_demand": "100000000",
            "limit_profile_requests": "1000",
        }
        with running_service(self.folder / "home", self.access, **settings) as service:
            yield service


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of a run: how far it was, and the memory of the service and of the process that fetches, in MiB."""

    seconds: float
    fetched: int
    applied: int
    service: int
    service_private: int
    fetching: int


@dataclass(slots=True)
class WatchedRun:
    """A run, and what it was seen to need."""

    run: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0


def watch(service: RunningService, *, every: float = 1.0, longest: float = 4 * 3600.0) -> WatchedRun:
    """Triggers the pipeline and watches its run to the end."""
    began, run_id, watched = time.monotonic(), service.workspace.trigger("p"), WatchedRun()
    while time.monotonic() - began < longest:
        watched.run = service.workspace.run("p", run_id)
        watched.seconds = time.monotonic() - began
        if is_finished(watched.run):
            return watched
        progress = watched.run["progress"] or {"rows_fetched": 0, "rows_applied": 0}
        service_id = service.process.pid
        watched.samples.append(
            Sample(
                watched.seconds,
                progress["rows_fetched"],
                progress["rows_applied"],
                resident_mb(service_id),
                private_mb(service_id),
                _memory_of_children(service_id),
            )
        )
        time.sleep(every)
    raise TimeoutError(f"the run took longer than {longest} s")


def wait_for_log(service: RunningService, text: str, seconds: float = 600.0) -> None:
    """Waits until the service has logged some text."""
    end = time.monotonic() + seconds
    while not any(text in line for line in list(service.log)):
        if time.monotonic() > end:
            raise TimeoutError(f"the service did not log {text!r}")
        time.sleep(0.2)


def _memory_of_children(process_id: int) -> int:
    total = 0
    for child in psutil.Process(process_id).children(recursive=True):
        try:
            total += resident_mb(child.pid)
        except (FileNotFoundError, ProcessLookupError, LookupError):  # it has ended meanwhile
            continue
    return total


class InBackground:
    """Watches a run on a thread of its own; ``result`` waits for its end."""

    def __init__(self, service: RunningService) -> None:
        self._watched: list[WatchedRun] = []
        self._thread = threading.Thread(target=lambda: self._watched.append(watch(service)), daemon=True)
        self._thread.start()

    @property
    def goes_on(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> WatchedRun:
        self._thread.join()
        [watched] = self._watched
        return watched
