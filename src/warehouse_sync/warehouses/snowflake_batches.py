"""Downloads the parts of a Snowflake result, each decoded by its own types.

The wire chooses the width of numbers anew for every part. The connector's 5.2 reads all parts of ``fetch_arrow_batches`` (and of
``fetchall``) by the types of the first, and gives wrong numbers without an error; a single batch it reads by that batch's own types.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.errors import WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault

_AHEAD: Final = 1  # one batch is downloaded while the one before it is used: memory holds two at most


class ResultBatch(Protocol):
    """What both lines of the connector offer of a part of a result."""

    @property
    def rowcount(self) -> int: ...
    def to_arrow(self, **options: object) -> pa.Table: ...


def downloaded(batches: Sequence[ResultBatch], options: Mapping[str, object]) -> Iterator[pa.Table]:
    """The tables of a result's batches, in order; leaving the iteration ends the downloads.

    Args:
        batches: as ``cursor.get_result_batches()`` gives them.
        options: of their ``to_arrow``.

    Raises:
        WarehouseError: a batch came with another number of rows than announced.
        Exception: whatever the connector raises.
    """
    pending: deque[tuple[ResultBatch, Future[pa.Table]]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snowflake-batches")
    try:
        for batch in batches:
            if not batch.rowcount:  # the 4.x connector fails to decode a batch without rows
                continue
            pending.append((batch, pool.submit(batch.to_arrow, **options)))
            if len(pending) > _AHEAD:
                yield _next(pending)
        while pending:
            yield _next(pending)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next(pending: deque[tuple[ResultBatch, Future[pa.Table]]]) -> pa.Table:
    batch, future = pending.popleft()
    return _complete(future.result(), batch)


def _complete(table: pa.Table, batch: ResultBatch) -> pa.Table:
    if table.num_rows == batch.rowcount:
        return table
    raise fault(
        WarehouseFault.PROTOCOL,
        WarehouseStep.FETCH,
        "Snowflake sent a part of the result with other rows than it announced. The run starts the query again.",
    )
