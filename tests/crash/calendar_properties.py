"""R13: the properties of grids, planning and load timestamps, each on many examples."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final

from tests.crash.report import ROOT, Outcome
from tests.fixtures.examples import WANTED

_FILES: Final = (
    "tests/unit/domain/test_schedule.py",
    "tests/unit/scheduler/test_planner.py",
    "tests/unit/domain/test_load_timestamp.py",
)
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (.+)$", re.MULTILINE)


def campaign(trials: int, seed: int) -> Outcome:
    """So many examples of each property; one that fails is a failure."""
    options = ["-q", "-p", "no:cacheprovider", "-o", "timeout=0", "-n", "2", f"--hypothesis-seed={seed}"]
    command = [sys.executable, "-m", "pytest", *options, *_FILES]
    environment = os.environ | {WANTED: str(trials)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Outcome(trials)
    said = _FAILED.findall(done.stdout) or [f"pytest ended with {done.returncode}: {done.stdout[-500:]}"]
    return Outcome(trials, said)
