"""The audit log: reading it, and recording who was refused. Deeds record themselves, in their own transactions."""

from __future__ import annotations

import threading
from collections import Counter

from warehouse_sync.catalog import audit
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.clock import Clock
from warehouse_sync.services.caller import LARGEST_ID, Caller


class AuditService:
    """The verbs of the audit log. There is none that changes or removes an entry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._unknown: Counter[str] = Counter()
        self._lock = threading.Lock()

    def of_workspace(
        self, caller: Caller, workspace_id: int, *, page: int, size: int, before: int | None = None
    ) -> list[AuditEntry]:
        """Page ``page`` (from 1) of a workspace's entries, the latest first; with ``before`` only those with smaller numbers.

        Raises:
            Forbidden, NotFound: the caller is no admin of this workspace, or there is none.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            return audit.page(tx, workspace_id, page=page, size=size, before=_possible(before))

    def of_all(self, caller: Caller, *, page: int, size: int, before: int | None = None) -> list[AuditEntry]:
        """As :meth:`of_workspace`, every entry, those outside any workspace too.

        Raises:
            Forbidden: the caller is no admin of all workspaces.
        """
        caller.require_permission(Permission.ADMIN)
        caller.require_all_workspaces()
        with self._database.read() as tx:
            return audit.page(tx, None, page=page, size=size, before=_possible(before))

    def refused(self, client_id: str, *, method: str, address: str, workspace_id: int | None, code: str) -> None:
        """Records an attempt of a known client that was refused.

        Args:
            address: the path asked for, without its query, percent-encoded.
            workspace_id: the workspace in the path, if there is one.
            code: of the refusal.

        Raises:
            StoreError: the control database cannot be used now.
        """
        possible = workspace_id is not None and 0 < workspace_id <= LARGEST_ID
        place = workspace_id if possible else None
        entry = AuditEntry(self._clock.now(), client_id, place, method, "address", address, outcome=code)
        with self._database.write() as tx:
            audit.record(tx, entry)

    def count_unknown(self, code: str) -> None:
        """Counts a refused attempt of nobody we know; storing each would let strangers fill the disk."""
        with self._lock:
            self._unknown[code] += 1

    def unknown_refused(self) -> dict[str, int]:
        """How many attempts of unknown clients were refused since the start, by the code of the refusal."""
        with self._lock:
            return dict(self._unknown)


def _possible(number: int | None) -> int | None:
    return None if number is None else min(number, LARGEST_ID)
