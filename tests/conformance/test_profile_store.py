"""What the writing side of every profile store promises: fence, checkpoint, all or nothing.

The double of the simulation is held to it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.simulation.memory_stores import MemoryStores, apply_in_memory
from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import LeaseLostError
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.sync.apply import apply_chunk
from warehouse_sync.sync.late_rows import LateRowPlan

FIRST = [{"email": "a", "x": "1"}, {"email": None, "x": "nobody"}]
SECOND = [{"email": "a", "x": "2"}, {"email": "b", "x": "2"}, {"email": None, "x": "nobody"}]


@dataclass
class Subject:
    """A store, how chunks are applied to it, and how many people it knows."""

    stores: Any
    how: Callable[..., RunCounts]
    home: Home

    def key(self, run: int = 1, epoch: int = 1, environment: Environment = DEVELOPMENT) -> RunKey:
        return self.home.key(run, epoch, environment)

    def begin(self, key: RunKey, *, start_over: bool = False) -> tuple[int, int]:
        """How many chunks are committed, and how many rows they held."""
        progress = self.stores.begin(key, start_over=start_over)
        return progress.chunks, progress.counts.extracted

    def apply(self, key: RunKey, number: int, rows: list[dict[str, Any]]) -> RunCounts:
        given: pa.Table = table(rows)
        return self.how(self.stores, self.home.plan(key, given), number, given, now=START)

    def remember(self, key: RunKey, previous: int | None, rows: list[dict[str, Any]]) -> None:
        """The whole of a run that applies rows, if there are any, and remembers them for the next run of its pipeline."""
        memory = RowMemory(3, previous)
        self.stores.begin(key, start_over=True, memory=memory)
        if rows:
            given: pa.Table = table(rows)
            plan = replace(self.home.plan(key, given), late=LateRowPlan(memory, None, None))
            self.how(self.stores, plan, 0, given, now=START)

    def people(self) -> int:
        if isinstance(self.stores, MemoryStores):
            return len(self.stores.people(5328, DEVELOPMENT).people)
        return self.home.count()


@pytest.fixture(params=["duckdb", "memory"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    home = Home(tmp_path / "profiles")
    if request.param == "memory":
        yield Subject(MemoryStores(), apply_in_memory, home)
    else:
        yield Subject(home.stores, apply_chunk, home)
    home.stores.close()


def test_progress_moves_on_chunk_by_chunk_and_counts(subject: Subject) -> None:
    assert subject.begin(subject.key()) == (0, 0)
    first = subject.apply(subject.key(), 0, FIRST)
    assert (first.extracted, first.rejected, first.mapped, first.profiles_created, first.profiles_matched) == (
        *(2, 1, 1),
        *(1, 0),
    )
    assert subject.begin(subject.key()) == (1, 2)
    second = subject.apply(subject.key(), 1, SECOND)
    assert (second.extracted, second.rejected, second.mapped, second.profiles_created, second.profiles_matched) == (
        *(3, 1, 2),
        *(1, 1),
    )
    assert subject.begin(subject.key()) == (2, 5)
    assert subject.people() == 2


def test_an_older_epoch_neither_begins_nor_commits(subject: Subject) -> None:
    subject.begin(subject.key(epoch=1))
    subject.apply(subject.key(epoch=1), 0, FIRST)
    assert subject.begin(subject.key(epoch=3)) == (1, 2)
    with pytest.raises(LeaseLostError):
        subject.apply(subject.key(epoch=1), 1, SECOND)
    for start_over in (False, True):
        with pytest.raises(LeaseLostError):
            subject.begin(subject.key(epoch=2), start_over=start_over)
    assert subject.begin(subject.key(epoch=3)) == (1, 2)
    assert subject.people() == 1


def test_an_epoch_that_has_not_begun_does_not_commit(subject: Subject) -> None:
    subject.begin(subject.key(epoch=1))
    with pytest.raises(LeaseLostError):
        subject.apply(subject.key(epoch=2), 0, FIRST)
    assert subject.people() == 0


@pytest.mark.parametrize("number", [0, 2, -1])
def test_only_the_next_chunk_commits(subject: Subject, number: int) -> None:
    subject.begin(subject.key())
    subject.apply(subject.key(), 0, FIRST)
    with pytest.raises(LeaseLostError):
        subject.apply(subject.key(), number, SECOND)
    assert subject.begin(subject.key()) == (1, 2)
    assert subject.people() == 1


def test_a_run_that_was_not_begun_commits_nothing(subject: Subject) -> None:
    with pytest.raises(LeaseLostError):
        subject.apply(subject.key(99), 0, FIRST)
    assert subject.people() == 0


def test_progress_tells_which_epoch_started_over_last(subject: Subject) -> None:
    def reading(epoch: int, *, start_over: bool) -> int:
        found: int = subject.stores.begin(subject.key(epoch=epoch), start_over=start_over).reading
        return found

    assert reading(1, start_over=False) == 0
    assert reading(2, start_over=True) == 2
    subject.apply(subject.key(epoch=2), 0, FIRST)
    assert reading(4, start_over=False) == 2
    assert reading(5, start_over=True) == 5


def test_starting_over_forgets_progress_and_no_profile(subject: Subject) -> None:
    subject.begin(subject.key())
    subject.apply(subject.key(), 0, FIRST)
    assert subject.begin(subject.key(epoch=2), start_over=True) == (0, 0)
    assert subject.people() == 1
    assert subject.apply(subject.key(epoch=2), 0, FIRST).profiles_created == 0
    assert subject.begin(subject.key(epoch=2)) == (1, 2)


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_transaction_that_fails_leaves_nothing(subject: Subject, failure: type[BaseException]) -> None:
    subject.begin(subject.key())
    with pytest.raises(failure):
        fail_after_the_checkpoint(subject, failure)
    assert subject.begin(subject.key()) == (0, 0)


def fail_after_the_checkpoint(subject: Subject, failure: type[BaseException]) -> None:
    with subject.stores.chunk(subject.key(), 0, now=START) as chunk:
        chunk.checkpoint(RunCounts(extracted=2), types=0)
        raise failure


def test_a_transaction_without_a_checkpoint_leaves_nothing(subject: Subject) -> None:
    subject.begin(subject.key())
    with pytest.raises(RuntimeError, match="checkpoint"), subject.stores.chunk(subject.key(), 0, now=START):
        pass
    assert subject.begin(subject.key()) == (0, 0)


def test_a_run_whose_rows_are_forgotten_does_not_remember_them(subject: Subject) -> None:
    """Of an interval that held nothing there is nothing to forget."""
    intervals = {1: FIRST, 2: [], 3: FIRST, 4: SECOND}
    for run, rows in intervals.items():
        subject.remember(subject.key(run), run - 1 or None, rows)
    remembered = [subject.stores.remembers_rows(WORKSPACE, DEVELOPMENT, run) for run in intervals]
    assert remembered == [False, True, True, True]


def test_a_run_that_follows_one_made_after_it_remembers_its_rows_when_it_goes_on(subject: Subject) -> None:
    subject.remember(subject.key(4), None, FIRST)
    subject.remember(subject.key(3), 4, SECOND)
    subject.stores.begin(subject.key(3, epoch=2), start_over=False, memory=RowMemory(3, 4))
    assert subject.stores.remembers_rows(WORKSPACE, DEVELOPMENT, 3)
    assert subject.stores.remembers_rows(WORKSPACE, DEVELOPMENT, 4)


def test_runs_and_environments_do_not_touch_each_other(subject: Subject) -> None:
    production = subject.key(2, environment=Environment.PRODUCTION)
    subject.begin(subject.key(1))
    subject.begin(production)
    subject.apply(subject.key(1), 0, FIRST)
    assert subject.begin(production) == (0, 0)
    assert subject.apply(production, 0, SECOND).profiles_created == 2
    assert subject.begin(subject.key(1)) == (1, 2)
    assert subject.people() == 1
