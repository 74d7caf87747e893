"""What the benchmarks measure with: a stopwatch for time and processor time, the memory of a process, runs on a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import duckdb
import pyarrow as pa

from benchmarks.workload import BATCH_ROWS, LOAD_TIMESTAMP, plan
from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.sync.apply import apply_chunk
from warehouse_sync.sync.spool import Spool, SpoolRequest, SpoolWriter, discard_spool

MEMORY_MB: Final = 1024
"""What the engine may use in every benchmark: the default of the service."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What some work took, in seconds: of the clock, and of all processors together."""

    wall: float
    processor: float


def taken(work: Callable[[], object]) -> Taken:
    """Does the work once."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - processor)


def middle(times: list[Taken]) -> Taken:
    """The median of each."""
    return Taken(median(one.wall for one in times), median(one.processor for one in times))


def bare_copy(folder: Path, table: pa.Table) -> None:
    """The physical limit: the same rows, on disk, and nothing else."""
    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        connection.register("incoming", table)
        connection.execute("CREATE TABLE copied AS SELECT * FROM incoming")
        connection.execute("CHECKPOINT")
    (folder / "bare.duckdb").unlink()


def percentiles(milliseconds: list[float]) -> str:
    """The median and the 99th percentile, for people."""
    return (
        f"median {median(milliseconds):.1f} ms, p99 {quantiles(milliseconds, n=100)[98]:.1f} ms of {len(milliseconds)}"
    )


def resident_mb(process_id: int | str = "self") -> int:
    """The memory of a process in MiB, with its share of what it shares (``Pss``)."""
    return _smaps(process_id, "Pss")


def private_mb(process_id: int | str = "self") -> int:
    """The memory of a process in MiB without mapped files: what it would not give back under pressure (anonymous memory)."""
    return _smaps(process_id, "Anonymous")


def _smaps(process_id: int | str, wanted: str) -> int:
    for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == wanted:
            return int(amount.split()[0]) >> 10
    raise LookupError(wanted)


class Store:
    """A profile store in a folder, and runs numbered from 1 in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores = DuckDbStores(folder, b"k" * 32, StoreLimits(memory_mb=MEMORY_MB))
        self.runs = 0
        self._spools: list[Path] = []

    def run(self, table: pa.Table) -> None:
        """One run of some rows."""
        self.load(table.schema, table.to_batches(max_chunksize=BATCH_ROWS))

    def load(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """One run of what a warehouse sends: into a sealed spool, then chunk by chunk, each durable before the next."""
        self.runs += 1
        spool_folder = self.folder.with_name(f"{self.folder.name}-run-{self.runs}")
        with SpoolWriter(SpoolRequest(spool_folder, LOAD_TIMESTAMP, max_rows=1 << 40), schema) as writer:
            for batch in batches:
                writer.write(batch)
            spool = Spool(spool_folder, writer.seal())
        of_run = plan(self.runs, schema)
        self.stores.begin(of_run.run, start_over=False)
        for number, chunk in enumerate(spool.tables()):
            apply_chunk(self.stores, of_run, number, chunk, now=datetime.now(UTC))
        self._spools.append(spool_folder)

    def tidy(self) -> None:
        """What the service does after a run, when nobody waits for it."""
        while self._spools:
            discard_spool(self._spools.pop())
        while self._take_step():
            pass
        self.stores.fold_log(1, Environment.PRODUCTION)

    def _take_step(self) -> bool:
        with self.stores.compaction_step(1, Environment.PRODUCTION) as was_due:
            return was_due

    def size_mb(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) >> 20

    def close(self) -> None:
        self.stores.close()
