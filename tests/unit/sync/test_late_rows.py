"""Rows that come late are found by the next run, counted and applied once (figure R23); on a real warehouse and a real profile store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.unit.sync.test_execution import MODEL, RUN, Died, Plant, Watcher
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import Run, RunCounts, UnreadRows
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.sql import wrap
from warehouse_sync.sql.guard import check_query
from warehouse_sync.sync.execution import RunOrder
from warehouse_sync.sync.late_rows import LateRowRepair

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


class Hours:
    """A pipeline whose runs read one hour each, of a table that the test writes."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(folder)
        self._file = folder / "root" / "shop.duckdb"
        self.model = replace(
            MODEL,
            sql_query="SELECT id AS customer_id, color, ts FROM rows_of_hours",
        )
        self.write("CREATE TABLE rows_of_hours (id VARCHAR, color VARCHAR, ts TIMESTAMP)")
        self.previous: tuple[Run, RunCounts] | None = None

    def write(self, statement: str) -> None:
        with duckdb.connect(str(self._file)) as shop:
            shop.execute(statement)

    def add(self, *rows: tuple[str, int], color: str = "red") -> None:
        """Rows by customer and minute."""
        values = ", ".join(
            f"('{name}', '{color}', TIMESTAMP '2026-01-01' + INTERVAL ({minute}) MINUTE)" for name, minute in rows
        )
        self.write(f"INSERT INTO rows_of_hours VALUES {values}")

    def order(self, number: int, hour: int, *, length: timedelta = HOUR) -> RunOrder:
        interval = Interval(START + hour * HOUR, START + hour * HOUR + length)
        run = replace(RUN, id=number, data_interval=interval, logical_date=interval.start)
        repair = LateRowRepair(RowMemory(7, None))
        if self.previous is not None:
            before, counts = self.previous
            probe = wrap.probe(check_query(self.model.sql_query, "duckdb"))
            repair = LateRowRepair(RowMemory(7, before.id), before.data_interval, counts.extracted, probe)
        return replace(self.plant.order, run=run, data_model=self.model, repair=repair)

    def run(self, order: RunOrder, watcher: Watcher | None = None) -> RunCounts:
        counts = self.plant.execute(order, watcher or Watcher())
        self.previous = (order.run, counts)
        return counts

    def color(self, customer: str) -> object:
        return {name: value for name, (value, _) in self.plant.attributes_of(customer).items()}["color"]


@pytest.fixture
def hours(tmp_path: Path) -> Iterator[Hours]:
    made = Hours(tmp_path)
    yield made
    made.plant.stores.close()


def counted(counts: RunCounts) -> tuple[int, int, int]:
    return counts.extracted, counts.changed, counts.late


def test_a_late_row_is_counted_and_applied_by_the_next_run_and_by_no_other(hours: Hours) -> None:
    hours.add(("a", 0), ("b", 59), ("c", 60))
    assert counted(hours.run(replace(hours.order(1, 0), max_rows=2))) == (2, 2, 0)
    hours.add(("late", 30))
    # What is only compared with counts for no limit.
    assert counted(hours.run(replace(hours.order(2, 1), max_rows=2))) == (2, 2, 1)
    assert hours.color("late") == "red"
    hours.add(("late too", 70))
    assert counted(hours.run(hours.order(3, 2))) == (1, 1, 1)


def test_an_attempt_that_dies_in_the_middle_counts_late_rows_once(hours: Hours) -> None:
    hours.add(*((f"c{number}", number) for number in range(12)))
    hours.run(hours.order(1, 0))
    hours.add(*((f"late{number}", number) for number in range(12)))
    order = hours.order(2, 1)
    with pytest.raises(Died):
        hours.plant.execute(order, Watcher(die_after=4))
    watcher = Watcher()
    assert counted(hours.run(order, watcher)) == (12, 12, 12)
    assert watcher.fetches == 0


def test_rows_of_another_query_are_not_taken_for_late(hours: Hours) -> None:
    hours.add(("a", 0), ("b", 59))
    hours.run(hours.order(1, 0))
    order = hours.order(2, 1)
    hours.model = replace(hours.model, sql_query="SELECT id AS email, color, ts FROM rows_of_hours")
    assert hours.run(replace(order, data_model=hours.model)) == RunCounts()
    hours.add(("late@example.com", 70))
    assert counted(hours.run(hours.order(3, 2))) == (1, 1, 1)  # from there on it looks again


def test_a_failed_run_that_later_ones_have_passed_takes_no_row_for_late(hours: Hours) -> None:
    """What it would compare with is forgotten by then: it only remembers its own rows, for whoever comes after it."""
    hours.add(("a", 0), ("b", 59), ("own", 70), ("c", 120), ("d", 180), ("e", 240))
    hours.run(hours.order(1, 0))
    failed = hours.order(2, 1)
    hours.previous = None  # a pipeline that goes on behind a failed interval finds nobody who read the one before
    for number in (3, 4, 5):
        assert hours.run(hours.order(number, number - 1)).late == 0
    assert counted(hours.run(failed)) == (1, 1, 0)
    hours.add(("late", 71))
    assert counted(hours.run(hours.order(6, 2))) == (2, 1, 1)


def test_a_run_takes_no_row_for_late_when_what_it_compares_with_is_forgotten_meanwhile(hours: Hours) -> None:
    """By age, between two of its chunks. It starts over, and only remembers."""

    class Forgetting(Watcher):
        def chunk_applied(self, counts: RunCounts, total_rows: int) -> None:
            super().chunk_applied(counts, total_rows)
            if self.fetches == 1:
                hours.plant.stores.forget_history(START + HOUR)

    hours.add(*((f"c{number}", number) for number in range(12)), ("own", 70))
    hours.run(hours.order(1, 0))
    watcher = Forgetting()
    assert counted(hours.run(hours.order(2, 1), watcher)) == (1, 1, 0)
    assert watcher.fetches == 2
    hours.add(("late", 71))
    assert counted(hours.run(hours.order(3, 2))) == (1, 1, 1)


def test_a_failed_run_compares_while_what_it_needs_is_remembered(hours: Hours) -> None:
    hours.add(("a", 0), ("own", 70), ("c", 120))
    hours.run(hours.order(1, 0))
    failed = hours.order(2, 1)
    hours.previous = None
    hours.run(hours.order(3, 2))
    hours.add(("late", 30))
    assert counted(hours.run(failed)) == (2, 2, 1)


def test_looking_back_reads_and_merges_rows_once_more(hours: Hours) -> None:
    hours.add(("a", 0), ("b", 50))
    hours.run(replace(hours.order(1, 0), repair=None))
    hours.add(("late", 45), ("c", 70))
    order = replace(hours.order(2, 1), repair=None, lookback=timedelta(minutes=20))
    counts = hours.run(order)
    assert (counts.extracted, counts.changed, counts.unchanged, counts.late) == (3, 2, 1, 0)
    with pytest.raises(InvalidRequest) as refused:
        hours.run(replace(order, run=replace(order.run, id=9), max_rows=2))
    assert refused.value.code == "too_many_records"  # what is looked back at counts


def test_rows_that_no_interval_holds_are_counted(hours: Hours) -> None:
    class Unread(Watcher):
        found: UnreadRows | None = None

        def unread_counted(self, unread: UnreadRows) -> None:
            self.found = unread

    hours.add(("a", 0), ("b", -1), ("future", 999_999), ("edge", 0))
    hours.write("INSERT INTO rows_of_hours VALUES ('never', 'red', NULL), ('never again', 'red', NULL)")
    watcher = Unread()
    counts = hours.run(replace(hours.order(1, -1), counts_unread=True), watcher)
    assert counts.extracted == 1
    assert watcher.found == UnreadRows(without_load_timestamp=2, in_future=3)  # the clock stands at minute 0
