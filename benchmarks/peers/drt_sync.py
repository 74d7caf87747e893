"""drt: a sync by customer id into a PostgreSQL, from the Parquet file as DuckDB reads it. Its program starts anew for every load.

It sends every row as a statement of its own; a batch, which it commits, is as large here as the others' batches of rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.peers.durable_postgres import durable_postgres, run_loads_into
from benchmarks.peers.timing import PEERS, folder
from tests.fixtures.postgres import RunningPostgres

_PROGRAM: Final = PEERS / "bin" / "drt"
_BATCH_ROWS: Final = 20_000


class Sync:
    def __init__(self, where: Path, server: RunningPostgres) -> None:
        self._where, self._server = where, server
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(where),
            "DO_NOT_TRACK": "1",
            "TARGET": server.url(),
        }
        _write(where / ".drt" / "profiles.yml", {"files": {"type": "duckdb", "database": ":memory:"}})
        _write(where / "drt_project.yml", {"name": "bench", "profile": "files"})

    def load(self, path: Path) -> None:
        self._make_table(path)
        target = {"table": "public.customers", "upsert_key": ["customer_id"], "connection_string_env": "TARGET"}
        sync = {
            "name": "customers",
            "model": f"SELECT * FROM read_parquet('{path}')",
            "destination": {"type": "postgres", **target},
            "sync": {"mode": "upsert", "batch_size": _BATCH_ROWS},
        }
        _write(self._where / "syncs" / "customers.yml", sync)
        subprocess.run([_PROGRAM, "run"], cwd=self._where, env=self._environment, stdout=sys.stderr, check=True)

    def version(self) -> str:
        said = subprocess.run(
            [_PROGRAM, "--version"], env=self._environment, capture_output=True, check=True, text=True
        )
        return f"drt {said.stdout.split()[2]}"

    def _make_table(self, path: Path) -> None:
        """What drt leaves to its user."""
        with dbapi.connect(self._server.url()) as session, session.cursor() as cursor:
            cursor.adbc_ingest("shape", pq.read_schema(path).empty_table(), mode="create", temporary=True)
            cursor.execute("CREATE TABLE IF NOT EXISTS customers (LIKE shape, PRIMARY KEY (customer_id))")
            session.commit()


def _write(path: Path, content: object) -> None:
    """Writes a file of YAML; JSON is YAML."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


if __name__ == "__main__":
    with durable_postgres() as server:
        sync = Sync(folder(), server)
        run_loads_into(server, sync.load, version=sync.version())
