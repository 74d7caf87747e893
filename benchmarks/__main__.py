"""``make bench``: the apply against the physical limit, DuckDB's own ``CREATE TABLE AS SELECT`` of the same rows made durable.

``BENCH_ROWS`` and ``BENCH_REPEATS`` change the size; the figures of docs/benchmarks.md use the defaults.
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

from benchmarks.measuring import Store, Taken, middle, taken
from benchmarks.workload import ATTRIBUTES, CHUNK_ROWS, rows, spread

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
TIDYING = "tidying after all of them"


def main() -> None:
    first = rows(0, ROWS, revision=0)
    loads: dict[str, pa.Table] = {
        "first load": first,
        "the same rows again": first,
        "every row changed": rows(0, ROWS, revision=1),
        "5 % of the rows changed": spread(ROWS // 20, ROWS, revision=2),
        "1 % new rows": rows(ROWS, ROWS // 100, revision=2),
    }
    times: dict[str, list[Taken]] = {name: [] for name in ("bare", *loads, TIDYING)}
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            times["bare"].append(taken(partial(bare_copy, Path(folder), first)))
            store = Store(Path(folder) / "profiles")
            for name, table in loads.items():
                times[name].append(taken(partial(store.apply, table)))
            times[TIDYING].append(taken(store.tidy))
            store.close()
    _report({name: middle(found) for name, found in times.items()}, loads)


def bare_copy(folder: Path, table: pa.Table) -> None:
    """The physical limit: the same rows, on disk, and nothing else."""
    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        connection.register("incoming", table)
        connection.execute("CREATE TABLE copied AS SELECT * FROM incoming")
        connection.execute("CHECKPOINT")


def _report(times: dict[str, Taken], loads: dict[str, pa.Table]) -> None:
    table = Table(title=f"{ROWS:,} rows x {ATTRIBUTES} attributes, chunks of {CHUNK_ROWS:,}, median of {REPEATS}")
    for column in ("load", "seconds", "rows/s", "times the bare copy of all rows", "the same in processor time"):
        table.add_column(column, justify="left" if column == "load" else "right")
    bare = times["bare"]
    counts = {"bare": ROWS, **{name: rows_.num_rows for name, rows_ in loads.items()}}
    for name, took in times.items():
        table.add_row(
            "bare copy (CTAS + checkpoint)" if name == "bare" else name,
            f"{took.wall:.2f}",
            f"{counts[name] / took.wall:,.0f}" if name in counts else "",
            f"{took.wall / bare.wall:.2f}",
            f"{took.processor / bare.processor:.2f}",
        )
    console = Console(width=130)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"peak memory of the process, inputs included: {peak:,} MiB; DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
