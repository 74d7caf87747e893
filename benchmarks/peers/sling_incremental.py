"""Sling: ``--mode incremental`` by customer id into a PostgreSQL, from the Parquet file. Its program starts anew for every load.

Into a DuckDB file it would need an extension that DuckDB downloads. It reads Parquet through DuckDB's own program, installed beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.peers.durable_postgres import durable_postgres, run_loads_into
from benchmarks.peers.timing import PEERS, folder
from tests.fixtures.postgres import RunningPostgres

_PROGRAM: Final = next(PEERS.glob("lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
_STREAM: Final = ("--tgt-conn", "TARGET", "--tgt-object", "public.customers", "--mode", "incremental")


class Stream:
    def __init__(self, where: Path, server: RunningPostgres) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(where),
            "SLING_HOME_DIR": str(where / "sling"),
            "SLING_DISABLE_TELEMETRY": "TRUE",
            "DUCKDB_PATH": str(PEERS / "bin" / "duckdb"),
            "DUCKDB_USE_INSTALLED_EXTENSIONS": "TRUE",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody there: a download fails instead of being measured
            "TARGET": f"{server.url()}?sslmode=disable",
        }

    def load(self, path: Path) -> None:
        stream = ["--src-stream", f"file://{path}", *_STREAM, "--primary-key", "customer_id"]
        subprocess.run([_PROGRAM, "run", *stream], env=self._environment, stdout=sys.stderr, check=True)

    def version(self) -> str:
        said = subprocess.run(
            [_PROGRAM, "--version"], env=self._environment, capture_output=True, check=True, text=True
        )
        return f"Sling {said.stdout.split()[-1]}"


if __name__ == "__main__":
    with durable_postgres() as server:
        stream = Stream(folder(), server)
        run_loads_into(server, stream.load, version=stream.version())
