"""``make bench-growth``: what ten million stored profiles change: loads as the store grows, small changes, look-ups, memory.

``BENCH_MILLIONS`` changes the size. Takes minutes and 5 GB of disk.
"""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.lookup import look_ups
from benchmarks.measuring import MEMORY_MB, Store, Taken, middle, percentiles, taken
from benchmarks.workload import ATTRIBUTES, MILLION, rows, spread

MILLIONS = int(os.environ.get("BENCH_MILLIONS", "10"))
REPEATS = 3
CHANGED = "50,000 people changed"
UNCHANGED = "a million rows that say nothing new"
NEW = "10,000 new people"


class Growth:
    """One store, and a table of what its runs took."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.took: dict[tuple[str, int], Taken] = {}
        self.report = Table(
            title=f"Up to {MILLIONS:,} million profiles x {ATTRIBUTES} attributes, {MEMORY_MB} MB for the engine"
        )
        for column in (
            "load, median of 3 if small",
            "millions stored",
            "seconds",
            "processor seconds",
            "rows/s",
            "peak memory, MiB",
        ):
            self.report.add_column(column, justify="left" if column.startswith("load") else "right")
        self._made = 0

    def grow(self) -> None:
        """A million new people."""
        table = rows(self._made, MILLION, revision=0)
        self._note("a million new people", MILLION, [taken(lambda: self.store.apply(table))])
        self._made += MILLION
        self.tidy()

    def tidy(self) -> None:
        self._note("tidying", 0, [taken(self.store.tidy)])

    def small_loads(self) -> None:
        """Loads whose cost should not grow with what is stored. Their people are spread over all that are."""
        people = self._made
        changes = [spread(50_000, people, revision=self.store.runs + 1 + n) for n in range(REPEATS)]
        self._measure(CHANGED, changes)
        self._measure(UNCHANGED, [rows(people - MILLION, MILLION, revision=0)] * REPEATS)
        new = [
            rows(1000 * MILLION + self.store.runs * MILLION + n * 10_000, 10_000, revision=0) for n in range(REPEATS)
        ]
        self._measure(NEW, new)
        self.tidy()

    def _measure(self, title: str, tables: list[pa.Table]) -> None:
        times = [taken(lambda table=table: self.store.apply(table)) for table in tables]
        self._note(title, tables[0].num_rows, times)

    def _note(self, title: str, count: int, times: list[Taken]) -> None:
        stored, took = self._made // MILLION, middle(times)
        self.took[title, stored] = took
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        speed = f"{count / took.wall:,.0f}" if count else ""
        self.report.add_row(title, str(stored), f"{took.wall:.2f}", f"{took.processor:.2f}", speed, f"{peak:,}")

    def ratio(self, title: str) -> str:
        """Of the largest store to the smallest."""
        small, large = self.took[title, 1], self.took[title, MILLIONS]
        return f"{title}: {large.wall / small.wall:.2f} times, in processor time {large.processor / small.processor:.2f} times"


def main() -> None:
    console = Console(width=130)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        growth = Growth(Path(folder))
        growth.grow()
        growth.small_loads()
        for _ in range(1, MILLIONS):
            growth.grow()
        growth.small_loads()
        times = look_ups(growth.store.stores, MILLIONS * MILLION)
        size = growth.store.size_mb()
        growth.store.close()
    console.print(growth.report)
    console.print(f"With {MILLIONS} million stored instead of one:")
    for title in (CHANGED, UNCHANGED, NEW):
        console.print(f"  {growth.ratio(title)}")
    console.print(f"identity to profile, nothing else running: {percentiles(times)}; store {size:,} MiB")


if __name__ == "__main__":
    main()
