"""Downloads the parts of a Snowflake result, each decoded by its own types.

The wire chooses the width of numbers anew for every part. The connector's 5.2 reads all parts of ``fetch_arrow_batches`` (and of
``fetchall``) by the types of the first, and gives wrong numbers without an error; a single batch it reads by that batch's own types.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

import pyarrow as pa

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault
from warehouse_sync.warehouses.patience import within

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


DOWNLOADS_AT_ONCE: Final = 3
"""At most so many parts are on their way, beside the one that is used and the one that waits to be."""

_BYTES_AT_ONCE: Final = 192 << 20


class ResultBatch(Protocol):
    """What both lines of the connector offer of a part of a result."""

    @property
    def rowcount(self) -> int: ...
    def to_arrow(self, **options: object) -> pa.Table | None: ...


class Repetitions:
    """Which parts of a result were the same, byte for byte, as an earlier one.

    A part that comes in place of another with as many rows changes no number that the server announces. So do equal rows in the warehouse;
    which it is, only the warehouse knows.

    Attributes:
        rows: in all parts that an earlier one was equal to.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._seen: set[bytes] = set()

    def note(self, part: pa.Table) -> None:
        """Compares a part with all before it, by a digest."""
        values = pa.Table.from_arrays(part.columns, names=part.column_names)  # metadata comes in any order
        sink = _Digest()
        with pa.ipc.new_stream(sink, values.schema) as stream:
            stream.write_table(values)
        digest = sink.digest()
        self.rows += part.num_rows if digest in self._seen else 0
        self._seen.add(digest)


class _Digest(io.RawIOBase):
    """A file that keeps nothing but a digest of what is written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        self._hash.update(data)
        return memoryview(data).nbytes

    def digest(self) -> bytes:
        return self._hash.digest()


def downloaded(
    batches: Sequence[ResultBatch], options: Mapping[str, object], patience: float, repetitions: Repetitions
) -> Iterator[pa.Table]:
    """The tables of a result's batches, in order, some of which are downloaded at once; leaving the iteration ends the downloads.

    Args:
        batches: as ``cursor.get_result_batches()`` gives them.
        options: of their ``to_arrow``.
        patience: how long to wait for one batch, in seconds. The connector's own attempts can take hours.
        repetitions: is shown every part.

    Raises:
        WarehouseError: a batch did not come in time, or with another number of rows than announced.
        Exception: whatever the connector raises.
    """

    def late() -> WarehouseError:
        return fault(
            WarehouseFault.TIMED_OUT,
            WarehouseStep.FETCH,
            f"A part of Snowflake's result did not arrive within {patience:g} s. Check the network to Snowflake's storage, or ask the "
            "operator to raise the network timeout. The run can be tried again.",
        )

    return within(_tables(batches, options, patience, repetitions), patience, late)


def _tables(
    batches: Sequence[ResultBatch], options: Mapping[str, object], patience: float, repetitions: Repetitions
) -> Iterator[pa.Table]:
    with_rows = (batch for batch in batches if batch.rowcount)  # the 4.x connector fails to decode a batch without rows
    pool = ThreadPoolExecutor(DOWNLOADS_AT_ONCE, thread_name_prefix="warehouse-part")
    coming = deque(pool.submit(_download, batch, options) for batch in islice(with_rows, 1))
    try:
        while coming:
            part = coming.popleft().result()
            more = max(0, _at_once(part, patience) - len(coming))
            coming.extend(pool.submit(_download, batch, options) for batch in islice(with_rows, more))
            repetitions.note(part.table)
            yield part.table
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a result, and how many seconds it took to arrive."""

    table: pa.Table
    seconds: float


def _download(batch: ResultBatch, options: Mapping[str, object]) -> _Part:
    began = time.monotonic()
    table = batch.to_arrow(**options)
    if table is None or table.num_rows != batch.rowcount:  # a part without rows comes as None
        raise other_rows()
    return _Part(table, time.monotonic() - began)


def _at_once(part: _Part, patience: float) -> int:
    """How many downloads may share the line and the memory after a part: where it is slow or large, one after the other."""
    is_quick = part.seconds * 2 * DOWNLOADS_AT_ONCE < patience
    is_small = part.table.nbytes * DOWNLOADS_AT_ONCE < _BYTES_AT_ONCE
    return DOWNLOADS_AT_ONCE if is_quick and is_small else 1


def other_rows() -> WarehouseError:
    """A result or a part of it with other rows, or another number of them, than the server announced."""
    return fault(
        WarehouseFault.PROTOCOL,
        WarehouseStep.FETCH,
        "Snowflake sent other rows than it announced. The run starts the query again.",
    )
