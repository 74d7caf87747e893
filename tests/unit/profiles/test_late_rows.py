"""Rows that come late are found by the next run, counted once and applied (figure R23): the apply, on a real store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType, column_bounds, timestamp_class
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.sync.apply import apply_chunk
from warehouse_sync.sync.late_rows import LateRowPlan
from warehouse_sync.sync.load_timestamps import shown_bound

PIPELINE = 3
LENGTH = 10
"""Of an interval, in seconds."""


@dataclass
class Reader:
    """Runs that read one interval after the other, and the one before it once more, from rows that a test adds."""

    home: Home
    chunk_rows: int = 1000
    rows: list[dict[str, Any]] = field(default_factory=list)
    runs: int = 0

    def add(self, *rows: tuple[str | None, int], **values: Any) -> None:
        """Rows by customer and second."""
        self.rows += [{"customer_id": name, "t": second, **values} for name, second in rows]

    def run(self, *, start_over: bool = False, chunks: int | None = None) -> RunCounts:
        """Reads the next interval; ``start_over`` reads the same once more, ``chunks`` stops after so many."""
        self.runs += 0 if start_over else 1
        number, previous = self.runs, self.runs - 1 or None
        memory = RowMemory(PIPELINE, previous)
        begin = (number - 1) * LENGTH
        seen_from = begin if previous is None else begin - LENGTH
        rows = [row for row in self.rows if seen_from <= row["t"] < begin + LENGTH]
        arrived = table(sorted(rows, key=lambda row: int(row["t"])), customer_id=pa.string())
        run = self.home.key(number, epoch=2 if start_over else 1)
        progress = self.home.stores.begin(run, start_over=True, memory=memory)
        assert progress.counts == RunCounts()
        late = LateRowPlan(memory, moment(begin), moment(seen_from))
        total = RunCounts()
        for place, first in enumerate(range(0, arrived.num_rows, self.chunk_rows)):
            if place == chunks:
                break
            plan = replace(self.home.plan(run, arrived), late=late)
            part = arrived.slice(first, self.chunk_rows)
            total += apply_chunk(self.home.stores, plan, place, part, now=START + timedelta(minutes=number))
        return total


def moment(second: int) -> Any:
    return (START + timedelta(seconds=second)).replace(tzinfo=None)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(Home(tmp_path))


def counted(counts: RunCounts) -> tuple[int, int]:
    return counts.extracted, counts.late


def test_a_late_row_is_applied_by_the_next_run_and_by_no_other(reader: Reader) -> None:
    reader.add(("a", 0), ("b", 9), ("c", 10))
    assert counted(reader.run()) == (2, 0)
    reader.add(("late", 5))
    assert counted(reader.run()) == (2, 1)
    assert counted(reader.run()) == (0, 0)
    assert reader.home.count() == 4


def test_rows_that_move_on_do_not_hide_rows_that_come_late(reader: Reader) -> None:
    """As many leave the interval as come into it: a count sees nothing."""
    reader.add(*((f"c{number}", number) for number in range(5)))
    reader.run()
    for row in reader.rows:
        row["t"] += LENGTH
    reader.add(*((f"late{number}", number) for number in range(5)))
    assert counted(reader.run()) == (10, 5)


def test_a_late_row_never_replaces_a_newer_one(reader: Reader) -> None:
    reader.add(("a", 8), color="blue")
    reader.run()
    reader.add(("a", 3), color="red")
    counts = reader.run()
    assert (counts.late, counts.superseded) == (1, 1)
    assert reader.home.values(1)["color"] == "blue"


def test_a_row_is_found_late_in_an_interval_that_was_empty(reader: Reader) -> None:
    assert counted(reader.run()) == (0, 0)
    reader.add(("late", 5))
    assert counted(reader.run()) == (1, 1)


def test_rejected_rows_are_remembered_too(reader: Reader) -> None:
    reader.add((None, 1))
    assert reader.run().rejected == 1
    assert reader.run() == RunCounts()


def test_an_attempt_that_starts_over_counts_late_rows_once(reader: Reader) -> None:
    reader.chunk_rows = 4
    reader.add(*((f"c{number}", number) for number in range(10)))
    reader.run()
    reader.add(*((f"late{number}", number) for number in range(10)), ("own", 12))
    reader.run(chunks=2)
    assert counted(reader.run(start_over=True)) == (11, 10)
    reader.add(("late again", 13))
    assert counted(reader.run()) == (1, 1)
    assert reader.home.count() == 22


def test_only_what_the_next_run_needs_is_remembered(reader: Reader) -> None:
    for number in range(4):
        reader.add((f"c{number}", number * LENGTH))
        reader.run()
    stores = reader.home.stores
    with stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        assert opened is not None
        assert opened[0].execute("SELECT DISTINCT run FROM row_digests ORDER BY run").fetchall() == [(3,), (4,)]
    assert stores.remembers_rows(WORKSPACE, DEVELOPMENT, 4)
    assert not stores.remembers_rows(WORKSPACE, DEVELOPMENT, 5)
    stores.begin(reader.home.key(5), start_over=True)
    assert not stores.remembers_rows(WORKSPACE, DEVELOPMENT, 5)


def test_what_is_as_old_as_history_is_forgotten_and_compared_with_no_more(reader: Reader) -> None:
    for number in range(2):
        reader.add((f"c{number}", number * LENGTH))
        reader.run()
    stores = reader.home.stores
    stores.forget_history(START + timedelta(minutes=2))
    assert [stores.remembers_rows(WORKSPACE, DEVELOPMENT, run) for run in (1, 2)] == [False, True]
    with stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        assert opened is not None
        assert opened[0].execute("SELECT DISTINCT run FROM row_digests").fetchall() == [(2,)]


def test_after_a_new_engine_version_nothing_is_remembered(reader: Reader, tmp_path: Path) -> None:
    """Its hash may be another, and then every row would look late."""
    reader.add(("a", 0))
    reader.run()
    reader.home.stores.close()
    with duckdb.connect(str(next(tmp_path.glob("*.duckdb")))) as connection:
        connection.execute("UPDATE store_version SET engine = 'older'")
    stores = DuckDbStores(tmp_path, b"k" * 32)
    assert not stores.remembers_rows(WORKSPACE, DEVELOPMENT, 1)
    stores.close()


@pytest.mark.parametrize("declared", LoadTimestampType)
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_an_interval_begins_for_the_store_where_it_begins_for_the_warehouse(
    declared: LoadTimestampType, zone: str | None
) -> None:
    kind = timestamp_class(declared, plain_timestamp_is_instant=False)
    start = START.replace(hour=7, minute=30)
    lower = column_bounds(Interval(start, start), kind, LoadTimestamp("t", declared, zone).tzinfo).upper
    shown = shown_bound(lower, kind).isoformat()
    local = "2023-02-13T02:30:00" if zone else "2023-02-13T07:30:00"
    expected = {"zoneless": local, "date": "2023-02-13T00:00:00"}
    assert shown == expected.get(kind, "2023-02-13T07:30:00")


_arrivals = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 3 * LENGTH - 1), st.integers(0, 4)), max_size=30
)


@settings(max_examples=6, deadline=None)
@given(_arrivals, st.integers(1, 7))
def test_all_that_came_one_interval_late_at_most_is_applied_once(
    arrivals: list[tuple[str, int, int]], chunk_rows: int
) -> None:
    """Rows (customer, second, before which run they are there), against a recount that knows nothing of digests."""
    with TemporaryDirectory() as folder:
        reader = Reader(Home(Path(folder)), chunk_rows)
        told, known = [], set[tuple[str, int]]()
        expected = []
        for run in range(1, 5):
            reader.add(*((name, second) for name, second, before in arrivals if before == run - 1))
            there = [(row["customer_id"], row["t"]) for row in reader.rows]
            own = [row for row in there if row[1] // LENGTH == run - 1]
            late = [row for row in there if row[1] // LENGTH == run - 2 and row not in known]
            expected.append((len(own) + len(late), len(late)))
            known = set(own)
            told.append(counted(reader.run()))
        assert told == expected
        reader.home.stores.close()
