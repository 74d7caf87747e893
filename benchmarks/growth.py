"""``python -m benchmarks.growth``: what a store of ten million profiles costs: loads as it grows, small changes, look-ups, memory.

``BENCH_MILLIONS`` changes the size. Takes about two minutes and 2 GB of disk.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.workload import plan, rows
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.apply import apply_chunk

MILLION = 1_000_000
MILLIONS = int(os.environ.get("BENCH_MILLIONS", "10"))
CHUNK_ROWS = 250_000
MEMORY_MB = 1024
LOOK_UPS = 300


class Growth:
    """One store, its runs, and a table of what they took."""

    def __init__(self, folder: Path) -> None:
        self.stores = DuckDbStores(folder, b"k" * 32, StoreLimits(memory_mb=MEMORY_MB))
        self.report = Table(title=f"Up to {MILLIONS:,} million profiles x 20 attributes, {MEMORY_MB} MB for the engine")
        for column in ("load", "seconds", "rows/s", "peak memory of the process, MiB"):
            self.report.add_column(column, justify="left" if column == "load" else "right")
        self._runs = 0

    def load(self, title: str, table: pa.Table) -> None:
        self._runs += 1
        began = time.perf_counter()
        self.stores.begin(plan(self._runs, table).run, start_over=False)
        for number, first in enumerate(range(0, table.num_rows, CHUNK_ROWS)):
            part = table.slice(first, CHUNK_ROWS)
            apply_chunk(self.stores, plan(self._runs, table), number, part, now=datetime.now(UTC))
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.report.add_row(title, f"{seconds:.2f}", f"{table.num_rows / seconds:,.0f}", f"{peak:,}")

    def look_ups(self) -> list[float]:
        """Milliseconds from an identity to the whole profile, each for another person."""
        reader, rules, times = DuckDbReader(self.stores), IdentityRules(), []
        people = random.Random(7).sample(range(MILLIONS * MILLION), LOOK_UPS)
        for person in people:
            began = time.perf_counter()
            value = f"customer-{person}"
            [mpid] = reader.find(1, Environment.PRODUCTION, IdentityType.CUSTOMER_ID, value, rules)
            reader.profile(1, mpid)
            times.append((time.perf_counter() - began) * 1000)
        return times


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        growth = Growth(Path(folder))
        for number in range(MILLIONS):
            growth.load(f"a million new people, {number} million stored", rows(number * MILLION, MILLION, revision=0))
        growth.load("50,000 people changed", rows(0, 50_000, revision=1))
        growth.load("a million rows that say nothing new", rows(MILLION, MILLION, revision=0))
        growth.load("10,000 new people", rows(MILLIONS * MILLION, 10_000, revision=0))
        times = growth.look_ups()
        growth.stores.close()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) >> 20
    console = Console(width=110)
    console.print(growth.report)
    p99 = statistics.quantiles(times, n=100)[98]
    console.print(
        f"identity to profile: median {statistics.median(times):.1f} ms, p99 {p99:.1f} ms; store {size:,} MiB"
    )


if __name__ == "__main__":
    main()
