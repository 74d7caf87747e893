"""Waiting for a driver's stream without waiting for ever, whatever the driver's own attempts do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

from warehouse_sync.errors import WarehouseError

Item = TypeVar("Item")
_LEAVE_SECONDS: Final = 5
_END: Final = object()


def within(stream: Iterator[Item], seconds: float, late: Callable[[], WarehouseError]) -> Iterator[Item]:
    """The items of a stream, in order. One is fetched on a thread of its own while the one before it is used: memory holds two at most.

    Args:
        stream: only this function's thread may use it from now on.
        seconds: how long to wait for one item.
        late: the error for one that does not come in time. The thread may then hang; it ends with the process.

    Raises:
        WarehouseError: as ``late`` says.
        Exception: whatever the stream raises.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warehouse-stream")
    coming: Future[object] = pool.submit(next, stream, _END)
    patient = True
    try:
        while True:
            patient = not wait([coming], timeout=seconds).not_done
            if not patient:
                raise late()
            item = coming.result()
            if item is _END:
                return
            coming = pool.submit(next, stream, _END)
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if patient and coming.running():
            wait([coming], timeout=_LEAVE_SECONDS)
