"""By hand: DuckDB's own ``MERGE INTO`` by customer id, in one transaction."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.peers.timing import folder, run_loads


class Table:
    def __init__(self, where: Path) -> None:
        self._connection = duckdb.connect(str(where / "peer.duckdb"), config={"memory_limit": "1024MB"})

    def load(self, path: Path) -> None:
        rows = f"read_parquet('{path}')"
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS customers AS SELECT * FROM {rows} LIMIT 0")
        self._connection.execute(
            f"""MERGE INTO customers USING (SELECT * FROM {rows}) AS new USING (customer_id)
                WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"""
        )


if __name__ == "__main__":
    run_loads(Table(folder()).load, version=f"duckdb {duckdb.__version__}")
