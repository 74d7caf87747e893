"""``make bench-peers``: other tools doing what they can of the same job, beside ours, in one run on one machine.

Every tool is given the same Parquet files, one load after the other, in a process of its own, and keeps one row per customer. What it takes
to start and to import is not counted. ``BENCH_ROWS``, ``BENCH_REPEATS`` and ``BENCH_PEERS`` (their names, separated by commas) choose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Taken, middle
from benchmarks.workload import ATTRIBUTES, drawn, made, rows

ROOT: Final = Path(__file__).resolve().parents[2]
ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
REPEATS: Final = int(os.environ.get("BENCH_REPEATS", "3"))
OURS: Final = "Warehouse Sync"
LONGEST_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool, the script that drives it and the environment it is installed in, and what it does not do of the job.

    The job: rows are assigned to people by several identities, what a person's row said before is kept, rows that cannot be assigned are
    counted and listed, and a crash at any moment loses and repeats nothing.
    """

    name: str
    script: str
    environment: str
    lacks: str


PEERS: Final = (
    Peer(OURS, "warehouse_sync_apply.py", ".venv", ""),
    Peer("dlt, upsert", "dlt_merge.py", ".venvs/peers", "one key per table, no identities, no history, no rejects"),
    Peer("DuckDB, MERGE by hand", "duckdb_merge.py", ".venv", "one key per table, nothing but the rows"),
    Peer("PostgreSQL, ON CONFLICT by hand", "postgres_upsert.py", ".venv", "one key per table, nothing but the rows"),
)


def main() -> None:
    loads: dict[str, pa.Table] = {
        "first load": rows(0, ROWS, revision=0),
        "the same again": rows(0, ROWS, revision=0),
        "5 % changed": made(drawn(ROWS // 20, ROWS, 1), 1),
        "all changed": rows(0, ROWS, revision=2),
    }
    chosen = [name.strip() for name in os.environ.get("BENCH_PEERS", "").split(",") if name.strip()]
    peers = [peer for peer in PEERS if peer.name == OURS or not chosen or peer.name in chosen]
    took: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    versions = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        files = {name: Path(folder) / f"{number}.parquet" for number, name in enumerate(loads)}
        for name, table in loads.items():
            pq.write_table(table, files[name])
        for repeat in range(REPEATS):
            for number, peer in enumerate(peers):
                where = Path(folder) / f"{repeat}-{number}"
                where.mkdir()
                for line in _run(peer, where, files):
                    took[peer.name, line["load"]].append(Taken(line["wall"], line["processor"]))
                    versions[peer.name] = line["version"]
    _report({key: middle(times) for key, times in took.items()}, peers, list(loads), versions)


def _run(peer: Peer, where: Path, files: dict[str, Path]) -> list[dict[str, object]]:
    script = ROOT / "benchmarks" / "peers" / peer.script
    arguments = [f"{name}={path}" for name, path in files.items()]
    done = subprocess.run(
        [ROOT / peer.environment / "bin" / "python", script, where, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    if done.returncode:
        print(f"{peer.name} failed: {done.stderr[-800:]}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"load"')]


def _report(took: dict[tuple[str, str], Taken], peers: list[Peer], loads: list[str], versions: dict[str, str]) -> None:
    table = Table(title=f"{ROWS:,} rows x {ATTRIBUTES} attributes, median of {REPEATS}: seconds, and times ours")
    for column in ("tool", *loads, "does not"):
        table.add_column(column, justify="left" if column in {"tool", "does not"} else "right")
    for peer in peers:
        cells = []
        for load in loads:
            found, ours = took.get((peer.name, load)), took[OURS, load]
            cells.append("failed" if found is None else f"{found.wall:.2f}\n{found.wall / ours.wall:.2f} x")
        table.add_row(f"{peer.name}\n{versions.get(peer.name, '')}", *cells, peer.lacks)
    Console(width=140).print(table)
    processor = Table(title="the same in processor seconds")
    for column in ("tool", *loads):
        processor.add_column(column, justify="left" if column == "tool" else "right")
    for peer in peers:
        cells = []
        for load in loads:
            found, ours = took.get((peer.name, load)), took[OURS, load]
            cells.append(
                "failed" if found is None else f"{found.processor:.2f} ({found.processor / ours.processor:.2f} x)"
            )
        processor.add_row(peer.name, *cells)
    Console(width=140).print(processor)


if __name__ == "__main__":
    main()
