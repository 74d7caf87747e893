"""What the disk must be told so that a power cut takes nothing back, and files that are copied whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final

_BLOCK_BYTES: Final = 1 << 30
_NO_SHORT_WAY: Final = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable: without it a crash can lose a file whose bytes are safe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_file(source: Path, target: Path) -> None:
    """Copies a file's bytes to a new one, readable by its owner only; not durable yet. Takes no time where the file system shares blocks.

    Raises:
        OSError: it cannot be copied, or the target is there already.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with source.open("rb") as read, os.fdopen(descriptor, "wb") as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), _BLOCK_BYTES):
                pass
        except OSError as error:
            if error.errno not in _NO_SHORT_WAY:
                raise
            _copy_bytes(read, written)


def _copy_bytes(read: BinaryIO, written: BinaryIO) -> None:
    os.ftruncate(written.fileno(), 0)
    for file in (read, written):
        os.lseek(file.fileno(), 0, os.SEEK_SET)
    shutil.copyfileobj(read, written, 1 << 20)


def sync_file(path: Path) -> None:
    """Makes a file's bytes durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
