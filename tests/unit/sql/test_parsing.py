"""Dialects are whole before any thread can use them."""

from __future__ import annotations

import subprocess
import sys

from warehouse_sync.sql.dialects import DIALECTS

_LOADED = """
import sys
import warehouse_sync.sql.guard
print(*(name for name in sys.modules if name.startswith("sqlglot.dialects.")))
"""


def test_dialects_are_loaded_with_the_module() -> None:
    """Else two threads that need one for the first time meet a half of it (seen: a run sent TIMESTAMPNTZ to DuckDB)."""
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert {f"sqlglot.dialects.{name}" for name in DIALECTS} <= set(done.stdout.split())
