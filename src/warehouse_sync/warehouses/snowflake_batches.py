"""Downloads the parts of a Snowflake result, each decoded by its own types.

The wire chooses the width of numbers anew for every part. The connector's 5.2 reads all parts of ``fetch_arrow_batches`` (and of
``fetchall``) by the types of the first, and gives wrong numbers without an error; a single batch it reads by that batch's own types.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault

_LEAVE_SECONDS: Final = 5
_AHEAD: Final = 1  # one batch is downloaded while the one before it is used: memory holds two at most


class ResultBatch(Protocol):
    """What both lines of the connector offer of a part of a result."""

    @property
    def rowcount(self) -> int: ...
    def to_arrow(self, **options: object) -> pa.Table | None: ...


def downloaded(batches: Sequence[ResultBatch], options: Mapping[str, object], patience: float) -> Iterator[pa.Table]:
    """The tables of a result's batches, in order; leaving the iteration ends the downloads.

    Args:
        batches: as ``cursor.get_result_batches()`` gives them.
        options: of their ``to_arrow``.
        patience: how long to wait for one batch, in seconds. The connector's own attempts can take hours.

    Raises:
        WarehouseError: a batch did not come in time, or with another number of rows than announced.
        Exception: whatever the connector raises.
    """
    pending: deque[tuple[ResultBatch, Future[pa.Table | None]]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snowflake-batches")
    try:
        for batch in batches:
            if not batch.rowcount:  # the 4.x connector fails to decode a batch without rows
                continue
            pending.append((batch, pool.submit(batch.to_arrow, **options)))
            if len(pending) > _AHEAD:
                yield _next(pending, patience)
        while pending:
            yield _next(pending, patience)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for _, future in pending if future.running()], timeout=_LEAVE_SECONDS)


def _next(pending: deque[tuple[ResultBatch, Future[pa.Table | None]]], patience: float) -> pa.Table:
    batch, future = pending[0]
    try:
        table = future.result(timeout=patience)
    except TimeoutError:
        if future.done():
            raise
        pending.clear()  # nobody waits for what does not come
        raise fault(
            WarehouseFault.TIMED_OUT,
            WarehouseStep.FETCH,
            f"A part of Snowflake's result did not arrive within {patience:g} s. Check the network to Snowflake's storage, or ask the "
            "operator to raise the network timeout. The run can be tried again.",
        ) from None
    pending.popleft()
    return _complete(table, batch)


def _complete(table: pa.Table | None, batch: ResultBatch) -> pa.Table:
    if table is not None and table.num_rows == batch.rowcount:  # a part without rows comes as None
        return table
    raise other_rows()


def other_rows() -> WarehouseError:
    """A result or a part of it with another number of rows than the server announced."""
    return fault(
        WarehouseFault.PROTOCOL,
        WarehouseStep.FETCH,
        "Snowflake sent other rows than it announced. The run starts the query again.",
    )
