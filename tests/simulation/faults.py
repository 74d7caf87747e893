"""The product's own stores, with boundaries around every transaction, and failures that the seed wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.chances import Luck
from tests.simulation.ledger import Ledger
from tests.simulation.stage import Stage
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.domain.run import RunKey
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles.protocol import RunProgress
from warehouse_sync.profiles.row_memory import RowMemory


class SteppedDatabase(Database):
    """The control database of one process."""

    def __init__(self, real: Database, stage: Stage, luck: Luck) -> None:
        self._real, self._stage, self._luck = real, stage, luck

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._stage.boundary("read")
        if self._luck.store_fails():
            raise StoreError("The control database failed, as the seed wants.")
        with self._real.read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._stage.boundary("write")
        if self._luck.store_fails():
            raise StoreError("The control database failed, as the seed wants.")
        with self._real.write() as tx:
            yield tx
        self._stage.boundary("written")
        if self._luck.commit_is_unknown():
            raise StoreError("The control database failed after its commit, as the seed wants.")


class SteppedStores:
    """The profile stores of one process."""

    def __init__(self, real: Any, stage: Stage, luck: Luck, ledger: Ledger) -> None:
        self._real, self._stage, self._luck, self._ledger = real, stage, luck, ledger

    def begin(self, run: RunKey, *, start_over: bool, memory: RowMemory | None = None) -> RunProgress:
        self._stage.boundary("begin")
        self._may_fail()
        progress: RunProgress = self._real.begin(run, start_over=start_over, memory=memory)
        self._ledger.began(run, start_over=start_over)
        self._stage.boundary("begun")
        self._may_be_unknown()
        return progress

    @contextmanager
    def chunk(self, run: RunKey, number: int, *, now: datetime) -> Iterator[Any]:
        self._stage.boundary("chunk")
        self._may_fail()
        with self._real.chunk(run, number, now=now) as chunk:
            yield chunk
            self._may_fail()
        self._ledger.committed(run, number)
        self._stage.boundary("chunk committed")
        self._may_be_unknown()

    def __getattr__(self, name: str) -> Any:
        """What changes nothing that can be read is left as it is."""
        return getattr(self._real, name)

    def _may_fail(self) -> None:
        if self._luck.store_fails():
            raise StoreError("The profile store failed, as the seed wants.", code="store_write_failed")

    def _may_be_unknown(self) -> None:
        if self._luck.commit_is_unknown():
            raise StoreError("The profile store failed after its commit, as the seed wants.", code="store_write_failed")


class AtOnce(Executor):
    """What a process leaves to a thread, done in its own turn: when a thread gets its turns, no seed decides."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asks for the result
            done.set_exception(error)
        return done


class ProcessClock:
    """The clock of one process: its wall clock can be wrong or stand still, its monotonic clock cannot."""

    def __init__(self, start: datetime) -> None:
        self._true = start
        self._passed = timedelta(0)
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None

    def now(self) -> datetime:
        return self._frozen_at or (self._true + self._offset).astimezone(UTC)

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    def advance(self, step: timedelta) -> None:
        self._true += step
        self._passed += step

    def misread(self, offset: timedelta) -> None:
        """From now on the wall clock is wrong by an offset; right again with none."""
        self._offset, self._frozen_at = offset, None

    def freeze(self) -> None:
        self._frozen_at = self.now()
