"""R21: told to stop at any moment, the service is gone soon, has put its run back, and its next life goes on without reading again.

That nothing is read again shows by taking the warehouse away: if the rows were all fetched when the service stopped, the next life has no
warehouse to read from.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.crash.kill_points import Theatre, check_run, prepare
from tests.crash.report import Outcome
from tests.crash.stage import Stage, latest_run, trigger
from tests.fixtures.service import RunningService
from warehouse_sync.client import ApiError

_GONE_SECONDS: Final = 10.0
_PUT_BACK_SECONDS: Final = 5.0


def stop(theatre: Theatre, folder: Path, delay: float) -> str:
    """Stops a service so long after a trigger; returns what its run was at.

    Raises:
        AssertionError: it took too long, lost something, or read twice.
    """
    with theatre.untouched.copied(folder) as stage:
        with stage.serving() as service:
            trigger(service)
            time.sleep(delay)
            _stop_in_time(service)
        at = _phase(stage)
        if at == "apply":
            (stage.folder / "shop.duckdb").rename(stage.folder / "away.duckdb")
        with stage.serving() as service:
            run = latest_run(service)
            assert run is not None
            check_run(service.wait_for_run("p", run["pipeline_run_id"]))
        theatre.examine(stage)
    return at


def _stop_in_time(service: RunningService) -> None:
    told, began = datetime.now(UTC), time.monotonic()
    service.process.terminate()
    status = service.process.wait(3 * _GONE_SECONDS)
    took = time.monotonic() - began
    assert status == 0, (status, "".join(service.log))
    assert took <= _GONE_SECONDS, f"gone after {took:.1f} s"
    for line in list(service.log):
        if '"run put back"' in line:
            later = (datetime.fromisoformat(json.loads(line)["timestamp"]) - told).total_seconds()
            assert later <= _PUT_BACK_SECONDS, f"put back after {later:.1f} s"


def _phase(stage: Stage) -> str:
    if any((spool / "manifest.json").exists() for spool in stage.spools):
        return "apply"
    return "fetch" if stage.spools else "before or after"


def campaign(trials: int, seed: int) -> Outcome:
    """``trials`` stops at moments spread over the length of a run, as it is here and now."""
    draw, at, failures = random.Random(seed), Counter[str](), []
    with TemporaryDirectory(prefix="stop-") as name:
        folder = Path(name)
        theatre = prepare(folder)
        length = length_of_a_run(theatre, folder / "length")
        for number in range(trials):
            delay = draw.random() * length
            try:
                at[stop(theatre, folder / str(number), delay)] += 1
            except (AssertionError, ApiError, subprocess.TimeoutExpired) as error:
                failures.append(f"after {delay:.3f} s: {str(error)[:500]}")
    return Outcome(trials, failures, "stopped at: " + ", ".join(f"{what} {times}" for what, times in at.most_common()))


def length_of_a_run(theatre: Theatre, folder: Path, **settings: str) -> float:
    """How many seconds a run takes here and now."""
    with theatre.untouched.copied(folder) as stage, stage.serving(**settings) as service:
        began = time.monotonic()
        service.run("p")
        return time.monotonic() - began
