"""A real PostgreSQL for the tools that load into one: durable, and the processor seconds of its processes counted with theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks.peers.timing import run_loads
from tests.fixtures.postgres import RunningPostgres, running_postgres

_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "1GB"}


@contextmanager
def durable_postgres() -> Iterator[RunningPostgres]:
    """Runs a server until the block ends."""
    with running_postgres(settings=_DURABLE) as server:
        yield server


def run_loads_into(server: RunningPostgres, load: Callable[[Path], object], *, version: str = "") -> None:
    """:func:`run_loads` of a tool with a version of its own, if it has one, and the server's."""
    ours = f"PostgreSQL {server.execute('SHOW server_version')[0][0]}"
    run_loads(load, version=f"{version}\n{ours}" if version else ours, beside=lambda: _processor(server.pid))


def _processor(pid: int) -> float:
    """Processor seconds of a server's first process, of those it started and of those that have ended."""
    first = psutil.Process(pid)
    used = sum(first.cpu_times()[:4])
    for child in first.children():
        try:
            used += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:  # it ends as its client leaves; the first process has counted it by the next time
            continue
    return used
