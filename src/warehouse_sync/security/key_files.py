"""Files that hold keys: created once, whole or not at all, and read only if nobody else could have read them."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from warehouse_sync.disk import sync_folder
from warehouse_sync.errors import StoreError

PRIVATE_FILE: Final = 0o600
PRIVATE_DIRECTORY: Final = 0o700
_OTHERS_AND_GROUP: Final = 0o077
_OTHERS_OR_GROUP_WRITE: Final = 0o027
_MAX_BYTES: Final = 65_536


def ensure_private_directory(directory: Path) -> None:
    """Creates the directory with mode 0700, or checks that it has no wider one.

    Raises:
        StoreError: it cannot be created, is no directory, or is open to group or others.
    """
    try:
        directory.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if not directory.is_dir():
            directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
            sync_folder(directory.parent)
        mode = directory.stat().st_mode
    except OSError as error:
        raise StoreError(f"The key folder {directory} cannot be used: {_reason(error)}.") from None
    if mode & _OTHERS_AND_GROUP:
        raise StoreError(f"The key folder {directory} is open to other users. Run: chmod 700 '{directory}'")


def create_key_file(path: Path, content: bytes) -> bool:
    """Puts ``content`` at ``path`` unless something is there already; True if this call created it.

    The file appears complete and on disk, or not at all: a hard link decides which of two processes wins, and never overwrites.

    Raises:
        StoreError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        try:
            _write_durably(temporary, content)
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"The key file {path} cannot be created: {_reason(error)}.") from None
    return True


def read_key_file(path: Path, *, group_may_read: bool = False) -> bytes:
    """The content of a key file.

    Args:
        group_may_read: accept a file its group can read, as container platforms mount secrets; the file may then be a symbolic link.

    Raises:
        StoreError: missing, unreadable, no regular file, too large, or readable by those who should not; says what to do.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if group_may_read else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise StoreError(f"The key file {path} cannot be read: {_reason(error)}.") from None
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path, _OTHERS_OR_GROUP_WRITE if group_may_read else _OTHERS_AND_GROUP)
        return file.read(_MAX_BYTES)


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _check(status: os.stat_result, path: Path, forbidden: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"The key file {path} is not a regular file. Put the key itself there.")
    if status.st_size > _MAX_BYTES:
        raise StoreError(f"The key file {path} is too large to hold a key.")
    if status.st_mode & forbidden:
        raise StoreError(f"The key file {path} is open to other users. Run: chmod 600 '{path}'")


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return os.strerror(error.errno) if error.errno is not None else "the file system refused"
