"""``make bench``: whole runs against the physical limit, DuckDB's own ``CREATE TABLE AS SELECT`` of the same rows made durable.

A run goes from the warehouse's Arrow batches over the spool to the durable commit, identity resolution and history included.
``BENCH_ROWS``, ``BENCH_ATTRIBUTES`` and ``BENCH_REPEATS`` change the size.
"""

from __future__ import annotations

import os
import resource
import tempfile
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import MEMORY_MB, Store, Taken, bare_copy, middle, taken
from benchmarks.workload import ATTRIBUTES, changed_of, made, numbered

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
BARE = "bare copy (CTAS + checkpoint)"
TIDYING = "tidying after all of them"


def loads() -> dict[str, pa.Table]:
    """What follows upon each other, by name."""
    everybody = numbered(0, ROWS)
    few_changed = changed_of("i", one_in=20, to=1, of="0")
    some_of_them = f"SELECT i FROM ({everybody}) WHERE hash(i) % 20 = 1 ORDER BY hash(i + 1)"
    return {
        "first load": made(everybody, 0),
        "the same rows again": made(everybody, 0),
        "all rows, 5 % of them changed": made(everybody, few_changed),
        "all rows, 1 % of them new": made(
            numbered(ROWS // 100, ROWS), f"CASE WHEN i < {ROWS} THEN {few_changed} ELSE 0 END"
        ),
        "all rows, every one changed": made(everybody, 2),
        "only the rows that changed, 5 %": made(some_of_them, 3),
        "only new rows, 1 %": made(numbered(2 * ROWS, ROWS // 100), 0),
    }


def main() -> None:
    tables = loads()
    times: dict[str, list[Taken]] = {name: [] for name in (BARE, *tables, TIDYING)}
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            times[BARE].append(taken(partial(bare_copy, Path(folder), tables["first load"])))
            store = Store(Path(folder) / "profiles")
            for name, table in tables.items():
                times[name].append(taken(partial(store.run, table)))
            times[TIDYING].append(taken(store.tidy))
            store.close()
    _report(
        {name: middle(found) for name, found in times.items()}, {name: table.num_rows for name, table in tables.items()}
    )


def _report(times: dict[str, Taken], counts: dict[str, int]) -> None:
    table = Table(
        title=f"{ROWS:,} rows x {ATTRIBUTES} attributes, by way of the spool, {MEMORY_MB} MB for the engine, median of {REPEATS}"
    )
    for column in (
        "load",
        "rows",
        "seconds",
        "rows/s",
        "times the bare copy of all rows",
        "the same in processor time",
    ):
        table.add_column(column, justify="left" if column == "load" else "right")
    bare = times[BARE]
    counts = {BARE: ROWS, **counts}
    for name, took in times.items():
        table.add_row(
            name,
            f"{counts[name]:,}" if name in counts else "",
            f"{took.wall:.2f}",
            f"{counts[name] / took.wall:,.0f}" if name in counts else "",
            f"{took.wall / bare.wall:.2f}",
            f"{took.processor / bare.processor:.2f}",
        )
    console = Console(width=140)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"peak memory of the process, all inputs included: {peak:,} MiB; DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
