"""``python -m benchmarks.export``: profiles out in bulk, beside DuckDB's own ``COPY`` of a plain table of the same values.

``BENCH_ROWS`` and ``BENCH_REPEATS`` change the size. Takes about a minute.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Store, Taken, middle, private_mb, taken
from benchmarks.workload import ATTRIBUTES, rows
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.profiles.export import DuckDbExporter, ExportRequest

ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
REPEATS: Final = int(os.environ.get("BENCH_REPEATS", "3"))
FORMATS: Final = {ExportForm.PARQUET: "FORMAT parquet, COMPRESSION zstd", ExportForm.JSON_LINES: "FORMAT json"}


def main() -> None:
    table = rows(0, ROWS, revision=0)
    report = Table(title=f"{ROWS:,} profiles x {ATTRIBUTES} attributes, median of {REPEATS}")
    for column in ("export", "seconds", "profiles/s", "MiB", "times COPY of a plain table"):
        report.add_column(column, justify="left" if column == "export" else "right")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        store = Store(folder / "profiles")
        store.run(table)
        store.tidy()
        for form, options in FORMATS.items():
            copied = _times(partial(_copy, folder, table, options))
            report.add_row(f"COPY, {form}", *_told(copied, folder / "copied", 1.0))
            for origins in (False, True):
                file = folder / "exported"
                times = _times(partial(_export, store, form, origins, file))
                what = f"{form}, {'with' if origins else 'without'} origins"
                report.add_row(what, *_told(times, file, times.wall / copied.wall))
        store.close()
    console = Console(width=110)
    console.print(report)
    console.print(
        f"memory of the process at the end, inputs included: {private_mb():,} MiB; DuckDB {duckdb.__version__}"
    )


def _times(work: partial[None]) -> Taken:
    return middle([taken(work) for _ in range(REPEATS)])


def _told(times: Taken, file: Path, ratio: float) -> tuple[str, str, str, str]:
    return f"{times.wall:.2f}", f"{ROWS / times.wall:,.0f}", f"{file.stat().st_size >> 20:,}", f"{ratio:.2f}"


def _copy(folder: Path, table: pa.Table, options: str) -> None:
    with duckdb.connect() as connection:
        connection.register("plain", table)
        connection.execute(f"COPY plain TO '{folder / 'copied'}' ({options})")


def _export(store: Store, form: ExportForm, origins: bool, file: Path) -> None:
    wanted = ExportRequest(1, Environment.PRODUCTION, form, origins=origins, data_model_ids={1: "crm"})
    with file.open("wb") as target:
        for piece in DuckDbExporter(store.stores).export(wanted):
            target.write(piece)


if __name__ == "__main__":
    main()
