"""How far the running runs are, for status answers; lost with the process, since it is no promise."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from warehouse_sync.domain.run import RunCounts


@dataclass(frozen=True, slots=True)
class RunProgressNow:
    """Rows fetched so far; and of ``total`` fetched rows, what the applied ones counted. ``total`` is None while fetching."""

    fetched: int = 0
    total: int | None = None
    applied: RunCounts | None = None


class LiveProgress:
    """A board that runs write on and anybody reads; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, RunProgressNow] = {}

    def fetched(self, run_id: int, rows: int) -> None:
        with self._lock:
            self._runs[run_id] = replace(self._runs.get(run_id, RunProgressNow()), fetched=rows)

    def applied(self, run_id: int, counts: RunCounts, total: int) -> None:
        with self._lock:
            self._runs[run_id] = RunProgressNow(fetched=total, total=total, applied=counts)

    def of(self, run_id: int) -> RunProgressNow | None:
        with self._lock:
            return self._runs.get(run_id)

    def forget(self, run_id: int) -> None:
        with self._lock:
            self._runs.pop(run_id, None)
