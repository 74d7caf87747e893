"""The files of a spool: written with a checksum, durable before they count, and readable by their owner only."""

from __future__ import annotations

import errno
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.disk import sync_folder
from warehouse_sync.errors import RunError, StoreError

OWNER_ONLY_FOLDER: Final = 0o700
_OWNER_ONLY_FILE: Final = 0o600
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ChecksummedFile(io.RawIOBase):
    """A new file that counts and sums up what is written to it, and is on the disk once it is closed without an error.

    ``crc32`` and ``size`` are those of the bytes written so far.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.size = 0
        self.crc32 = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY_FILE)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: object, /) -> int:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # anything with a buffer
        self.crc32 = zlib.crc32(view, self.crc32)
        written = 0
        while written < len(view):
            written += os.write(self._descriptor, view[written:])
        self.size += written
        return written

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def write_table(path: Path, table: pa.Table) -> tuple[int, int]:
    """Writes a table as a durable Arrow file; returns its size in bytes and its checksum."""
    # Arrow writes dozens of pieces of a few bytes around each column.
    with ChecksummedFile(path) as file, io.BufferedWriter(file) as gathered:
        with pa.ipc.new_file(pa.PythonFile(gathered, mode="w"), table.schema) as writer:
            writer.write_table(table)
        gathered.flush()
        crashpoint("spool_file_written")
        file.sync()
        return file.size, file.crc32


def read_table(path: Path) -> pa.Table:
    """The table of an Arrow file, mapped rather than read: its pages are the operating system's to drop."""
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def file_checksum(path: Path) -> int:
    """The CRC-32 of a whole file."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def replace_text(path: Path, text: str) -> None:
    """Puts a text into a file so that a crash leaves the whole old file or the whole new one."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with ChecksummedFile(temporary) as file:
        file.write(text.encode())
        file.sync()
    temporary.rename(path)
    sync_folder(path.parent)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Translates what the disk says.

    Raises:
        RunError: ``spool_full``: no space is left.
        StoreError: any other failure to read or write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise disk_full() from error
        raise StoreError(
            f"The spool cannot be written or read ({errno.errorcode.get(error.errno or 0, 'unknown')}). Check the disk and "
            "the permissions of the service's folder."
        ) from error


def disk_full() -> RunError:
    """What a run is told when its rows do not fit on the disk."""
    return RunError(
        "The disk that holds the spool is full. Free space, or move the service's folder to a larger disk; the run tries "
        "again by itself.",
        code="spool_full",
        transient=True,
    )
