"""Killed inside a step of compaction, a store holds what it held, and the pass goes on where it was (R1)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.profiles.applying import DEVELOPMENT, WORKSPACE, Home
from warehouse_sync.crashpoints import VARIABLE as CRASH_VARIABLE

pytestmark = pytest.mark.crash

TIDY = """
import sys
from pathlib import Path
from tests.unit.profiles.applying import DEVELOPMENT, WORKSPACE, Home
from tests.unit.profiles.test_compaction import SHORT_STEPS
from warehouse_sync.sync.execution import RunExecutor

folder = Path(sys.argv[1])
stores = Home(folder / "profiles", pace=SHORT_STEPS).stores
RunExecutor(None, stores, folder, None, None).tidy(WORKSPACE, DEVELOPMENT, lambda: False)
"""


@pytest.mark.parametrize("point", ["compaction_before_commit:5", "compaction_after_commit"])
def test_a_killed_pass_loses_nothing_and_goes_on(point: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "profiles")
    home.sync(*({"customer_id": f"c{n}", "email": f"e{n}", "x": str(n)} for n in range(10)))
    home.sync(*({"customer_id": f"c{n}", "other": f"o{n}", "x": "new"} for n in range(0, 10, 3)))
    before = home.state()
    home.stores.close()
    assert tidy(tmp_path, point) == -signal.SIGKILL
    home = Home(tmp_path / "profiles")
    assert home.state() == before
    home.stores.close()
    assert tidy(tmp_path, None) == 0
    home = Home(tmp_path / "profiles")
    assert home.state() == before
    assert home.holders_of_emails(*(f"e{n}" for n in range(10))) == list(range(1, 11))
    with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        assert opened is not None
        assert opened[0].execute("SELECT DISTINCT loose, taken FROM disorder").fetchall() == [(0, None)]


def tidy(folder: Path, point: str | None) -> int:
    """Tidies the store in a process of its own, which dies at ``point``; returns how it ended."""
    environment = os.environ | ({CRASH_VARIABLE: point} if point else {})
    command = [sys.executable, "-c", TIDY, str(folder)]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode
