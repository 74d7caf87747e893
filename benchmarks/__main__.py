"""``make bench``: the apply against the physical limit, DuckDB's own ``CREATE TABLE AS SELECT`` of the same rows made durable.

``BENCH_ROWS`` and ``BENCH_REPEATS`` change the size; the figures of docs/benchmarks.md use the defaults.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.workload import ATTRIBUTES, plan, rows
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.sync.apply import apply_chunk

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
CHUNK_ROWS = int(os.environ.get("BENCH_CHUNK_ROWS", "250000"))
MEMORY_MB = 1024


def main() -> None:
    first = rows(0, ROWS, revision=0)
    loads: dict[str, pa.Table] = {
        "first load": first,
        "the same rows again": first,
        "every row changed": rows(0, ROWS, revision=1),
        "5 % of the rows changed": rows(0, ROWS // 20, revision=2),
        "1 % new rows": rows(ROWS, ROWS // 100, revision=2),
    }
    times: dict[str, list[float]] = {name: [] for name in ("bare", *loads)}
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            times["bare"].append(_timed(partial(_bare, Path(folder), first)))
            stores = DuckDbStores(Path(folder) / "profiles", b"k" * 32, StoreLimits(memory_mb=MEMORY_MB))
            for run, (name, table) in enumerate(loads.items(), start=1):
                times[name].append(_timed(partial(_apply, stores, run, table)))
            stores.close()
    _report(times, loads)


def _bare(folder: Path, table: pa.Table) -> None:
    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        connection.register("incoming", table)
        connection.execute("CREATE TABLE copied AS SELECT * FROM incoming")
        connection.execute("CHECKPOINT")


def _apply(stores: DuckDbStores, run: int, table: pa.Table) -> None:
    stores.begin(plan(run, table).run, start_over=False)
    for number, start in enumerate(range(0, table.num_rows, CHUNK_ROWS)):
        apply_chunk(stores, plan(run, table), number, table.slice(start, CHUNK_ROWS), now=datetime.now(UTC))


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _report(times: dict[str, list[float]], loads: dict[str, pa.Table]) -> None:
    medians = {name: statistics.median(found) for name, found in times.items()}
    table = Table(title=f"{ROWS:,} rows x {ATTRIBUTES} attributes, chunks of {CHUNK_ROWS:,}, median of {REPEATS}")
    for column in ("load", "seconds", "rows/s", "times the bare copy of all rows"):
        table.add_column(column, justify="left" if column == "load" else "right")
    table.add_row("bare copy (CTAS + checkpoint)", f"{medians['bare']:.2f}", f"{ROWS / medians['bare']:,.0f}", "1.00")
    for name, rows_ in loads.items():
        seconds = medians[name]
        ratio = f"{seconds / medians['bare']:.2f}"
        table.add_row(name, f"{seconds:.2f}", f"{rows_.num_rows / seconds:,.0f}", ratio)
    console = Console(width=110)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"peak memory of the process, inputs included: {peak:,} MiB; DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
