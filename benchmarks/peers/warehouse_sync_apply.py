"""Ours: rows to a sealed spool, from there chunk by chunk to profiles: identities resolved, history kept, each chunk durable."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.measuring import MEMORY_MB
from benchmarks.peers.timing import folder, run_loads
from benchmarks.workload import plan
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.sync.apply import apply_chunk
from warehouse_sync.sync.spool import SpoolRequest, SpoolWriter, open_spool


class Home:
    """A profile store, and runs numbered from 1."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._stores = DuckDbStores(where / "profiles", b"k" * 32, StoreLimits(memory_mb=MEMORY_MB))
        self._runs = 0

    def load(self, path: Path) -> None:
        self._runs += 1
        file, spool_folder = pq.ParquetFile(path), self._where / f"run-{self._runs}"
        writer = SpoolWriter(SpoolRequest(spool_folder, "updated_at", max_rows=100_000_000), file.schema_arrow)
        for batch in file.iter_batches():
            writer.write(batch)
        writer.seal()
        spool = open_spool(spool_folder)
        assert spool is not None
        for number, chunk in enumerate(spool.chunks()):
            table = spool.read(chunk)
            if number == 0:
                self._stores.begin(plan(self._runs, table).run, start_over=False)
            apply_chunk(self._stores, plan(self._runs, table), number, table, now=datetime.now(UTC))
        shutil.rmtree(spool_folder)


if __name__ == "__main__":
    run_loads(Home(folder()).load, version=f"version {version('warehouse-sync')}")
