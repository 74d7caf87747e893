"""``make bench-growth``: what ten million stored profiles change: whole runs as the store grows, look-ups, memory.

``BENCH_MILLIONS`` changes the size. Takes about three minutes and 5 GB of disk.
"""

from __future__ import annotations

import os
import resource
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.lookup import look_ups
from benchmarks.measuring import MEMORY_MB, Store, Taken, bare_copy, middle, percentiles, taken
from benchmarks.workload import ATTRIBUTES, MILLION, changed_of, drawn, made, numbered

MILLIONS = int(os.environ.get("BENCH_MILLIONS", "10"))
REPEATS: Final = 3
FEW: Final = 50_000
BARE: Final = "bare copy of a million rows"
FIRST: Final = "a million new people"
UNCHANGED: Final = "a million rows that say nothing new"
SOME_CHANGED: Final = "a million rows, 5 % of them changed"
SOME_NEW: Final = "a million rows, 1 % of them new people"
ONLY_CHANGED: Final = "50,000 rows, all of them changed"
ONLY_NEW: Final = "10,000 new people"


class Growth:
    """One store, and a table of what its runs took. Those that find people stored draw them from all that are."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "profiles")
        self.took: dict[tuple[str, int], Taken] = {}
        self.people = 0
        self.report = Table(
            title=f"Up to {MILLIONS:,} million profiles x {ATTRIBUTES} attributes, by way of the spool, {MEMORY_MB} MB for the engine"
        )
        for column in (
            "load",
            "millions stored",
            "runs",
            "seconds",
            "rows/s",
            "times the bare copy",
            "peak memory, MiB",
        ):
            self.report.add_column(column, justify="left" if column == "load" else "right")
        self._folder = folder
        self._strangers = 1000 * MILLION
        self._revision = 0
        self._stored = "0"  # SQL of the revision that the customer ``i`` is stored at

    def compare_with_bare_copy(self) -> None:
        table = made(numbered(0, MILLION), 0)
        self._note(BARE, MILLION, [taken(partial(bare_copy, self._folder, table)) for _ in range(REPEATS)])

    def grow(self, times: int = 1) -> None:
        """So many runs of a million new people each."""
        tables = [made(numbered(self.people + n * MILLION, MILLION), 0) for n in range(times)]
        self._measure(FIRST, tables)
        self.people += times * MILLION
        self.tidy()

    def tidy(self) -> None:
        self._note("tidying", 0, [taken(self.store.tidy)])

    def runs_on_stored(self) -> None:
        """Runs whose cost should not grow with what is stored."""
        somebody = drawn(MILLION, self.people, self.people)
        self._measure(UNCHANGED, [made(somebody, self._stored)] * REPEATS)
        first = self._revision + 1
        self._revision += REPEATS
        changes = [changed_of("i", one_in=20, to=first + n, of=self._stored) for n in range(REPEATS)]
        self._measure(SOME_CHANGED, [made(somebody, change) for change in changes])
        self._stored = f"CASE WHEN i IN ({somebody}) THEN {changes[-1]} ELSE {self._stored} END"
        self._measure(SOME_NEW, [self._with_strangers(somebody, changes[-1]) for _ in range(REPEATS)])
        self._measure(ONLY_NEW, [made(numbered(self._new_number(10_000), 10_000), 0) for _ in range(REPEATS)])
        self.tidy()

    def small_changes(self) -> None:
        """Runs of nothing but changes; what they change is not compared with again."""
        tables = [made(drawn(FEW, self.people, n), 1000 + self.store.runs + n) for n in range(REPEATS)]
        self._measure(ONLY_CHANGED, tables)
        self.tidy()

    def ratio(self, title: str) -> str:
        """Of the largest store to the smallest."""
        sizes = sorted(millions for name, millions in self.took if name == title)
        small, large = self.took[title, sizes[0]], self.took[title, sizes[-1]]
        return f"{title}: {large.wall / small.wall:.2f} times, in processor time {large.processor / small.processor:.2f} times"

    def _with_strangers(self, people: str, revision: str) -> pa.Table:
        """A million rows: of one in a hundred people somebody's whom nobody has seen yet."""
        first = self._new_number(MILLION)
        shown = f"SELECT CASE WHEN hash(i + 1) % 100 = 0 THEN {first} + row_number() OVER () ELSE i END AS i FROM ({people})"
        return made(shown, f"CASE WHEN i >= {1000 * MILLION} THEN 0 ELSE {revision} END")

    def _new_number(self, count: int) -> int:
        self._strangers += count
        return self._strangers - count

    def _measure(self, title: str, tables: list[pa.Table]) -> None:
        self._note(title, tables[0].num_rows, [taken(partial(self.store.run, table)) for table in tables])

    def _note(self, title: str, count: int, times: list[Taken]) -> None:
        stored, took = self.people // MILLION, middle(times)
        self.took[title, stored] = took
        bare = self.took[BARE, 0].wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        speed = f"{count / took.wall:,.0f}" if count else ""
        self.report.add_row(
            title, str(stored), str(len(times)), f"{took.wall:.2f}", speed, f"{took.wall / bare:.2f}", f"{peak:,}"
        )


def main() -> None:
    console = Console(width=140)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        growth = Growth(Path(folder))
        growth.compare_with_bare_copy()
        growth.grow()
        growth.runs_on_stored()
        for _ in range(1, MILLIONS):
            growth.grow()
        look_ups(growth.store.stores, growth.people, seed=1)  # the first ones find nothing in memory
        times = look_ups(growth.store.stores, growth.people, seed=2)
        size = growth.store.size_mb()
        growth.runs_on_stored()
        growth.small_changes()
        growth.grow(REPEATS)
        growth.store.close()
    console.print(growth.report)
    console.print("In the largest store instead of the smallest:")
    for title in (FIRST, UNCHANGED, SOME_CHANGED, SOME_NEW, ONLY_NEW):
        console.print(f"  {growth.ratio(title)}")
    console.print(
        f"identity to profile, nothing else running: {percentiles(times)}; store {size:,} MiB at {MILLIONS} million"
    )


if __name__ == "__main__":
    main()
