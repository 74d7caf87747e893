"""Who asks, and what they may do where. Every verb of ``services/`` begins with this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from warehouse_sync.catalog import workspaces
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.workspaces import Workspace
from warehouse_sync.errors import Forbidden, NotFound

LARGEST_ID: Final = 2**63 - 1
"""No database stores a larger number, so nothing can have it as its id."""


class OutOfReach(NotFound):
    """The caller asked for what lies outside its workspaces, or may: it looks as if there were none, but the audit log knows.

    Whether it exists was not looked up before this is raised, or makes no difference, so the answer's time does not tell it either.
    """


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, as its credential stands now.

    Attributes:
        client_id: for the audit log.
        name: what resources show as their author.
        permission: the credential's permission; ``admin`` includes the others.
        workspaces: the ids it may reach; None for all.
    """

    client_id: str
    name: str
    permission: Permission
    workspaces: frozenset[int] | None

    def require(self, permission: Permission, workspace_id: int) -> None:
        """Lets the caller pass, or raises.

        Raises:
            Forbidden: its permission does not include ``permission``.
            NotFound: the workspace is not one of its own; the same as if there were none.
        """
        self.require_permission(permission)
        if self.workspaces is not None and workspace_id not in self.workspaces:
            raise OutOfReach(no_workspace(workspace_id).message)

    def require_permission(self, permission: Permission) -> None:
        """As :meth:`require`, for what belongs to no workspace."""
        if self.permission is not Permission.ADMIN and self.permission is not permission:
            raise Forbidden(
                f"This credential has the permission '{self.permission}', which does not reach this. Use one with the permission "
                f"'{permission}'."
            )

    def require_all_workspaces(self) -> None:
        """Lets a caller pass that reaches every workspace.

        Raises:
            Forbidden: its credential is bound to some workspaces.
        """
        if self.workspaces is not None:
            raise Forbidden("This credential is bound to some workspaces. Use one for all workspaces.")

    def no_such(self, message: str) -> NotFound:
        """The refusal for an object named by itself alone, which may be another workspace's or nobody's."""
        return NotFound(message) if self.workspaces is None else OutOfReach(message)

    def enter(self, tx: Transaction, permission: Permission, workspace_id: int) -> Workspace:
        """:meth:`require`, and the workspace itself.

        Raises:
            Forbidden, NotFound: as :meth:`require`; NotFound also if there is no such workspace.
        """
        self.require(permission, workspace_id)
        found = workspaces.find(tx, workspace_id) if 0 < workspace_id <= LARGEST_ID else None
        if found is None:
            raise no_workspace(workspace_id)
        return found


OPERATOR: Final = Caller("operator", "operator", Permission.ADMIN, None)
"""Whoever can read the home's files: the commands that work on the control database directly."""


def no_workspace(workspace_id: int) -> NotFound:
    return NotFound(f"There is no workspace {_short(workspace_id)}.")


def _short(number: int) -> str:
    return str(number) if 0 < number <= LARGEST_ID else "with this id"
