"""The parent's side of a conversation with a warehouse. No driver is ever imported here: each conversation has a child of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import pyarrow as pa

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.pipeline import NO_BUDGET, WarehouseBudget
from warehouse_sync.domain.run import CANCELLED, WORKER_DIED
from warehouse_sync.errors import RunError, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.sync.spool import SpoolRequest
from warehouse_sync.sync.spool_manifest import Manifest
from warehouse_sync.sync.worker_messages import (
    Message,
    address_message,
    error_of,
    schema_of,
    spool_message,
    table_of,
)
from warehouse_sync.sync.worker_process import ChildGone, ChildProcess
from warehouse_sync.warehouses.faults import own_words, secrets_of
from warehouse_sync.warehouses.policy import WarehousePolicy

_LISTEN_SECONDS: Final = 0.1  # how soon a cancellation is seen
_LATE_SECONDS: Final = 30
_STEP_OF_VERB: Final = {
    "open": WarehouseStep.CONFIGURE,
    "check": WarehouseStep.LOGIN,
    "fetch": WarehouseStep.FETCH,
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each command may take, in seconds, before its child is ended.

    The warehouse's own statement timeout should strike first; these are for what does not keep it. ``silence`` is the longest pause
    between rows of a fetch, including the one before the first row.
    """

    open: float = 60
    check: float = 120
    probe: float = 600
    count: float = 3700
    preview: float = 600
    fetch: float = 24 * 3600
    silence: float = 3700

    @classmethod
    def above(cls, policy: WarehousePolicy) -> Self:
        """Deadlines that strike only when a policy's own timeouts should long have struck."""
        login = 4 * policy.login_timeout_seconds  # resolve, reach, shake hands, log in
        statement = login + policy.statement_timeout_seconds + _LATE_SECONDS
        return cls(
            check=login + _LATE_SECONDS,
            probe=statement,
            count=statement,
            preview=statement + policy.network_timeout_seconds,
            silence=statement + policy.network_timeout_seconds,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is. ``phase`` is ``fetch`` or, once all rows are there, ``seal``."""

    phase: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How children are run.

    Attributes:
        policy: what the operator allows warehouses to do.
        scratch: folder for the children's temporary files; None takes the system's.
        memory_limit_mb: what a child may allocate.
        grace_seconds: how long a cancelled or finished child may take to end by itself.
        import_paths: more folders for the child to import from; tests put their doubles there.
    """

    policy: WarehousePolicy
    scratch: Path | None = None
    memory_limit_mb: int = 1536
    grace_seconds: float = 3
    deadlines: Deadlines = field(default_factory=Deadlines)
    import_paths: tuple[str, ...] = ()


def never() -> bool:
    """For conversations that nobody can cancel."""
    return False


def _unheard(_progress: Progress) -> None:
    """For fetches that nobody watches."""


class Conversation:
    """One session with one warehouse, in a child. Use it on the thread that began it, one command at a time.

    Every command raises ``WarehouseError`` for the warehouse's faults and ``RunError`` for the rest: ``cancelled``, ``worker_died``, the
    codes of the spool's limits. After a deadline, a cancellation or a death the conversation is over.
    """

    def __init__(self, child: ChildProcess, settings: WorkerSettings, cancelled: Callable[[], bool]) -> None:
        self._child = child
        self._settings = settings
        self._cancelled = cancelled
        self.bytes_scanned: int | None = None  # by all statements so far; None where the warehouse does not say

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def check(self) -> str | None:
        """Goes through every step from resolving the name to using the database; the error names the step that failed.

        Returns:
            the field that was accepted at the log-in, where several may be tried; else None.
        """
        return self._ask({"verb": "check"}, self._settings.deadlines.check).get("logged_in_with")

    def probe(self, sql: str) -> pa.Schema:
        """The columns of a query that returns no rows, in normal form."""
        return schema_of(self._ask({"verb": "probe", "sql": sql}, self._settings.deadlines.probe)["schema"])

    def count(self, sql: str) -> int:
        """The single number of a counting query."""
        return int(self._ask({"verb": "count", "sql": sql}, self._settings.deadlines.count)["rows"])

    def preview(self, sql: str, *, rows: int = 100) -> pa.Table:
        """The first rows of a query, at most 16 MiB of them."""
        command = {"verb": "preview", "sql": sql, "rows": rows}
        return table_of(self._ask(command, self._settings.deadlines.preview)["table"])

    def fetch(self, sql: str, request: SpoolRequest, on_progress: Callable[[Progress], None] = _unheard) -> Manifest:
        """Fills and seals a spool with the rows of a query whose columns are those of the latest probe."""
        command = {"verb": "fetch", "sql": sql, "spool": spool_message(request)}
        answer = self._ask(command, self._settings.deadlines.fetch, on_progress)
        return Manifest.from_json(answer["manifest"])

    def open(self, address: WarehouseAddress, query_tag: str, budget: WarehouseBudget) -> None:
        """The first command; ``WarehouseWorker.conversation`` gives it."""
        command = {
            "verb": "open",
            "address": address_message(address),
            "policy": self._settings.policy.within(budget).to_json(),
            "query_tag": query_tag,
            "memory_limit_bytes": self._settings.memory_limit_mb << 20,
        }
        self._ask(command, self._settings.deadlines.open)

    def _ask(self, command: Message, seconds: float, on_progress: Callable[[Progress], None] = _unheard) -> Message:
        if self._cancelled():
            raise _was_cancelled()
        self._child.say(command)
        patience = _Patience(seconds, self._settings.deadlines.silence)
        while True:
            message = self._hear(_LISTEN_SECONDS)
            if message is None:
                self._keep_waiting(command, patience)
            elif message["kind"] == "progress":
                progress = Progress(message["phase"], message["rows"], message["bytes"])
                patience.heard(progress)
                on_progress(progress)
            elif message["kind"] == "error":
                raise error_of(message)
            else:
                self.bytes_scanned = message.get("bytes_scanned")
                return message

    def _keep_waiting(self, command: Message, patience: _Patience) -> None:
        """Returns if the answer may still come.

        Raises:
            RunError: the run is cancelled.
            WarehouseError: the time is up.
        """
        if self._cancelled():
            self._stop()
            raise _was_cancelled()
        if patience.is_over():
            self._stop()
            raise WarehouseError(
                "The warehouse did not answer in time. Make the query cheaper, or ask the operator to raise the timeouts.",
                fault=WarehouseFault.TIMED_OUT,
                step=_STEP_OF_VERB.get(command["verb"], WarehouseStep.QUERY),
            )

    def _stop(self) -> None:
        """Asks the warehouse to stop, then ends the child whether it did or not."""
        self._child.say({"verb": "cancel"})
        self._child.end(self._settings.grace_seconds)

    def _hear(self, seconds: float) -> Message | None:
        try:
            return self._child.hear(seconds)
        except ChildGone as error:
            raise RunError(
                f"The process that reads the warehouse ended ({_manner(error.status)}). Most often it needed more memory than one "
                "run may use. The run can be tried again.",
                code=WORKER_DIED,
                transient=True,
            ) from error


class WarehouseWorker:
    """Begins conversations. Safe to use from several threads; each conversation belongs to the thread that began it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings

    @contextmanager
    def conversation(
        self,
        address: WarehouseAddress,
        query_tag: str,
        *,
        cancelled: Callable[[], bool] = never,
        budget: WarehouseBudget = NO_BUDGET,
    ) -> Iterator[Conversation]:
        """A session with the warehouse at an address. Its child is gone when the block ends.

        Args:
            query_tag: names pipeline and run in the warehouse's own records.
            cancelled: asked ten times a second while a command runs; true ends it with ``RunError`` ``cancelled``.
        """
        child = ChildProcess(self._settings.scratch, self._settings.import_paths)
        try:
            conversation = Conversation(child, self._settings, cancelled)
            conversation.open(address, query_tag, budget)
            yield conversation
        except (RunError, WarehouseError) as error:
            spoken = own_words(child.diagnostics(), secrets_of(address))
            if spoken:
                error.add_note(f"The child wrote: {spoken}")
            raise
        finally:
            child.end(self._settings.grace_seconds)

    def check(self, address: WarehouseAddress, query_tag: str = "check") -> str | None:
        """Tests a connection; raises ``WarehouseError`` naming the step that failed. Returns what ``Conversation.check`` does."""
        with self.conversation(address, query_tag) as conversation:
            return conversation.check()

    def probe(self, address: WarehouseAddress, sql: str, query_tag: str = "probe") -> pa.Schema:
        """The columns of a query, in normal form."""
        with self.conversation(address, query_tag) as conversation:
            return conversation.probe(sql)

    def preview(self, address: WarehouseAddress, sql: str, *, rows: int = 100, query_tag: str = "preview") -> pa.Table:
        """The first rows of a query."""
        with self.conversation(address, query_tag) as conversation:
            return conversation.preview(sql, rows=rows)


class _Patience:
    """The deadlines of one command, by a clock that cannot be set back."""

    def __init__(self, seconds: float, silence: float) -> None:
        self._end = time.monotonic() + seconds
        self._silence = silence
        self._silent_until: float | None = time.monotonic() + silence

    def heard(self, progress: Progress) -> None:
        sealing = progress.phase == "seal"  # all rows are there: what follows is our own disk's work
        self._silent_until = None if sealing else time.monotonic() + self._silence

    def is_over(self) -> bool:
        now = time.monotonic()
        return now > self._end or (self._silent_until is not None and now > self._silent_until)


def _was_cancelled() -> RunError:
    return RunError("The run was cancelled.", code=CANCELLED)


def _manner(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
