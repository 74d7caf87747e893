"""dlt: ``merge`` with ``upsert`` by customer id into a DuckDB file, from an Arrow table."""

from __future__ import annotations

import os
from pathlib import Path

import dlt
import pyarrow.parquet as pq

from benchmarks.peers.timing import folder, run_loads


class Pipeline:
    def __init__(self, where: Path) -> None:
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        os.environ["DLT_DATA_DIR"] = str(where / "dlt")
        destination = dlt.destinations.duckdb(str(where / "peer.duckdb"))
        self._pipeline = dlt.pipeline("bench", str(where / "pipelines"), destination=destination, dataset_name="shop")

    def load(self, path: Path) -> None:
        self._pipeline.run(
            pq.read_table(path),
            table_name="customers",
            write_disposition={"disposition": "merge", "strategy": os.environ.get("DLT_STRATEGY", "upsert")},
            primary_key="customer_id",
        )


if __name__ == "__main__":
    run_loads(Pipeline(folder()).load, version=f"dlt {dlt.__version__}")
