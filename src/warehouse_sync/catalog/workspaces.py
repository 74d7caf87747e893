"""Workspaces: the borders between callers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import workspaces
from warehouse_sync.errors import InvalidRequest

_BY_ID: Final = sa.select(workspaces).where(workspaces.c.id == sa.bindparam("of_id"))


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace. ``identity_settings`` is what was changed from the default identity rules; None for nothing."""

    id: int
    name: str
    org_id: int
    account_id: int
    created_on: datetime
    identity_settings: Mapping[str, Any] | None = None


def create(tx: Transaction, workspace: Workspace) -> None:
    """Stores a new workspace.

    Raises:
        InvalidRequest: the id is taken.
    """
    if find(tx, workspace.id) is not None:
        raise InvalidRequest(f"Workspace {workspace.id} exists already. Choose another id.", field="id")
    settings = workspace.identity_settings
    tx.execute(
        sa.insert(workspaces).values(
            id=workspace.id,
            name=workspace.name,
            org_id=workspace.org_id,
            account_id=workspace.account_id,
            identity_settings=None if settings is None else dict(settings),
            created_on=workspace.created_on,
        )
    )


def find(tx: Transaction, workspace_id: int) -> Workspace | None:
    row = tx.execute(_BY_ID, {"of_id": workspace_id}).one_or_none()
    return None if row is None else _workspace(row)


def all_of(tx: Transaction, ids: Iterable[int] | None = None) -> list[Workspace]:
    """The workspaces with these ids, or all of them; by ascending id."""
    query = sa.select(workspaces).order_by(workspaces.c.id)
    if ids is not None:
        query = query.where(workspaces.c.id.in_(list(ids)))
    return [_workspace(row) for row in tx.execute(query)]


def set_identity_settings(tx: Transaction, workspace_id: int, settings: Mapping[str, Any] | None) -> None:
    tx.execute(
        sa.update(workspaces)
        .where(workspaces.c.id == workspace_id)
        .values(identity_settings=None if settings is None else dict(settings))
    )


def _workspace(row: sa.Row[Any]) -> Workspace:
    return Workspace(row.id, row.name, row.org_id, row.account_id, row.created_on, row.identity_settings)
