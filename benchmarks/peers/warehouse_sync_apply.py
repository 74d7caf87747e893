"""Ours: rows to a sealed spool, from there chunk by chunk to profiles: identities resolved, history kept, each chunk durable."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.measuring import Store
from benchmarks.peers.timing import folder, run_loads

if __name__ == "__main__":
    store = Store(folder() / "profiles")

    def load(path: Path) -> None:
        file = pq.ParquetFile(path)
        store.load(file.schema_arrow, file.iter_batches())

    run_loads(load, version=f"version {version('warehouse-sync')}")
