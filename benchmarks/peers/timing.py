"""What every peer's script prints: one JSON line per load. Imports nothing, for it runs in other tools' environments."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

PEERS: Final = Path(__file__).resolve().parents[2] / ".venvs" / "peers"
"""Where the other tools are installed."""


def run_loads(load: Callable[[Path], object], *, version: str, beside: Callable[[], float] = lambda: 0.0) -> None:
    """Does the loads that the command line names as ``NAME=PARQUET``, in order, and prints what each took in seconds.

    Args:
        load: takes all rows of a Parquet file to their durable end.
        version: of the tool.
        beside: processor seconds up to now of what serves the tool, is none of its processes and ends after it.
    """
    for argument in sys.argv[2:]:
        name, _, path = argument.partition("=")
        wall, processor = time.perf_counter(), _processor() + beside()
        load(Path(path))
        took = {"load": name, "wall": time.perf_counter() - wall, "processor": _processor() + beside() - processor}
        print(json.dumps(took | {"version": version}), flush=True)


def folder() -> Path:
    """Where the tool may write."""
    return Path(sys.argv[1])


def _processor() -> float:
    """Processor seconds of this process and of those it started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
