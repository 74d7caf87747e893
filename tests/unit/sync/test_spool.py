from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse_sync.errors import RunError, StoreError
from warehouse_sync.sync.spool import Spool, SpoolRequest, SpoolWriter, discard_spool, open_spool
from warehouse_sync.sync.spool_manifest import MANIFEST_NAME, Manifest

SCHEMA = pa.schema(
    [
        ("stamp", pa.int64()),
        ("place", pa.int64()),
        pa.field("note", pa.string(), metadata={b"warehouse_sync:kind": b"json"}),
        ("wide", pa.decimal256(50, 2)),
    ]
)


def request(folder: Path, **changes: object) -> SpoolRequest:
    values = {"directory": folder / "spool", "load_timestamp": "stamp", "max_rows": 10**6, "chunk_rows": 10, **changes}
    return SpoolRequest(**values)  # type: ignore[arg-type]


def batch(stamps: list[int], first: int = 0, note: str = "n") -> pa.RecordBatch:
    rows = len(stamps)
    columns = [stamps, list(range(first, first + rows)), [note] * rows, [None] * rows]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def fill(wanted: SpoolRequest, stamps: list[int], batch_rows: int = 7) -> Manifest:
    with SpoolWriter(wanted, SCHEMA) as writer:
        for start in range(0, len(stamps), batch_rows):
            writer.write(batch(stamps[start : start + batch_rows], start))
        return writer.seal()


def opened(wanted: SpoolRequest) -> Spool:
    spool = open_spool(wanted.directory)
    assert spool is not None
    return spool


def rows_of(wanted: SpoolRequest) -> list[tuple[int, int]]:
    spool = opened(wanted)
    tables = [spool.read(chunk) for chunk in spool.chunks()]
    return [(row["stamp"], row["place"]) for table in tables for row in table.to_pylist()]


@settings(max_examples=150, deadline=None)
@given(
    stamps=st.lists(st.one_of(st.integers(0, 5), st.integers(-(2**63), 2**63 - 1)), max_size=60),
    batch_rows=st.integers(1, 20),
    chunk_rows=st.integers(1, 15),
)
def test_above_one_chunk_rows_are_in_stable_order(
    tmp_path_factory: pytest.TempPathFactory, stamps: list[int], batch_rows: int, chunk_rows: int
) -> None:
    wanted = request(tmp_path_factory.mktemp("s"), chunk_rows=chunk_rows)
    manifest = fill(wanted, stamps, batch_rows)
    fetched = list(zip(stamps, range(len(stamps)), strict=True))
    assert rows_of(wanted) == (sorted(fetched) if len(stamps) > chunk_rows else fetched)
    assert manifest.rows == len(stamps)
    assert [chunk.first_ordinal for chunk in manifest.chunks] == [
        sum(chunk.rows for chunk in manifest.chunks[:number]) for number in range(len(manifest.chunks))
    ]
    assert all(1 <= chunk.rows <= chunk_rows for chunk in manifest.chunks)


def test_order_is_that_of_times_and_dates_too(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(microseconds=(i * 7919) % 100) for i in range(100)]
    for number, arrow_type in enumerate([pa.timestamp("us", "UTC"), pa.date32(), pa.decimal128(20, 0)]):
        values = {
            0: moments,
            1: [(start + timedelta(days=(i * 7919) % 100)).date() for i in range(100)],
            2: [(i * 7919) % 100 for i in range(100)],
        }[number]
        wanted = request(tmp_path / str(number))
        wanted.directory.parent.mkdir()
        column = pa.array(values).cast(arrow_type)
        schema = pa.schema([("stamp", arrow_type)])
        writer = SpoolWriter(wanted, schema)
        writer.write(pa.RecordBatch.from_arrays([column], schema=schema))
        writer.seal()
        spool = opened(wanted)
        read = [value for chunk in spool.chunks() for value in spool.read(chunk).column(0).to_pylist()]
        assert read == sorted(column.to_pylist())


def test_a_sealed_spool_keeps_its_schema_and_metadata(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    fill(wanted, [random.Random(7).randrange(100) for _ in range(35)])
    spool = opened(wanted)
    assert spool.manifest.schema.equals(SCHEMA, check_metadata=True)
    for chunk in spool.chunks():
        assert spool.read(chunk).schema.equals(SCHEMA, check_metadata=True)


def test_a_spool_without_rows_is_sealed_with_no_chunk(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    assert fill(wanted, []).chunks == ()
    assert opened(wanted).chunks() == []


def test_chunks_are_cut_by_bytes_as_well(tmp_path: Path) -> None:
    wanted = request(tmp_path, chunk_rows=1000, chunk_bytes=4000)
    with SpoolWriter(wanted, SCHEMA) as writer:
        writer.write(batch(list(range(100)), note="x" * 1000))
        chunks = writer.seal().chunks
    assert len(chunks) > 20
    assert rows_of(wanted) == [(i, i) for i in range(100)]


def test_an_unsealed_spool_counts_for_nothing_and_is_overwritten(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    with SpoolWriter(wanted, SCHEMA) as writer:
        writer.write(batch(list(range(25))))
    assert list(wanted.directory.iterdir())
    assert open_spool(wanted.directory) is None
    fill(wanted, [3, 2, 1])
    assert rows_of(wanted) == [(3, 0), (2, 1), (1, 2)]
    assert len(list(wanted.directory.iterdir())) == 2


@pytest.mark.parametrize("later", [0, 1])
def test_what_this_or_a_later_holder_has_sealed_is_not_fetched_over(tmp_path: Path, later: int) -> None:
    fill(request(tmp_path, reading=3 + later), [1])
    with pytest.raises(RunError, match="tries again by itself"):
        SpoolWriter(request(tmp_path, reading=3), SCHEMA)


def test_what_an_earlier_holder_has_sealed_is_fetched_over(tmp_path: Path) -> None:
    """The epoch of the later one is in the store already: nobody goes on with it."""
    fill(request(tmp_path, reading=2), [1, 2])
    assert fill(request(tmp_path, reading=3), [1]).reading == 3
    assert rows_of(request(tmp_path)) == [(1, 0)]


def test_what_is_sealed_and_damaged_is_fetched_over(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    fill(wanted, [1, 2])
    (wanted.directory / MANIFEST_NAME).write_text("{")
    assert fill(wanted, [1]).rows == 1


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    fill(wanted, list(range(30)))
    discard_spool(wanted.directory)
    assert not wanted.directory.exists()
    discard_spool(wanted.directory)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    fill(wanted, [5, 4, 3, 2, 1] * 6)
    assert stat.S_IMODE(wanted.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in wanted.directory.iterdir()} == {0o600}


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    fill(wanted, list(range(30)))
    for path in sorted(wanted.directory.iterdir()):
        good = path.read_bytes()
        for position in range(0, len(good), max(1, len(good) // 40)):
            path.write_bytes(good[:position] + bytes([good[position] ^ 0x20]) + good[position + 1 :])
            with pytest.raises(StoreError):
                rows_of(wanted)
        path.write_bytes(good)
    assert len(rows_of(wanted)) == 30


def test_a_part_that_is_damaged_before_the_rows_are_put_in_order_is_found(tmp_path: Path) -> None:
    """The sorted files have checksums of their own: damage would be sealed with them."""
    wanted = request(tmp_path)
    with SpoolWriter(wanted, SCHEMA) as writer:
        writer.write(batch(list(range(30, 0, -1))))
        [part] = wanted.directory.glob("chunk-000000*")
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
        with pytest.raises(StoreError, match="checksum"):
            writer.seal()
    assert open_spool(wanted.directory) is None


@pytest.mark.parametrize("change", ["missing", "shorter"])
def test_a_lost_file_is_found_on_opening(tmp_path: Path, change: str) -> None:
    wanted = request(tmp_path)
    chunk = wanted.directory / fill(wanted, list(range(30))).chunks[1].name
    chunk.unlink() if change == "missing" else os.truncate(chunk, 10)
    with pytest.raises(StoreError, match=chunk.name):
        open_spool(wanted.directory)


def test_limits(tmp_path: Path) -> None:
    fill(request(tmp_path, max_rows=30), list(range(30)))
    for number, (changes, stamps, code) in enumerate(
        [
            ({"max_rows": 29}, list(range(30)), "too_many_records"),
            ({"max_bytes": 3000}, list(range(30)), "spool_too_large"),
            ({"max_cell_bytes": 0}, [1], "value_too_large"),
            ({"min_free_bytes": 1 << 60}, [1], "spool_full"),
            ({"load_timestamp": "nothing"}, [1], "load_timestamp_missing"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(RunError) as caught:
            fill(request(folder, **changes), stamps)
        assert caught.value.code == code
        assert open_spool(folder / "spool") is None


def test_a_row_without_load_timestamp_is_refused(tmp_path: Path) -> None:
    with SpoolWriter(request(tmp_path), SCHEMA) as writer, pytest.raises(RunError, match="NULL"):
        writer.write(batch([None] * 11))  # type: ignore[list-item]


def test_a_full_disk_is_transient_and_named(tmp_path: Path) -> None:
    """A limit on file size is the full disk of one process: the write fails in the same place, with EFBIG for ENOSPC."""
    script = f"""
import resource, signal, pathlib
import pyarrow as pa
from warehouse_sync.errors import RunError
from warehouse_sync.sync.spool import SpoolRequest, SpoolWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
schema = pa.schema([("stamp", pa.int64())])
writer = SpoolWriter(SpoolRequest(pathlib.Path({str(tmp_path)!r}) / "spool", "stamp", 10**6), schema)
writer.write(pa.RecordBatch.from_arrays([pa.array(range(5000))], schema=schema))
try:
    writer.seal()
except RunError as error:
    print(error.code, error.transient)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["spool_full", "True"]
    assert open_spool(tmp_path / "spool") is None


def test_files_are_durable_before_the_manifest_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is synced, then the folder, then the manifest under another name, then its renaming."""
    wanted = request(tmp_path)
    events: list[tuple[str, bool]] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        events.append((name, (wanted.directory / MANIFEST_NAME).exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)  # the only way to see it without a tracer
    fill(wanted, [*range(12), 3])
    names = [name for name, _sealed in events]
    assert events[-3:] == [("spool", False), (f"{MANIFEST_NAME}.new", False), ("spool", True)]
    before = names[: len(names) - 3]
    assert {path.name for path in wanted.directory.iterdir()} - {MANIFEST_NAME} <= set(before)
