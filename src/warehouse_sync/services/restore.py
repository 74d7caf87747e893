"""A home made from a backup: all of it, or nothing that a service would start on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.disk import copy_file, sha256_of, sync_file, sync_folder
from warehouse_sync.errors import StoreError
from warehouse_sync.home import Home
from warehouse_sync.services import backup_manifest
from warehouse_sync.services.backup_manifest import CONTROL_DATABASE, KEYS, PROFILES, Manifest

_PARTS: Final = (KEYS, PROFILES, CONTROL_DATABASE)
"""What a home is made of, in the order in which it comes to its place."""


def restore(folder: Path, home: Home, *, keys: Path | None) -> Manifest:
    """Makes a home from a backup.

    Args:
        folder: the backup.
        home: a folder that does not exist yet, or is empty.
        keys: the folder of the home's keys, for a backup without them.

    Raises:
        StoreError: ``backup_unusable`` if the backup is none, is damaged, or its keys are not there; ``store_too_new`` if it is of a later
            version; ``restore_refused`` if the home is not empty; ``restore_failed`` if something failed on the way. The home is as it was.
    """
    manifest = backup_manifest.read(folder)
    found = None if manifest.holds_keys else _keys_for(manifest, folder, keys)
    with _restoring(home) as part:
        for file in manifest.files:
            _copy(folder / file.path, part / file.path, file.sha256)
        for path in found or ():
            (part / KEYS).mkdir(mode=0o700, exist_ok=True)
            copy_file(path, part / KEYS / path.name)
            sync_file(part / KEYS / path.name)
        (part / PROFILES).mkdir(mode=0o700, exist_ok=True)
        for path in (part / KEYS, part / PROFILES):
            sync_folder(path)
        crashpoint("restore_copied")
        for name in _PARTS:
            if (part / name).exists():
                (part / name).rename(home.folder / name)
        sync_folder(home.folder)
        part.rmdir()
        sync_folder(home.folder)
    return manifest


def _keys_for(manifest: Manifest, folder: Path, keys: Path | None) -> list[Path]:
    """The key files that belong to a backup without them.

    Without the very keys, stored passwords could not be opened, and every profile would get another MPID.
    """
    if keys is None:
        raise StoreError(
            f"The backup {folder} holds no keys. Name the folder of their own backup: --keys.", code="backup_unusable"
        )
    for name, digest in manifest.keys.items():
        try:
            is_it = sha256_of(keys / name) == digest
        except OSError:
            is_it = False
        if not is_it:
            raise StoreError(
                f"{keys / name} is not there, or is not the key of that name that the home had when the backup was made. Name the folder "
                "of the keys from that time.",
                code="backup_unusable",
            )
    return [path for path in sorted(keys.iterdir()) if path.suffix in {".key", ".pem"}]


@contextmanager
def _restoring(home: Home) -> Iterator[Path]:
    """A folder in the home that keeps everybody else out until all is in its place. What was put there goes if the block raises."""
    try:
        home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(home.folder.iterdir()):
            raise StoreError(
                f"{home.folder} is not empty. Name a --home that does not exist yet, or move what is in it away.",
                code="restore_refused",
            )
        home.restoring.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"The home {home.folder} cannot be made: {error.strerror}.", code="restore_refused") from error
    try:
        yield home.restoring
    except BaseException as error:
        for name in _PARTS:
            _remove(home.folder / name)
        _remove(home.restoring)
        if isinstance(error, OSError):
            raise StoreError(
                f"The restore failed: {error.strerror}. Nothing was kept of it.", code="restore_failed"
            ) from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path, sha256: str) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        copy_file(source, target)
    except FileNotFoundError:
        raise _damaged(source, "is missing") from None
    sync_file(target)
    if sha256_of(target) != sha256:
        raise _damaged(source, "is not what was saved")


def _damaged(source: Path, what: str) -> StoreError:
    return StoreError(
        f"The backup is damaged: {source} {what}. Take another one; the home is as it was.", code="backup_unusable"
    )
