"""How fast a warehouse is read into the spool, against its bare driver reading the same stream; peak memory of the reading process.

``.venv/bin/python -m benchmarks.warehouses [postgres snowflake]``; ``BENCH_WAREHOUSE_ROWS`` changes the size. Bare driver and product take
turns, after a reading by the bare driver that does not count.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from adbc_driver_postgresql import dbapi as postgresql
from rich.console import Console
from rich.table import Table
from snowflake import connector

from tests.fixtures.postgres import running_postgres
from tests.fixtures.snowflake import running_snowflake
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.sync.spool import SpoolRequest
from warehouse_sync.sync.worker import WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy

ROWS = int(os.environ.get("BENCH_WAREHOUSE_ROWS", "5000000"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "1"))
SQL: Mapping[str, str] = {"postgres": "SELECT * FROM people", "snowflake": "SELECT * FROM SHOP.PUBLIC.PEOPLE"}
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Source:
    """A warehouse with ``ROWS`` rows of ten columns in ``people``, in the order of ``updated_at``.

    Attributes:
        place: where the bare driver finds the warehouse.
        load_timestamp: how the warehouse spells that column.
    """

    address: WarehouseAddress
    policy: WarehousePolicy
    place: str
    load_timestamp: str = "updated_at"


@dataclass(frozen=True)
class Reading:
    """One reading of all rows.

    Attributes:
        seconds: on the clock.
        cpu: seconds of the reader on a processor.
        quarters, peak: the reader's memory in MiB, at every quarter of the time and at its highest.
    """

    seconds: float
    cpu: float
    quarters: tuple[float, ...]
    peak: float


@contextmanager
def postgres_source() -> Iterator[Source]:
    with running_postgres() as server:
        server.execute(
            f"""CREATE TABLE people AS
                SELECT i AS id, 'person' || i || '@example.com' AS email, i * 0.37::float8 AS score, (i % 90)::int AS age,
                       i % 3 = 0 AS subscribed, timestamp '2024-01-01' + interval '1 second' * i AS updated_at,
                       date '1970-01-01' + (i % 18000)::int AS born, 'city ' || (i % 5000) AS city,
                       (i * 1.25)::numeric(12, 2) AS spent, 'segment-' || (i % 7) AS segment
                FROM generate_series(1::bigint, {ROWS}) AS i""",
            "ANALYZE people",
        )
        fields = {"host": "127.0.0.1", "port": str(server.port), "database": "postgres", "user": server.user}
        address = WarehouseAddress("postgres", {**fields, "sslmode": "disable"}, {"password": Secret(server.password)})
        yield Source(address, WarehousePolicy(allowed_private_hosts=(f"127.0.0.1:{server.port}",)), server.url())


def postgres_bare(place: str) -> int:
    with postgresql.connect(place) as session, session.cursor() as cursor:
        cursor.execute(SQL["postgres"])
        return sum(batch.num_rows for batch in cursor.fetch_record_batch())


@contextmanager
def snowflake_source() -> Iterator[Source]:
    """The local Snowflake. It computes a result anew for every reader, and sends it in parts of 100,000 rows, compressed."""
    with running_snowflake(database="SHOP") as server:
        with connector.connect(**server.connect_arguments()) as session:
            session.cursor().execute(
                f"""CREATE TABLE SHOP.PUBLIC.PEOPLE AS
                    SELECT i AS id, 'person' || i || '@example.com' AS email, (i * 0.37)::FLOAT AS score, (i % 90)::INT AS age,
                           i % 3 = 0 AS subscribed, DATEADD('second', i, '2024-01-01'::TIMESTAMP_NTZ) AS updated_at,
                           DATEADD('day', i % 18000, '1970-01-01'::DATE)::DATE AS born, 'city ' || (i % 5000) AS city,
                           (i * 1.25)::NUMBER(12, 2) AS spent, 'segment-' || (i % 7) AS segment
                    FROM (SELECT SEQ4() AS i FROM TABLE(GENERATOR(ROWCOUNT => {ROWS})))"""
            )
        fields = {"source_account_id": "demo", "region": "local", "warehouse": "w", "database": "SHOP", "role": "r"}
        address = WarehouseAddress("snowflake", {**fields, "user": server.user}, {"password": Secret(server.password)})
        policy = WarehousePolicy(snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", server.port, "http"))
        yield Source(address, policy, json.dumps(server.connect_arguments()), "UPDATED_AT")


def snowflake_bare(place: str) -> int:
    with connector.connect(**json.loads(place)) as session, session.cursor() as cursor:
        cursor.execute(SQL["snowflake"])
        return sum(table.num_rows for table in cursor.fetch_arrow_batches())


SOURCES: Mapping[str, Callable[[], AbstractContextManager[Source]]] = {
    "postgres": postgres_source,
    "snowflake": snowflake_source,
}
BARE: Mapping[str, Callable[[str], int]] = {"postgres": postgres_bare, "snowflake": snowflake_bare}


def main(names: list[str]) -> None:
    for name in names or list(SOURCES):
        with SOURCES[name]() as source:
            _read_bare(name, source)  # the server is cold
            bare, ours = [], []
            for _ in range(REPEATS):
                bare.append(_read_bare(name, source))
                ours.append(_read_ours(source))
        _report(name, bare, ours)


def _read_bare(name: str, source: Source) -> Reading:
    line = [sys.executable, "-m", "benchmarks.warehouses", "--bare", name, source.place]
    # A session of its own, as the product's child has: on a busy machine the kernel shares time out by sessions.
    with (
        subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True) as process,
        _Memory(process.pid) as memory,
    ):
        assert process.stdout is not None
        seconds, cpu, rows = process.stdout.read().split()
    assert int(rows) == ROWS
    return Reading(float(seconds), float(cpu), memory.quarters(), memory.peak)


def _read_ours(source: Source) -> Reading:
    sql = SQL[source.address.type]
    worker = WarehouseWorker(WorkerSettings(policy=source.policy))
    with tempfile.TemporaryDirectory() as folder, worker.conversation(source.address, "benchmark") as conversation:
        conversation.probe(f"{sql} LIMIT 0")
        request = SpoolRequest(directory=Path(folder) / "spool", load_timestamp=source.load_timestamp, max_rows=ROWS)
        with _Memory(conversation.pid) as memory:
            began, used = time.perf_counter(), _cpu(conversation.pid)
            manifest = conversation.fetch(sql, request)
            seconds, cpu = time.perf_counter() - began, _cpu(conversation.pid) - used
    assert manifest.rows == ROWS
    return Reading(seconds, cpu, memory.quarters(), memory.peak)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


class _Memory:
    """Samples the memory of a process until the block ends."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._samples: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def peak(self) -> float:
        return max(self._samples, default=0.0)

    def quarters(self) -> tuple[float, ...]:
        """The highest of each quarter of the time."""
        size = max(1, len(self._samples) // 4)
        return tuple(max(self._samples[start : start + size], default=0.0) for start in range(0, 4 * size, size))

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            try:
                self._samples.append(self._process.memory_info().rss / (1 << 20))
            except psutil.Error:
                return


def _report(name: str, bare: list[Reading], ours: list[Reading]) -> None:
    table = Table(title=f"{name}: {ROWS:,} rows x 10, {REPEATS} time(s)")
    for column in ("reader", "seconds", "rows/s", "of the bare driver", "CPU s", "memory by quarter, MiB", "peak, MiB"):
        table.add_column(column, justify="left" if column == "reader" else "right")
    yardstick = statistics.median(reading.seconds for reading in bare)
    for label, readings in (("bare driver", bare), ("into the spool", ours)):
        seconds = statistics.median(reading.seconds for reading in readings)
        last = readings[-1]
        quarters = " ".join(f"{one:,.0f}" for one in last.quarters)
        peak = max(reading.peak for reading in readings)
        table.add_row(
            label,
            f"{seconds:.1f}",
            f"{ROWS / seconds:,.0f}",
            f"{yardstick / seconds:.2f}",
            f"{statistics.median(reading.cpu for reading in readings):.1f}",
            quarters,
            f"{peak:,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        start, on_processor = time.perf_counter(), time.process_time()
        found = BARE[sys.argv[2]](sys.argv[3])
        print(time.perf_counter() - start, time.process_time() - on_processor, found)
    else:
        main(sys.argv[1:])
