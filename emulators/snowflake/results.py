"""Results that wait to be downloaded, and their encoding. Memory is bounded: the oldest results go first."""

from __future__ import annotations

import gzip
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from emulators.snowflake.columns import narrowed
from emulators.snowflake.faults import NO_FAULT, Fault, FaultName, retyped

INLINE_ROWS = 1000
"""Rows in the answer itself when the rest is downloaded in chunks; Snowflake sends a small first part too."""

KEPT_RESULTS = 4
KEPT_BYTES = 512 << 20
CATALOGUED_BYTES = 8 << 20


@dataclass(frozen=True)
class Chunk:
    """Rows ``start`` to ``start + rows`` of one result."""

    start: int
    rows: int


class Result:
    """One result in wire form, cut into an inline part and chunks.

    Args:
        table: all rows, in wire form.
        chunk_rows: most rows per download; a result with no more rows is sent inline.
        widths_per_chunk: whether each chunk chooses its own width of integers, or the whole result one.
        fault: what is wrong with its rows and bytes.
    """

    def __init__(
        self, table: pa.Table, chunk_rows: int, *, widths_per_chunk: bool = False, fault: Fault = NO_FAULT
    ) -> None:
        self.id = secrets.token_hex(16)
        self._fault = fault
        self.table = table if widths_per_chunk else narrowed(table)
        self._widths_per_chunk = widths_per_chunk
        rows = table.num_rows
        self.inline_rows = rows if rows <= chunk_rows else min(INLINE_ROWS, chunk_rows)
        starts = range(self.inline_rows, rows, chunk_rows)
        self.chunks = tuple(Chunk(start, min(chunk_rows, rows - start)) for start in starts)

    def inline(self) -> bytes:
        return self._stream(0, self.inline_rows)

    def encoded(self, number: int) -> bytes:
        """Chunk ``number``, as a gzipped Arrow stream. Encoded when asked for: a queue of chunks costs nothing."""
        chunk = self.chunks[number]
        if number and self._fault.strikes(chunk.start, chunk.rows) is FaultName.DUPLICATE:
            chunk = self.chunks[number - 1]
        return gzip.compress(self._stream(chunk.start, chunk.rows), compresslevel=1)

    def listing(self, base_url: str) -> list[dict[str, Any]]:
        """The ``chunks`` of the answer. Sizes are estimates, as nothing is encoded yet; connectors use them as hints."""
        size = self.table.nbytes
        return [
            {
                "url": f"{base_url}/chunks/{self.id}/{number}",
                "rowCount": chunk.rows,
                "uncompressedSize": size * chunk.rows // self.table.num_rows + 1,
                "compressedSize": size * chunk.rows // self.table.num_rows // 3 + 1,
            }
            for number, chunk in enumerate(self.chunks)
        ]

    def _stream(self, start: int, rows: int) -> bytes:
        part = self.table.slice(start, rows)
        part = narrowed(part) if self._widths_per_chunk else part
        fault = self._fault.strikes(start, rows)
        if fault is FaultName.RETYPED:
            part = retyped(part)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        stream = sink.getvalue().to_pybytes()
        return stream[: len(stream) // 2] if fault is FaultName.TRUNCATED else stream


class ResultStore:
    """The results with chunks still to download, the most recently used last."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, tuple[str, Result]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, owner: str, result: Result) -> None:
        """Keeps the result of session ``owner``, and forgets the oldest ones of all sessions above the limit."""
        with self._lock:
            self._results[result.id] = (owner, result)
            held = sum(kept.table.nbytes for _, kept in self._results.values())
            while held > KEPT_BYTES and len(self._results) > KEPT_RESULTS:
                _, (_, oldest) = self._results.popitem(last=False)
                held -= oldest.table.nbytes

    def get(self, result_id: str) -> Result | None:
        with self._lock:
            if result_id not in self._results:
                return None
            self._results.move_to_end(result_id)
            return self._results[result_id][1]

    def forget(self, owner: str) -> None:
        """Called when a session ends: nobody will download its results."""
        with self._lock:
            for result_id in [key for key, (who, _) in self._results.items() if who == owner]:
                del self._results[result_id]


class SmallResults(dict[str, tuple[Any, ...]]):
    """What the engine may remember for RESULT_SCAN: a few small results. It would keep every result for ever."""

    def __setitem__(self, query_id: str, remembered: tuple[Any, ...]) -> None:
        if remembered[0].nbytes > CATALOGUED_BYTES:
            return
        super().__setitem__(query_id, remembered)
        while len(self) > KEPT_RESULTS * 8:
            self.pop(next(iter(self)), None)
