"""Workspaces: making them, and listing the caller's own."""

from __future__ import annotations

from warehouse_sync.catalog import audit, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.workspaces import Workspace
from warehouse_sync.clock import Clock
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.services.caller import LARGEST_ID, Caller


class WorkspaceService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, caller: Caller, *, id: int, name: str, org_id: int, account_id: int) -> Workspace:  # noqa: A002 - published
        """Makes a workspace.

        Raises:
            InvalidRequest: a number is out of range, the name is empty, or the id is taken.
        """
        caller.require(Permission.ADMIN, id)
        for field, number in (("id", id), ("org_id", org_id), ("account_id", account_id)):
            if not 0 < number <= LARGEST_ID:
                raise InvalidRequest(f"{field} must be a positive whole number below 2^63.", field=field)
        if not name.strip():
            raise InvalidRequest("name must not be empty.", field="name")
        now = self._clock.now()
        workspace = Workspace(id, name, org_id, account_id, now)
        with self._database.write() as tx:
            workspaces.create(tx, workspace)
            audit.record(tx, AuditEntry(now, caller.client_id, id, "create", "workspace", str(id)))
        return workspace

    def all_of(self, caller: Caller, *, account_id: int | None = None) -> list[Workspace]:
        """The workspaces the caller may reach, of one account or of all; any permission will do.

        Raises:
            NotFound: none of them belongs to this account.
        """
        with self._database.read() as tx:
            reachable = workspaces.all_of(tx, caller.workspaces)
        if account_id is None:
            return reachable
        found = [workspace for workspace in reachable if workspace.account_id == account_id]
        if not found:
            raise caller.no_such("There is no account with this accountId.")
        return found
