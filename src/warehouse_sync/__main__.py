"""``python -m warehouse_sync``: the same as the command ``warehouse-sync``."""

from __future__ import annotations

from warehouse_sync.cli.main import run

run()
