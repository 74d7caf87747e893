"""Credentials: who may ask for access tokens, and for which workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import credential_workspaces, credentials


class Permission(StrEnum):
    """What a credential may do (specification §7.3)."""

    ADMIN = "admin"  # everything
    USER = "user"  # read the control API, and trigger runs
    PROFILE = "profile"  # read profiles


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential, without its secret. ``workspaces`` is None for every workspace, those made later too."""

    client_id: str
    name: str
    permission: Permission
    workspaces: tuple[int, ...] | None
    is_active: bool
    created_on: datetime


def create(tx: Transaction, credential: Credential, secret_digest: bytes) -> None:
    """Stores a new credential; its workspaces must exist."""
    tx.execute(
        sa.insert(credentials).values(
            client_id=credential.client_id,
            name=credential.name,
            permission=credential.permission.value,
            secret_digest=secret_digest,
            all_workspaces=credential.workspaces is None,
            is_active=credential.is_active,
            created_on=credential.created_on,
        )
    )
    scope = [{"client_id": credential.client_id, "workspace_id": id_} for id_ in credential.workspaces or ()]
    if scope:
        tx.execute(sa.insert(credential_workspaces), scope)


def find(tx: Transaction, client_id: str) -> tuple[Credential, bytes] | None:
    """The credential and the digest of its secret."""
    row = tx.execute(sa.select(credentials).where(credentials.c.client_id == client_id)).one_or_none()
    if row is None:
        return None
    return _credential(row, _scopes(tx, [client_id])), row.secret_digest


def all_of(tx: Transaction) -> list[Credential]:
    """Every credential, the oldest first."""
    rows = tx.execute(sa.select(credentials).order_by(credentials.c.created_on, credentials.c.client_id)).all()
    scopes = _scopes(tx, [row.client_id for row in rows])
    return [_credential(row, scopes) for row in rows]


def set_active(tx: Transaction, client_id: str, *, is_active: bool) -> bool:
    """Allows or forbids new tokens; False if there is no such credential."""
    done = tx.execute(sa.update(credentials).where(credentials.c.client_id == client_id).values(is_active=is_active))
    return done.rowcount == 1


def set_secret(tx: Transaction, client_id: str, secret_digest: bytes) -> bool:
    """Replaces the secret; False if there is no such credential."""
    mine = credentials.c.client_id == client_id
    return tx.execute(sa.update(credentials).where(mine).values(secret_digest=secret_digest)).rowcount == 1


def delete(tx: Transaction, client_id: str) -> bool:
    """Removes a credential for good; False if there is none."""
    tx.execute(sa.delete(credential_workspaces).where(credential_workspaces.c.client_id == client_id))
    return tx.execute(sa.delete(credentials).where(credentials.c.client_id == client_id)).rowcount == 1


def lock_unbound_admins(tx: Transaction) -> frozenset[str]:
    """The active credentials that may do everything everywhere; they stay as they are until the transaction ends."""
    columns = credentials.c
    query = sa.select(columns.client_id).where(
        columns.permission == Permission.ADMIN.value, columns.all_workspaces, columns.is_active
    )
    return frozenset(tx.execute(query.order_by(columns.client_id).with_for_update()).scalars())


def _scopes(tx: Transaction, client_ids: Sequence[str]) -> dict[str, list[int]]:
    columns = credential_workspaces.c
    query = sa.select(columns.client_id, columns.workspace_id).where(columns.client_id.in_(client_ids))
    scopes: dict[str, list[int]] = {}
    for client_id, workspace_id in tx.execute(query.order_by(columns.workspace_id)):
        scopes.setdefault(client_id, []).append(workspace_id)
    return scopes


def _credential(row: sa.Row[Any], scopes: dict[str, list[int]]) -> Credential:
    return Credential(
        client_id=row.client_id,
        name=row.name,
        permission=Permission(row.permission),
        workspaces=None if row.all_workspaces else tuple(scopes.get(row.client_id, ())),
        is_active=row.is_active,
        created_on=row.created_on,
    )
