"""Who is taken for dead: a holder whose lease was seen unrenewed for its whole length, by a clock that nobody can set.

No two clocks are compared. A wall clock that steps forward ends no lease early, and one that steps back prolongs none (lesson L4).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta

from warehouse_sync.catalog.runs import Lease
from warehouse_sync.clock import Clock


class LeaseWatch:
    """Remembers when each lease was first seen as it is. Safe for threads.

    Args:
        clock: the time; only its monotonic part is used.
        lease: how long a lease lasts.
    """

    def __init__(self, clock: Clock, lease: timedelta) -> None:
        self._clock = clock
        self._seconds = lease.total_seconds()
        self._lock = threading.Lock()
        self._since: dict[Lease, float] = {}

    def abandoned(self, leases: Iterable[Lease]) -> set[Lease]:
        """Which of all the leases there are now were seen unrenewed for their whole length."""
        now = self._clock.monotonic()
        with self._lock:
            self._since = {lease: self._since.get(lease, now) for lease in leases}
            return {lease for lease, since in self._since.items() if now - since >= self._seconds}
