"""By hand: PostgreSQL, rows by binary ``COPY`` to a temporary table, from there ``INSERT … ON CONFLICT DO UPDATE`` where they differ."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.peers.durable_postgres import durable_postgres, run_loads_into
from tests.fixtures.postgres import RunningPostgres


class Table:
    def __init__(self, server: RunningPostgres) -> None:
        self._server = server

    def load(self, path: Path) -> None:
        rows = pq.ParquetFile(path)
        names = rows.schema_arrow.names
        changed = ", ".join(f"{name} = excluded.{name}" for name in names if name != "customer_id")
        with dbapi.connect(self._server.url()) as session, session.cursor() as cursor:
            cursor.adbc_ingest("incoming", rows.read(), mode="create", temporary=True)
            cursor.execute("CREATE TABLE IF NOT EXISTS customers (LIKE incoming, PRIMARY KEY (customer_id))")
            cursor.execute(
                f"""INSERT INTO customers SELECT * FROM incoming ON CONFLICT (customer_id) DO UPDATE SET {changed}
                    WHERE customers IS DISTINCT FROM excluded"""
            )
            session.commit()


if __name__ == "__main__":
    with durable_postgres() as server:
        run_loads_into(server, Table(server).load)
