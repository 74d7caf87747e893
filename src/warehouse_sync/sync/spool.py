"""The spool of a run: everything the warehouse returned, on our disk, before any profile is touched.

A spool is a folder of Arrow files and a manifest. It is sealed when the manifest is there, which is written last, after all files are
durable. A spool without a manifest is what a dead fetch left behind and counts for nothing. A spool of more than one chunk has its
rows in the order of their load timestamps; a smaller one keeps the order of the warehouse.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import pyarrow as pa

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.disk import sync_folder
from warehouse_sync.errors import RunError, StoreError
from warehouse_sync.sync.spool_files import (
    OWNER_ONLY_FOLDER,
    disk_errors,
    disk_full,
    file_checksum,
    read_table,
    replace_text,
    write_table,
)
from warehouse_sync.sync.spool_manifest import MANIFEST_NAME, Manifest, SpoolChunk, damaged, read_manifest
from warehouse_sync.sync.spool_order import Keys, cell_bytes, is_sorted, merged, names_equal, sort_keys, stable_order

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SpoolRequest:
    """How to fill a spool.

    Attributes:
        directory: the folder; made if absent, emptied unless what is sealed there was fetched by this or a later epoch.
        load_timestamp: exact name of the load-timestamp column.
        max_rows: the fetch stops at the row after these.
        chunk_rows, chunk_bytes: the most rows, and about the most bytes in memory, of one chunk. By default three of the profile store's
            row groups: it stores, and remembers, parts of a row group like whole ones.
        max_bytes: the most bytes of the whole spool on disk.
        min_free_bytes: what must stay free on that disk; other programs and our own stores need it.
        max_cell_bytes: the largest text or binary value.
        origin: what tells these rows from those of another query or warehouse; kept in the manifest.
        reading: the epoch of the holder that fetches; kept there, too.
    """

    directory: Path
    load_timestamp: str
    max_rows: int
    chunk_rows: int = 368_640
    chunk_bytes: int = 128 * _MEBIBYTE
    max_bytes: int = 200 * 1024 * _MEBIBYTE
    max_cell_bytes: int = 16 * _MEBIBYTE
    min_free_bytes: int = 0
    origin: str = ""
    reading: int = 0


def disk_thread() -> Executor:
    """A thread that reads or writes the files of one spool, one after another."""
    return ThreadPoolExecutor(1, thread_name_prefix="spool")


class Spool:
    """A sealed spool. Safe to read from several threads."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self._directory = directory
        self.manifest = manifest

    def chunks(self) -> list[SpoolChunk]:
        """The chunks, in the order in which they are applied."""
        return list(self.manifest.chunks)

    def tables(self, first: int = 0, disk: Callable[[], Executor] = disk_thread) -> Generator[pa.Table, None, None]:
        """The rows of each chunk from number ``first`` on; while one is in use, the next is checked by ``disk``.

        Raises:
            StoreError: as :meth:`read`.
        """
        chunks = self.manifest.chunks[first:]
        with disk() as ahead:
            reading = [ahead.submit(self.read, chunk) for chunk in chunks[:1]]
            for chunk in chunks[1:]:
                table = reading.pop().result()
                reading.append(ahead.submit(self.read, chunk))
                yield table
            for last in reading:
                yield last.result()

    def read(self, chunk: SpoolChunk) -> pa.Table:
        """The rows of a chunk, mapped from its file.

        Raises:
            StoreError: the file is not what the manifest says.
        """
        path = self._directory / chunk.name
        with disk_errors():
            if file_checksum(path) != chunk.crc32:
                raise damaged(f"{chunk.name} does not match its checksum")
            table = read_table(path)
        if table.num_rows != chunk.rows or not table.schema.equals(self.manifest.schema):
            raise damaged(f"{chunk.name} holds other rows than the manifest says")
        return table


def open_spool(directory: Path) -> Spool | None:
    """The sealed spool in a folder; None if there is none.

    Raises:
        StoreError: it is sealed but damaged: a file is missing or has another size.
    """
    manifest = read_manifest(directory)
    if manifest is None:
        return None
    for chunk in manifest.chunks:
        path = directory / chunk.name
        if not path.is_file() or path.stat().st_size != chunk.size:
            raise damaged(f"{chunk.name} is missing or has another size")
    return Spool(directory, manifest)


def discard_spool(directory: Path) -> None:
    """Removes a spool, sealed or not. A crash in the middle leaves one that is not sealed."""
    if not directory.exists():
        return
    with disk_errors():
        (directory / MANIFEST_NAME).unlink(missing_ok=True)
        sync_folder(directory)
        shutil.rmtree(directory)


def _reading_of(directory: Path) -> int:
    """The epoch whose rows are sealed in a folder; -1 if none are. What is damaged counts for nothing."""
    try:
        manifest = read_manifest(directory)
    except StoreError:
        return -1
    return -1 if manifest is None else manifest.reading


@dataclass(frozen=True, slots=True)
class _Part:
    """A file of the spool; in order within itself, unless it is the only one."""

    name: str
    rows: int
    size: int
    crc32: int


class SpoolWriter:
    """Fills one spool, then seals it. Holds about three chunks in memory, and one 64-bit number per row.

    A chunk is written and synced by ``disk`` while the warehouse sends the rows of the next. Leaving the block waits for that, sealed or
    not.
    """

    def __init__(self, request: SpoolRequest, schema: pa.Schema, disk: Callable[[], Executor] = disk_thread) -> None:
        if not names_equal(schema, request.load_timestamp):
            raise RunError(
                f"The query does not return one column {request.load_timestamp}.", code="load_timestamp_missing"
            )
        self._request = request
        self._schema = schema
        self._parts: list[_Part] = []
        self._keys: list[Keys] = []  # of each part, for putting them in order
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._disk = disk()
        self._being_written: Future[_Part] | None = None
        self.rows = 0
        self.size = 0
        with disk_errors():
            self._make_folder(request.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.shutdown()

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes rows of the spool's schema.

        Raises:
            RunError: a limit of the request is passed, or the disk is full.
        """
        self.rows += batch.num_rows
        self._check_limits(batch)
        if self._being_written is not None and self._being_written.done():
            with disk_errors():
                self._await_part()  # a disk that is full is not told only when the next chunk is
        while batch.num_rows:
            fitting = self._rows_that_fit(batch)
            if not fitting:
                self._write_run()
                continue
            self._take(batch.slice(0, fitting))
            batch = batch.slice(fitting)

    def seal(self) -> Manifest:
        """Makes the spool durable and whole; afterwards ``open_spool`` finds it."""
        with disk_errors():
            if self._pending_rows and not self._keys:
                self._write_part(pa.Table.from_batches(self._pending, self._schema))
                self._pending = []
            elif self._pending_rows:
                self._write_run()
            self._await_part()
            chunks = self._chunks()
            manifest = Manifest(
                schema=self._schema,
                load_timestamp=self._request.load_timestamp,
                origin=self._request.origin,
                rows=self.rows,
                size=sum(chunk.size for chunk in chunks),
                chunks=chunks,
                reading=self._request.reading,
            )
            sync_folder(self._request.directory)
            crashpoint("spool_before_seal")
            replace_text(self._request.directory / MANIFEST_NAME, manifest.to_json())
        crashpoint("spool_sealed")
        return manifest

    def _make_folder(self, directory: Path) -> None:
        if _reading_of(directory) >= self._request.reading:
            raise RunError(
                "Another holder of this run has fetched its rows meanwhile. The run tries again by itself.",
                code="spool_sealed",
                transient=True,
            )
        discard_spool(directory)
        directory.mkdir(mode=OWNER_ONLY_FOLDER, parents=True)
        sync_folder(directory.parent)

    def _check_limits(self, batch: pa.RecordBatch) -> None:
        if self.rows > self._request.max_rows:
            raise RunError(
                f"The query returned more than {self._request.max_rows} rows, the most that one run of this pipeline may read. "
                "Nothing was changed. Narrow the query, or ask the operator to raise the limit.",
                code="too_many_records",
            )
        largest = cell_bytes(batch)
        if largest > self._request.max_cell_bytes:
            raise RunError(
                f"The query returned a value of {largest} bytes; the most is {self._request.max_cell_bytes}. Nothing was changed. "
                "Shorten the value in the query.",
                code="value_too_large",
            )

    def _rows_that_fit(self, batch: pa.RecordBatch) -> int:
        """How many rows of a batch still belong to the chunk being filled; at least one if it is empty."""
        room_rows = self._request.chunk_rows - self._pending_rows
        room_bytes = self._request.chunk_bytes - self._pending_bytes
        row_bytes = max(1, batch.nbytes // batch.num_rows)
        fitting = max(0, min(batch.num_rows, room_rows, room_bytes // row_bytes))
        return fitting if fitting or self._pending_rows else 1

    def _take(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes

    def _write_run(self) -> None:
        """Writes what is pending as a part in order: there is more than one chunk."""
        table = pa.Table.from_batches(self._pending, self._schema)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        name = self._request.load_timestamp
        keys = sort_keys(table.column(name), name)
        if not is_sorted(keys):
            with disk_errors():
                self._await_part()  # the sorted copy takes its place in memory
            order = stable_order(keys)
            table, keys = table.take(pa.array(order)), keys[order]
        self._keys.append(keys)
        with disk_errors():
            self._write_part(table)

    def _write_part(self, table: pa.Table, suffix: str = "") -> None:
        """Begins to write the next part, once the one before is on the disk."""
        self._await_part()
        if shutil.disk_usage(self._request.directory).free < self._request.min_free_bytes + table.nbytes:
            raise disk_full()
        self._being_written = self._disk.submit(self._written, table, f"chunk-{len(self._parts):06d}{suffix}.arrow")

    def _written(self, table: pa.Table, file_name: str) -> _Part:
        size, crc32 = write_table(self._request.directory / file_name, table)
        return _Part(file_name, table.num_rows, size, crc32)

    def _await_part(self) -> None:
        if self._being_written is None:
            return
        writing, self._being_written = self._being_written, None
        part = writing.result()
        self.size += part.size
        if self.size > self._request.max_bytes:
            raise RunError(
                f"The rows of this run need more than {self._request.max_bytes} bytes on disk. Nothing was changed. Select fewer "
                "columns or rows, or ask the operator to raise the limit of the spool.",
                code="spool_too_large",
            )
        self._parts.append(part)
        crashpoint("spool_file_fsynced")

    def _chunks(self) -> tuple[SpoolChunk, ...]:
        if any(before[-1] > after[0] for before, after in pairwise(self._keys)):
            self._merge()
        chunks, ordinal = [], 0
        for number, part in enumerate(self._parts):
            chunks.append(SpoolChunk(number, part.name, part.rows, ordinal, part.size, part.crc32))
            ordinal += part.rows
        return tuple(chunks)

    def _merge(self) -> None:
        """Writes all rows once more, in order across parts, and removes the runs.

        Their checksums are compared first: the sorted files have new ones, of whatever was read.
        """
        runs, self._parts = self._parts, []
        paths = [self._request.directory / run.name for run in runs]
        for run, path in zip(runs, paths, strict=True):
            if file_checksum(path) != run.crc32:
                raise damaged(f"{run.name} does not match its checksum")
        row_bytes = max(1, self.size // self.rows)
        rows = max(1, min(self._request.chunk_rows, self._request.chunk_bytes // row_bytes))
        self.size = 0  # what the finished spool holds; the runs are gone when it is sealed
        # A run is opened anew whenever it is asked for: a file that stays mapped keeps its pages in our memory.
        tables = merged(self._keys, rows, lambda number: read_table(paths[number]), self._request.load_timestamp)
        for table in tables:
            self._write_part(table, "-sorted")
        self._await_part()
        for path in paths:
            path.unlink()
