"""What every peer's script prints: one JSON line per load. Imports nothing, for it runs in other tools' environments."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def run_loads(load: Callable[[Path], object], *, version: str) -> None:
    """Does the loads that the command line names as ``NAME=PARQUET``, in order, and prints what each took in seconds.

    Args:
        load: takes all rows of a Parquet file to their durable end.
        version: of the tool.
    """
    for argument in sys.argv[2:]:
        name, _, path = argument.partition("=")
        wall, processor = time.perf_counter(), _processor()
        load(Path(path))
        took = {"load": name, "wall": time.perf_counter() - wall, "processor": _processor() - processor}
        print(json.dumps(took | {"version": version}), flush=True)


def folder() -> Path:
    """Where the tool may write."""
    return Path(sys.argv[1])


def _processor() -> float:
    """Processor seconds of this process and of those it started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
