"""Who may write to a store's files: one at a time, among the threads of this process and against another process that copies them.

Between processes the system's lock on a file beside the store decides, which the system frees when its holder dies. The store's own file
would not do: whoever closes a descriptor of it takes the engine's own lock on it away from the whole process.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from warehouse_sync.errors import StoreError

_LOOK_AGAIN_SECONDS: Final = 0.05


class StillFiles:
    """The files of one store, which nobody writes to from now until ``close``.

    Args:
        store: the store's file; it need not be there.
        patience: longest wait in seconds for whoever writes now; None waits as long as it takes.

    Raises:
        StoreError: the lock cannot be used.
        TimeoutError: somebody else had it all the time.
    """

    def __init__(self, store: Path, *, patience: float | None = None) -> None:
        try:
            self._descriptor = os.open(lock_of(store), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _take(self._descriptor, patience)
            except BaseException:
                os.close(self._descriptor)
                raise
        except TimeoutError:
            raise
        except OSError as error:
            raise StoreError(
                f"The profile store {store.name} cannot be locked: {error.strerror}.", code="store_write_failed"
            ) from error

    def close(self) -> None:
        """Lets others write; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class WriterLock:
    """The right of one thread of one process to write to a store. Not reentrant."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._thread = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds it until the block ends.

        Raises:
            StoreError: the lock cannot be used.
        """
        with self._thread:
            files = StillFiles(self._store)
            try:
                yield
            finally:
                files.close()


def lock_of(store: Path) -> Path:
    """The file beside a store whose lock decides."""
    return store.with_name(f"{store.name}.lock")


def _take(descriptor: int, patience: float | None) -> None:
    if patience is None:
        return fcntl.flock(descriptor, fcntl.LOCK_EX)
    end = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError from None
        time.sleep(_LOOK_AGAIN_SECONDS)
