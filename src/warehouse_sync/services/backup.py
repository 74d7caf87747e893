"""A backup of a home, whether a service runs on it or not: its files as they are at one moment, as a power cut would leave them.

All profile stores are held still first, so that nobody writes to them; then the control database is copied, then each store, which is let
go as soon as it is copied. So no store lacks what the control database knows to be done. What a store may be ahead by is what it is after
any power cut: chunks of runs that the control database has not settled yet, which are executed again from there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from warehouse_sync.catalog.database import Database, known_versions
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.disk import copy_file, sha256_of, sync_file, sync_folder
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.errors import StoreError
from warehouse_sync.home import Home
from warehouse_sync.profiles import schema
from warehouse_sync.profiles.writer_lock import StillFiles
from warehouse_sync.services import backup_manifest
from warehouse_sync.services.backup_manifest import CONTROL_DATABASE, KEYS, PROFILES, Manifest, SavedFile

_ATTEMPTS: Final = 3


def back_up(
    home: Home, database: Database | None, folder: Path, *, with_keys: bool, version: str, now: datetime
) -> Manifest:
    """Writes a backup to a folder that does not exist yet, or is empty. It is there whole or not at all.

    Args:
        home: what to save. Spools and temporary files are left out: runs read their rows again.
        database: the control database; None leaves it out, for one on a server.
        folder: where to.
        with_keys: also save the keys. Whoever can read the backup can then open the stored passwords of warehouses.
        version: the program's.
        now: the moment to note.

    Raises:
        StoreError: ``backup_refused`` if it cannot be written there, ``backup_failed`` if something failed on the way.
    """
    with _errors(folder), _unfinished(folder) as part:
        _copy_data(home, database, part)
        keys = _copy_keys(home, part if with_keys else None)
        manifest = Manifest(
            made_on=format_instant(now),
            made_by=version,
            control_database=None if database is None else known_versions()[0],
            profile_stores=schema.VERSION,
            keys=keys,
            files=tuple(_saved(part)),
        )
        crashpoint("backup_copied")
        written = part / backup_manifest.NAME
        written.touch(0o600)
        written.write_text(backup_manifest.write(manifest))
        sync_file(written)
        for path in (part / PROFILES, part / KEYS, part):
            if path.exists():
                sync_folder(path)
        crashpoint("backup_written")
        part.rename(folder)
        sync_folder(folder.parent)
    return manifest


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A folder beside the one that is wanted, this process's own; removed if the block raises."""
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(
            f"{folder} is not empty. Name a folder that does not exist yet: each backup has its own.",
            code="backup_refused",
        )
    part = folder.with_name(f"{folder.name}.unfinished")
    part.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"Another backup to {folder} is being written. Wait for it, or name another folder.",
                code="backup_refused",
            ) from None
        try:
            _empty(part)  # what a backup left that was interrupted
            yield part
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _copy_data(home: Home, database: Database | None, part: Path) -> None:
    (part / PROFILES).mkdir(mode=0o700)
    with ExitStack() as still:
        held = {store: still.enter_context(closing(StillFiles(store))) for store in _stores(home)}
        if database is not None:
            copy = part / CONTROL_DATABASE
            copy.touch(0o600)
            database.copy_to(copy)
        crashpoint("backup_control_copied")
        for store, files in held.items():
            _copy_store(store, part / PROFILES)
            files.close()
    for store in _stores(home):  # made meanwhile: the control database may know a run that has ended in it
        if store not in held:
            with closing(StillFiles(store)):
                _copy_store(store, part / PROFILES)


def _stores(home: Home) -> list[Path]:
    return sorted(home.profiles.glob("*.duckdb"))


def _copy_store(store: Path, to: Path) -> None:
    """Copies a store that is held still, with its logs. What changes all the same is copied again: not everybody may heed the lock."""
    for _ in range(_ATTEMPTS):
        before = _seen(store)
        for path in before:
            copy_file(path, to / path.name)
        if _seen(store) == before:
            return
        for path in to.glob(f"{store.name}*"):
            path.unlink()
    raise StoreError(
        f"The profile store {store.name} changed while it was copied. If its service was started by an earlier version, start it anew.",
        code="backup_failed",
    )


def _seen(store: Path) -> dict[Path, tuple[int, int, int]]:
    """The files of a store, and what would tell of a change."""
    files = (store, *sorted(store.parent.glob(f"{store.name}.wal*")))
    return {path: (seen.st_ino, seen.st_size, seen.st_mtime_ns) for path in files for seen in (path.stat(),)}


def _copy_keys(home: Home, to: Path | None) -> dict[str, str]:
    """The SHA-256 of each key file of a home, which are copied if they are wanted. They are of random keys: nobody finds those by it."""
    keys = [path for path in sorted((home.folder / KEYS).glob("*")) if path.suffix in {".key", ".pem"}]
    if to is not None:
        (to / KEYS).mkdir(mode=0o700)
        for path in keys:
            copy_file(path, to / KEYS / path.name)
    return {path.name: sha256_of(path) for path in keys}


def _saved(part: Path) -> Iterator[SavedFile]:
    for path in sorted(path for path in part.rglob("*") if path.is_file()):
        sync_file(path)
        yield SavedFile(path.relative_to(part).as_posix(), path.stat().st_size, sha256_of(path))


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS}:
            raise StoreError(
                f"A backup cannot be written to {folder}: {error.strerror}. The folder that it lies in must be there, and writable.",
                code="backup_refused",
            ) from error
        raise StoreError(
            f"The backup failed: {error.strerror}. Nothing was kept of it.", code="backup_failed"
        ) from error
