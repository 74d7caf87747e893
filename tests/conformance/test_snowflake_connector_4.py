"""The adapter with the connector's older line, 4.x, which the emulator's environment holds: the same suites in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import snowflake.connector

from tests.fixtures.snowflake import PYTHON, ROOT

OLD = next((PYTHON.parents[1] / "lib").glob("python*")) / "site-packages"
OURS = Path(snowflake.connector.__file__).parents[2]
SUITES = ("test_warehouse.py", "test_snowflake_logins.py", "test_snowflake_numbers.py")
SAYS_VERSION = "import snowflake.connector; print(snowflake.connector.__version__)"


def old_connector(folder: Path) -> dict[str, str]:
    """An environment in which Python finds the old connector, and what it needs beyond our own packages, before ours."""
    for entry in OLD.iterdir():
        if entry.name.startswith("snowflake") or not (OURS / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def test_the_suites_pass_with_the_old_connector(tmp_path: Path) -> None:
    environment = old_connector(tmp_path)
    version = subprocess.run(
        [sys.executable, "-c", SAYS_VERSION], env=environment, capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("4.")
    suites = [f"tests/conformance/{name}" for name in SUITES]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "snowflake", *suites]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
