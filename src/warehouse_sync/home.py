"""The folder that a service owns: where things are in it, and the lock that keeps a second service out."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.errors import StoreError


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of a home. Files in the folder that are not named here are left alone."""

    folder: Path

    @property
    def profiles(self) -> Path:
        """The profile stores."""
        return self.folder / "profiles"

    @property
    def spools(self) -> Path:
        """Fetched rows of unfinished runs."""
        return self.folder / "spool"

    @property
    def scratch(self) -> Path:
        """Temporary files of the processes that read warehouses."""
        return self.folder / "scratch"

    @property
    def lock(self) -> Path:
        return self.folder / "serve.lock"

    @property
    def restoring(self) -> Path:
        """What a restore has written so far; gone when all is in its place."""
        return self.folder / "restore.unfinished"

    def make(self) -> None:
        """Makes the folder, readable by its owner only, if it is not there.

        Raises:
            StoreError: it cannot be made, is no folder, or holds a part of a backup.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_part = self.restoring.exists()
        except OSError as error:
            raise StoreError(
                f"The home {self.folder} cannot be made: {error.strerror}.", code="home_unusable"
            ) from error
        if is_part:
            raise StoreError(
                f"The home {self.folder} is being restored, or a restore was interrupted. Wait for it; or empty the folder and restore "
                "again.",
                code="home_unusable",
            )

    def empty_scratch(self) -> None:
        """Makes the scratch folder anew: children of a service that died have left their files. Hold the home first."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def exclusive(home: Home, *, address: str, now: datetime) -> Iterator[Callable[[str], None]]:
    """Holds the home for one service until the block ends; the system frees it if the process dies.

    Yields:
        A function to tell another address, once it is known at which the service really listens.

    Raises:
        StoreError: another service holds it; the message says which process since when. Or the lock cannot be written, on a full disk say.
    """
    try:
        descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _not_writable(home, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(home, os.read(descriptor, 4096)) from None

        def tell(where: str) -> None:
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "address": where, "since": format_instant(now)}
            try:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(holder).encode(), 0)
            except OSError as error:
                raise _not_writable(home, error) from error

        tell(address)
        yield tell
    finally:
        os.close(descriptor)


def is_held(home: Home) -> bool:
    """Whether a service holds the home at this moment."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _not_writable(home: Home, error: OSError) -> StoreError:
    return StoreError(f"{home.lock} cannot be written: {error.strerror}.", code="home_unusable")


def _taken(home: Home, content: bytes) -> StoreError:
    try:
        holder = json.loads(content)
        who = f"process {holder['pid']} on {holder['host']} ({holder['address']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return StoreError(
        f"The home {home.folder} is in use by {who}. Stop that service first, or give this one another --home.",
        code="home_in_use",
    )
