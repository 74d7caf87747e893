"""Notices of the webhook about one workspace: what became of them, and sending those again that were given up."""

from __future__ import annotations

from warehouse_sync.catalog import audit, notices
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.notices import StoredNotice
from warehouse_sync.clock import Clock
from warehouse_sync.domain.notice import NoticeOutcome
from warehouse_sync.services.caller import Caller


class NoticeService:
    """What customers may do with notices. Where these go is the operator's, and is not told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def latest(
        self, caller: Caller, workspace_id: int, *, outcome: NoticeOutcome | None, size: int
    ) -> list[StoredNotice]:
        """The latest notices about the workspace's pipelines, of one outcome or of all, the newest first.

        Raises:
            NotFound: there is no such workspace.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return notices.latest(tx, size=size, workspace_id=workspace_id, outcome=outcome)

    def send_again(self, caller: Caller, workspace_id: int) -> list[str]:
        """Makes the notices that were given up wait for an attempt once more; returns their ids, the oldest first.

        Raises:
            NotFound: there is no such workspace.
        """
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            again = notices.send_again(tx, now, workspace_id=workspace_id)
            details = {"notices": str(len(again))}
            entry = AuditEntry(now, caller.client_id, workspace_id, "resend", "webhook", "notices", details)
            audit.record(tx, entry)
        return again
