"""``make bench-forty-million``: 40 million rows x 20 attributes through the real service, and what memory they need (figure R17).

A DuckDB warehouse makes the rows as they are read, in no order. The service fetches them in its child process, puts the spool in order, and
applies it chunk by chunk to an empty store. Memory is that of processes, from ``/proc/PID/smaps_rollup``. ``BENCH_MILLIONS`` changes the
size. Takes long, and 30 GB of disk below ``BENCH_DIR``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.serving import Sample, Shop, watch
from benchmarks.workload import ATTRIBUTES, MILLION, select, shuffled

MILLIONS = int(os.environ.get("BENCH_MILLIONS", "40"))
_STEP: Final = max(1, MILLIONS // 8) * MILLION
"""Rows of a line of the table."""


def main() -> None:
    console = Console(width=130)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        shop = Shop.open(Path(folder), select(shuffled(MILLIONS * MILLION), 0))
        with shop.serving() as service:
            watched = watch(service, every=0.5)
            mapped = watched.run["records_mapped"]
            assert mapped == MILLIONS * MILLION, watched.run
        size = sum(path.stat().st_size for path in Path(folder).rglob("profiles/*") if path.is_file()) >> 20
    fetched = min(sample.seconds for sample in watched.samples if sample.applied)
    console.print(_table(watched.samples))
    console.print(
        f"{mapped:,} rows in {watched.seconds:,.0f} s, {mapped / watched.seconds:,.0f} a second; the first {fetched:,.0f} s of them "
        f"to read the warehouse and put the spool in order; the store takes {size:,} MiB"
    )
    later = [sample for sample in watched.samples if sample.applied >= MILLIONS * MILLION // 4]
    console.print(
        "memory of the service without mapped files, from a quarter of the rows to the end, by the line of least squares"
    )
    console.print(f"  through the most of each line of the table: {_slope(_most_of_each(later, _STEP))}")
    console.print(f"  through the most while each million was applied: {_slope(_most_of_each(later, MILLION))}")
    console.print(f"  through every sample, two a second: {_slope(later)}")


def _table(samples: list[Sample]) -> Table:
    table = Table(
        title=f"{MILLIONS} million rows x {ATTRIBUTES} attributes: the most memory in MiB while so many rows were applied"
    )
    for column in ("rows applied", "service", "of it no mapped files", "process that fetches"):
        table.add_column(column, justify="right")
    fetching = [sample for sample in samples if not sample.applied]
    table.add_row("0, it fetches", *_most(fetching))
    for first in range(0, MILLIONS * MILLION, _STEP):
        during = [sample for sample in samples if first < sample.applied <= first + _STEP]
        if during:
            table.add_row(f"{first:,} to {first + _STEP:,}", *_most(during))
    return table


def _most(samples: list[Sample]) -> list[str]:
    names = ("service", "service_private", "fetching")
    return [f"{max(getattr(sample, name) for sample in samples):,}" for name in names]


def _most_of_each(samples: list[Sample], step: int) -> list[Sample]:
    most: dict[int, Sample] = {}
    for sample in samples:
        place = (sample.applied - 1) // step
        most[place] = max(most.get(place, sample), sample, key=lambda each: each.service_private)
    return list(most.values())


def _slope(samples: list[Sample]) -> str:
    rows = np.array([sample.applied for sample in samples], float)
    memory = np.array([sample.service_private for sample in samples], float)
    slope, start = np.polyfit(rows, memory, 1)
    first, last = start + slope * rows[0], start + slope * rows[-1]
    return (
        f"{first:,.0f} MiB to {last:,.0f} MiB, {100 * (last - first) / first:+.1f} %; at most {memory.max():,.0f} MiB"
    )


if __name__ == "__main__":
    main()
