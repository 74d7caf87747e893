"""R27: a backup that is taken while a run is applied is a home in which that run, and every later one, is applied exactly once."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.crash.kill_points import Theatre, check_run, people_of_the_oracle, prepare
from tests.crash.report import Outcome
from tests.crash.stage import Stage, latest_run, trigger
from tests.crash.stop import length_of_a_run
from tests.fixtures.service import RunningService, command
from tests.oracle import files_of_a_home as files
from warehouse_sync.client import ApiError

SETTINGS: Final = {"chunk_rows": "60"}


def trial(theatre: Theatre, folder: Path, moment: Callable[[Stage, RunningService], None]) -> str:
    """Backs a home up during a run, restores it beside, and serves that; returns what the run was at.

    Args:
        moment: returns when the backup shall be taken.

    Raises:
        AssertionError: something is lost, twice, stuck or damaged.
    """
    with theatre.untouched.copied(folder / "live") as stage:
        with stage.serving(**SETTINGS) as service:
            trigger(service)
            moment(stage, service)
            command(stage.home, "backup", str(folder / "saved"), "--with-keys")
            run = latest_run(service)
            assert run is not None
            check_run(service.wait_for_run("p", run["pipeline_run_id"]))
        restored = Stage(folder / "restored", stage.access)
        command(restored.home, "restore", str(folder / "saved"))
        shutil.copy(stage.folder / "shop.duckdb", restored.folder)
        return _examine(restored)


def _examine(stage: Stage) -> str:
    """Serves a restored home until its pipeline has read everything, and compares it with the oracle."""
    runs = files.runs_of(stage.home)
    before = files.rows_applied(stage.store)[0] if stage.store.exists() else 0
    is_done = [run.state for run in runs] == ["success"]
    with stage.serving(**SETTINGS) as service:
        run = latest_run(service)
        check_run(service.run("p") if run is None else service.wait_for_run("p", run["pipeline_run_id"]))
        assert service.run("p")["records_extracted"] == 0
    assert files.damage_of(stage.home) == []
    assert {run.state for run in files.runs_of(stage.home)} == {"success"}
    twice = [token for model in files.tokens(stage.store).values() for token, times in model.items() if times > 1]
    assert twice == []
    expected = people_of_the_oracle(stage.folder / "shop.duckdb", applied_before=0 if is_done else before)
    assert files.people(stage.store) == expected
    return "its end" if is_done else "an apply" if before else "what comes before"


def campaign(trials: int, seed: int) -> Outcome:
    """``trials`` backups at moments spread over the length of a run, as it is here and now."""
    draw, at, failures = random.Random(seed), Counter[str](), []
    with TemporaryDirectory(prefix="backup-") as name:
        folder = Path(name)
        theatre = prepare(folder)
        length = length_of_a_run(theatre, folder / "length", **SETTINGS)
        for number in range(trials):
            delay = draw.random() * length
            try:
                at[trial(theatre, folder / str(number), lambda *_, delay=delay: time.sleep(delay))] += 1
            except (AssertionError, ApiError, subprocess.TimeoutExpired) as error:
                failures.append(f"after {delay:.3f} s: {str(error)[:500]}")
            shutil.rmtree(folder / str(number), ignore_errors=True)
    return Outcome(trials, failures, "taken at: " + ", ".join(f"{what} {times}" for what, times in at.most_common()))
