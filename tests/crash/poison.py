"""R25: a run that kills the service is tried three times, then fails with ``worker_died``; the run beside or behind it proceeds."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.crash.kill_points import Theatre, check_run, people_of_the_oracle, prepare
from tests.crash.report import Outcome
from tests.crash.stage import create_pipeline, latest_run, trigger, wait_until
from tests.fixtures.service import RunningService
from tests.oracle import files_of_a_home as files
from warehouse_sync.client import ApiError
from warehouse_sync.scheduler.runner import MAX_DEATHS

_ALWAYS_PASSED: Final = ("run_claimed", "epoch_raised", "before_run_finished")
"""Where a run comes by in each of its lives, however far the one before had come."""


def poison(theatre: Theatre, folder: Path, draw: random.Random) -> None:
    """Kills the service whenever it executes the first of two runs.

    Raises:
        AssertionError: it was tried more often or given up too early, or the second run did not proceed.
    """
    with theatre.untouched.copied(folder) as stage:
        with stage.serving() as service:
            create_pipeline(service, stage.access, "q", environment="production")
            trigger(service, "p")
            trigger(service, "q")
            _die_while_running(service, draw)
        for _ in range(MAX_DEATHS - 1):
            assert stage.dying(draw.choice(_ALWAYS_PASSED)) == -signal.SIGKILL
        with stage.serving() as service:
            for pipeline in ("p", "q"):
                run = latest_run(service, pipeline)
                assert run is not None
                run = service.wait_for_run(pipeline, run["pipeline_run_id"])
                if pipeline == "p":
                    assert run["pipeline_run_state"] == "failed", run
                    assert run["failure"]["code"] == "worker_died", run
                    applied = run["records_extracted"] or 0  # not counted: it never came to applying any
                else:
                    check_run(run)
            check_run(service.run("p"))  # a person may try again: what was applied comes a second time, in order
        assert files.damage_of(stage.home) == []
        assert files.people(stage.store) == people_of_the_oracle(stage.folder / "shop.duckdb", applied_before=applied)
        assert stage.spools == []


def _die_while_running(service: RunningService, draw: random.Random) -> None:
    def is_running() -> bool:
        run = latest_run(service)
        assert run is not None
        assert run["pipeline_run_state"] != "success", run
        return run["pipeline_run_state"] == "running"

    wait_until(is_running)
    time.sleep(draw.random() * 0.1)
    service.process.kill()
    service.wait_for_death()


def campaign(trials: int, seed: int) -> Outcome:
    """``trials`` poisonous runs."""
    failures = []
    with TemporaryDirectory(prefix="poison-") as name:
        theatre = prepare(Path(name))
        for number in range(trials):
            try:
                poison(theatre, Path(name) / str(number), random.Random(seed + number))
            except (AssertionError, ApiError, TimeoutError, subprocess.TimeoutExpired) as error:
                failures.append(f"seed {seed + number}: {str(error)[:500]}")
    return Outcome(trials, failures)
