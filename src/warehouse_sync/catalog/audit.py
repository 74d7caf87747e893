"""Who did what, and when. Written in the same transaction as the deed, so neither exists without the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import audit_log


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. ``details`` never hold a secret; ``workspace_id`` is None for deeds outside any workspace."""

    at: datetime
    client_id: str
    workspace_id: int | None
    action: str
    object_kind: str
    object_id: str
    details: Mapping[str, str] | None = None


def record(tx: Transaction, entry: AuditEntry) -> None:
    tx.execute(
        sa.insert(audit_log).values(
            at=entry.at,
            client_id=entry.client_id,
            workspace_id=entry.workspace_id,
            action=entry.action,
            object_kind=entry.object_kind,
            object_id=entry.object_id,
            details=None if entry.details is None else dict(entry.details),
        )
    )


def page(tx: Transaction, workspace_id: int, *, page: int, size: int) -> list[AuditEntry]:
    """Page ``page`` (from 1) of a workspace's deeds, the latest first."""
    columns = audit_log.c
    query = (
        sa.select(audit_log)
        .where(columns.workspace_id == workspace_id)
        .order_by(columns.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    )
    return [
        AuditEntry(row.at, row.client_id, row.workspace_id, row.action, row.object_kind, row.object_id, row.details)
        for row in tx.execute(query)
    ]
