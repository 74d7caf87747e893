"""The process in which every conversation with a driver happens: ``python -m warehouse_sync.sync.child``.

It reads commands from standard input and writes messages to standard output; it writes nothing else but the spool. It ends at once
when standard input ends, because then its parent is gone and somebody else may soon fetch into the same spool.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from typing import IO, Final

import pyarrow as pa

from warehouse_sync.domain.run import CANCELLED
from warehouse_sync.errors import RunError, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.sync.spool import SpoolWriter
from warehouse_sync.sync.worker_messages import (
    Message,
    address_of,
    error_message,
    line,
    schema_text,
    spool_request_of,
    table_text,
)
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse

_PROGRESS_SECONDS: Final = 0.5
_PREVIEW_BYTES: Final = 16 << 20
_PR_SET_PDEATHSIG: Final = 1
_ORPHANED: Final = 3  # exit status: the parent went away


class Child:
    """One conversation, from ``open`` to ``close``. Commands run on the main thread; another one listens for ``cancel``."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._warehouse: Warehouse | None = None
        self._schema: pa.Schema | None = None
        self._verbs: Mapping[str, Callable[[Message], Message]] = {
            "open": self._open,
            "check": self._check,
            "probe": self._probe,
            "count": self._count,
            "preview": self._preview,
            "fetch": self._fetch,
        }

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        while (command := self._waiting.get())["verb"] != "close":
            self._say(self._answer(command))
        if self._warehouse is not None:
            self._warehouse.close()

    def _listen(self) -> None:
        for text in self._commands:
            message = json.loads(text)
            if message["verb"] == "cancel":
                self._cancelled.set()
                if self._warehouse is not None:  # on a thread of its own: it may have to log in somewhere first
                    threading.Thread(target=self._warehouse.cancel, daemon=True).start()
            else:
                self._waiting.put(message)
        os._exit(_ORPHANED)  # no clean-up: it could wait for a warehouse that does not answer

    def _answer(self, command: Message) -> Message:
        try:
            answer = self._verbs[command["verb"]](command)
            return {"kind": "result", **answer, "bytes_scanned": self._opened().bytes_scanned}
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            if not self._cancelled.is_set():
                return error_message(error)
            # Drivers call it an interrupt, a lost connection, …
            return error_message(RunError("The run was cancelled.", code=CANCELLED))

    def _open(self, command: Message) -> Message:
        _limit_memory(command["memory_limit_bytes"])
        policy = WarehousePolicy.from_json(command["policy"])
        self._warehouse = open_warehouse(address_of(command["address"]), policy, query_tag=command["query_tag"])
        return {}

    def _check(self, _command: Message) -> Message:
        return {"logged_in_with": self._opened().check()}

    def _probe(self, command: Message) -> Message:
        self._schema = self._opened().probe(command["sql"])
        return {"schema": schema_text(self._schema)}

    def _count(self, command: Message) -> Message:
        return {"rows": self._opened().count(command["sql"])}

    def _preview(self, command: Message) -> Message:
        room, size = command["rows"], 0
        batches: list[pa.RecordBatch] = []
        with closing(self._rows(command["sql"])) as stream:
            for batch in stream:
                batches.append(batch.slice(0, room))
                room -= batches[-1].num_rows
                size += batches[-1].nbytes
                if size > _PREVIEW_BYTES:
                    raise RunError(
                        "The rows of the preview are too large to show. Select fewer or shorter columns.",
                        code="preview_too_large",
                    )
                if not room:
                    break
        schema = batches[0].schema if batches else self._opened().probe(command["sql"])
        return {"table": table_text(pa.Table.from_batches(batches, schema))}

    def _fetch(self, command: Message) -> Message:
        if self._schema is None:
            raise RunError("Probe before fetching.", code="worker_misused")
        said = 0.0
        with (
            SpoolWriter(spool_request_of(command["spool"]), self._schema) as writer,
            closing(self._rows(command["sql"])) as stream,
        ):
            for batch in stream:
                self._refuse_if_changed(batch)
                writer.write(batch)
                if time.monotonic() - said >= _PROGRESS_SECONDS:
                    self._say(_progress("fetch", writer))
                    said = time.monotonic()
            self._say(_progress("seal", writer))
            return {"manifest": writer.seal().to_json()}

    def _refuse_if_changed(self, batch: pa.RecordBatch) -> None:
        if self._cancelled.is_set():
            raise RunError("The run was cancelled.", code=CANCELLED)
        if not batch.schema.equals(self._schema, check_metadata=True):
            raise WarehouseError(
                "The columns of the query changed between its probe and its rows. The run starts the query again.",
                fault=WarehouseFault.PROTOCOL,
                step=WarehouseStep.FETCH,
            )

    def _rows(self, sql: str) -> Generator[pa.RecordBatch, None, None]:
        """The rows of a query; closing it ends the statement."""
        yield from self._opened().fetch(sql)

    def _opened(self) -> Warehouse:
        if self._warehouse is None:
            raise RunError("The conversation was never opened.", code="worker_misused")
        return self._warehouse

    def _say(self, message: Message) -> None:
        self._answers.write(line(message))
        self._answers.flush()


def _progress(phase: str, writer: SpoolWriter) -> Message:
    return {"kind": "progress", "phase": phase, "rows": writer.rows, "bytes": writer.size}


def _limit_memory(limit: int) -> None:
    """Limits what the process itself allocates; mapped files do not count."""
    with suppress(ValueError, OSError):  # the operator set a lower one
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _die_with_parent() -> None:
    """Asks the kernel to kill us when the parent's thread ends: works even while a driver holds the interpreter."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Serves one conversation. Standard output belongs to the messages; what drivers print goes to standard error."""
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(BrokenPipeError):
        Child(sys.stdin.buffer, answers).run()
    os._exit(0)  # the listening thread holds standard input: an ordinary exit would wait a second for it, then abort


if __name__ == "__main__":
    main()
