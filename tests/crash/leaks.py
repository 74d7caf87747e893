"""R20: what a service takes it gives back. Many starts and stops in one process, and many runs in one life of a service.

``python -m tests.crash.leaks HOME ROOT CYCLES`` is that one process; it prints what it holds after every cycle.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.crash.report import Outcome
from tests.crash.stage import Stage, make_stage
from tests.fixtures.service import clean_environment
from warehouse_sync.bootstrap import serve
from warehouse_sync.settings import load_settings

_WARM_UP: Final = 3
_DESCRIPTORS: Final = 2  # more than at the beginning
RUNS_PER_LIFE: Final = 50


def held(pid: int | str = "self") -> dict[str, int]:
    """Descriptors and threads of a process."""
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task"))}  # noqa: PTH208


def cycles(stage: Stage, count: int) -> list[str]:
    """Starts and stops the service ``count`` times in one process; returns what it did not give back."""
    line = [sys.executable, "-m", "tests.crash.leaks", str(stage.home), str(stage.folder), str(count + _WARM_UP)]
    done = subprocess.run(line, env=clean_environment({}), capture_output=True, text=True, check=False)
    seen = [json.loads(text) for text in done.stdout.splitlines()]
    if done.returncode or len(seen) != count + _WARM_UP:
        return [f"ended with {done.returncode} after {len(seen)} cycles: {done.stderr[-500:]}"]
    return _grown(seen[_WARM_UP - 1], seen[-1], f"{count} starts and stops") + _left(stage)


def runs(stage: Stage, count: int) -> list[str]:
    """Executes ``count`` runs in one life of the service; returns what it did not give back."""
    with stage.serving() as service:
        for _ in range(_WARM_UP):
            service.run("p")
        first = held(service.process.pid)
        for _ in range(count):
            service.run("p")
        last = held(service.process.pid)
    return _grown(first, last, f"{count} runs") + _left(stage)


def _grown(first: dict[str, int], last: dict[str, int], what: str) -> list[str]:
    allowed = {"descriptors": first["descriptors"] + _DESCRIPTORS, "threads": first["threads"]}
    return [f"{last[name]} {name} after {what}, {first[name]} before" for name in first if last[name] > allowed[name]]


def _left(stage: Stage) -> list[str]:
    scratch = list((stage.home / "scratch").iterdir())
    return [f"left behind: {path.name}" for path in (*stage.spools, *scratch)]


def campaign(trials: int, _seed: int) -> Outcome:
    """``trials`` cycles, and as many runs."""
    with TemporaryDirectory(prefix="leaks-") as folder:
        stage = make_stage(Path(folder) / "stage")
        found = cycles(stage, trials) + runs(stage, trials)
    return Outcome(trials, found)


def main(home: str, root: str, count: str) -> None:
    settings = {"WAREHOUSE_SYNC_HOME": home, "WAREHOUSE_SYNC_DUCKDB_ROOT": root, "WAREHOUSE_SYNC_PORT": "0"}
    for _ in range(int(count)):
        serve(
            load_settings(settings),
            lambda _address: threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start(),
        )
        sys.stdout.write(json.dumps(_held_in_the_end()) + "\n")


def _held_in_the_end() -> dict[str, int]:
    """What is held when no thread is on its way out any more, or after a second."""
    end = time.monotonic() + 1
    while threading.active_count() < len(os.listdir("/proc/self/task")) and time.monotonic() < end:  # noqa: PTH208
        time.sleep(0.02)
    return held()


if __name__ == "__main__":
    main(*sys.argv[1:])
