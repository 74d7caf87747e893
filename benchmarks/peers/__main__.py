"""``make bench-peers``: other tools doing what they can of the same job, beside ours, in one run on one machine.

Every tool is given the same Parquet files, one load after the other, in a process of its own, and keeps one row per customer. What it takes
to start and to import is not counted, except of a program that starts anew for every load. Processor seconds are those of a tool and of the
database server it loads into. A tool that sends row by row is given fewer customers, ``BENCH_DRT_ROWS``, and only what it did in a second
is told. ``BENCH_ROWS``, ``BENCH_REPEATS`` and ``BENCH_PEERS`` (such as ``dlt,Sling``) choose.
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
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Taken, middle
from benchmarks.peers.timing import PEERS as INSTALLED
from benchmarks.workload import ATTRIBUTES, drawn, made, rows

ROOT: Final = Path(__file__).resolve().parents[2]
ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
DRT_ROWS: Final = min(ROWS, int(os.environ.get("BENCH_DRT_ROWS", "50000")))
REPEATS: Final = int(os.environ.get("BENCH_REPEATS", "3"))
OURS: Final = "Warehouse Sync"
LONGEST_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool, the script that drives it and the environment that runs the script, and what it does not do of the job.

    The job: rows are assigned to people by several identities, what a person's row said before is kept, rows that cannot be assigned are
    counted and listed, and a crash at any moment loses and repeats nothing.

    Attributes:
        customers: how many it is given.
        program: of the tool, if that is not there on every platform: a pattern within the environment of the other tools.
    """

    name: str
    script: str
    environment: str
    lacks: str
    customers: int = ROWS
    program: str = ""

    @property
    def tool(self) -> str:
        return self.name.partition(",")[0]

    @property
    def installed(self) -> bool:
        return not self.program or any(INSTALLED.glob(self.program))


PEERS: Final = (
    Peer(OURS, "warehouse_sync_apply.py", ".venv", ""),
    Peer("dlt, upsert", "dlt_merge.py", ".venvs/peers", "one key per table, no identities, no history, no rejects"),
    Peer("DuckDB, MERGE by hand", "duckdb_merge.py", ".venv", "one key per table, nothing but the rows"),
    Peer("PostgreSQL, ON CONFLICT by hand", "postgres_upsert.py", ".venv", "one key per table, nothing but the rows"),
    Peer(
        "Sling, incremental",
        "sling_incremental.py",
        ".venv",
        "one key per table, no identities, no history, no rejects, no constraint on the key; writes rows that say nothing new",
        program="lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64",
    ),
    Peer(
        "drt, upsert",
        "drt_sync.py",
        ".venv",
        "one key per table, no identities, no history; a statement per row, a commit per batch; writes rows that say nothing new",
        customers=DRT_ROWS,
    ),
)


def loads_of(customers: int) -> dict[str, pa.Table]:
    """What every tool is given so many customers of, in order, by name."""
    return {
        "first load": rows(0, customers, revision=0),
        "the same again": rows(0, customers, revision=0),
        "5 % changed": made(drawn(customers // 20, customers, 1), 1),
        "all changed": rows(0, customers, revision=2),
    }


def main() -> None:
    chosen = [name.strip() for name in os.environ.get("BENCH_PEERS", "").split(",") if name.strip()]
    wanted = [peer for peer in PEERS if peer.name == OURS or not chosen or peer.tool in chosen]
    for peer in wanted:
        if not peer.installed:
            print(f"{peer.name} is skipped: it does not install on this platform.", file=sys.stderr)
    peers = [peer for peer in wanted if peer.installed]
    took: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    given: dict[tuple[str, str], int] = {}
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        files = {customers: _write(Path(folder), customers) for customers in {peer.customers for peer in peers}}
        for repeat in range(REPEATS):
            for number, peer in enumerate(peers):
                where = Path(folder) / f"{repeat}-{number}"
                where.mkdir()
                for line in _run(peer, where, files[peer.customers]):
                    took[peer.name, line["load"]].append(Taken(line["wall"], line["processor"]))
                    given[peer.name, line["load"]] = pq.read_metadata(files[peer.customers][line["load"]]).num_rows
                    versions[peer.name] = line["version"]
    _report({key: middle(times) for key, times in took.items()}, given, peers, versions)


def _write(folder: Path, customers: int) -> dict[str, Path]:
    """Writes the Parquet files of the loads; returns them by the loads' names."""
    files = {}
    for number, (name, table) in enumerate(loads_of(customers).items()):
        files[name] = folder / f"{customers}-{number}.parquet"
        pq.write_table(table, files[name])
    return files


def _run(peer: Peer, where: Path, files: dict[str, Path]) -> list[dict[str, Any]]:
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


def _report(
    took: dict[tuple[str, str], Taken], given: dict[tuple[str, str], int], peers: list[Peer], versions: dict[str, str]
) -> None:
    loads = [load for name, load in given if name == OURS]
    table = Table(title=f"{ROWS:,} rows x {ATTRIBUTES} attributes, median of {REPEATS}: seconds, and times ours")
    processor = Table(title="the same in processor seconds")
    for column in ("tool", *loads, "does not"):
        table.add_column(column, justify="left" if column in {"tool", "does not"} else "right")
    for column in ("tool", *loads):
        processor.add_column(column, justify="left" if column == "tool" else "right")
    for peer in peers:
        wall_cells, processor_cells = [], []
        for load in loads:
            found, ours, count = took.get((peer.name, load)), took[OURS, load], given.get((peer.name, load), 0)
            comparable = count == given[OURS, load]
            wall_cells.append(_cell(found.wall if found else None, ours.wall, count, comparable=comparable))
            processor_cells.append(
                _cell(found.processor if found else None, ours.processor, count, comparable=comparable)
            )
        table.add_row(f"{peer.name}\n{versions.get(peer.name, '')}", *wall_cells, peer.lacks)
        processor.add_row(peer.name, *processor_cells)
    Console(width=140).print(table)
    Console(width=140).print(processor)


def _cell(seconds: float | None, ours: float, count: int, *, comparable: bool) -> str:
    """What a tool took for so many rows; beside what we took if these are the rows that we were given."""
    if seconds is None:
        return "failed"
    return f"{seconds:.2f}\n" + (
        f"{seconds / ours:.2f} x" if comparable else f"{count:,} rows,\n{count / seconds:,.0f} a second"
    )


if __name__ == "__main__":
    main()
