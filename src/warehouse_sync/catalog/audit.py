"""Who did what, and when; and who was refused.

A deed is recorded in its own transaction, so neither exists without the other. Nothing changes an entry; only its age removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import audit_log

DONE: Final = "done"
_OUTCOME: Final = "refused_with"  # a name among the details that no deed uses


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed, or one attempt that was refused.

    Attributes:
        workspace_id: None outside any workspace. A refused attempt names the workspace that was asked for, whether there is one or not.
        action: a verb; of a refused attempt the request's method.
        details: never a secret.
        outcome: ``done``, or the code of the refusal.
        id: its number, ascending in time; None before it is recorded.
    """

    at: datetime
    client_id: str
    workspace_id: int | None
    action: str
    object_kind: str
    object_id: str
    details: Mapping[str, str] | None = None
    outcome: str = DONE
    id: int | None = field(default=None, compare=False)


def record(tx: Transaction, entry: AuditEntry) -> None:
    details = dict(entry.details or {}) | ({} if entry.outcome == DONE else {_OUTCOME: entry.outcome})
    tx.execute(
        sa.insert(audit_log).values(
            at=entry.at,
            client_id=entry.client_id,
            workspace_id=entry.workspace_id,
            action=entry.action,
            object_kind=entry.object_kind,
            object_id=entry.object_id,
            details=details or None,
        )
    )


def page(
    tx: Transaction, workspace_id: int | None, *, page: int, size: int, before: int | None = None
) -> list[AuditEntry]:
    """Page ``page`` (from 1) of a workspace's entries, or with None of all entries, the latest first.

    Args:
        before: only entries with smaller numbers, so that pages stay put while the log grows.
    """
    columns = audit_log.c
    query = sa.select(audit_log).order_by(columns.id.desc()).limit(size).offset((page - 1) * size)
    if workspace_id is not None:
        query = query.where(columns.workspace_id == workspace_id)
    if before is not None:
        query = query.where(columns.id < before)
    return [_entry(row) for row in tx.execute(query)]


def forget(tx: Transaction, before: datetime, *, at_most: int) -> int:
    """Removes the oldest entries, those from before a moment and no more than ``at_most``; returns how many."""
    columns = audit_log.c
    oldest = tx.execute(sa.select(columns.id, columns.at).order_by(columns.id).limit(at_most)).all()
    old = [row.id for row in oldest if row.at < before]
    if old:
        tx.execute(sa.delete(audit_log).where(columns.id <= old[-1], columns.at < before))
    return len(old)


def _entry(row: sa.Row[Any]) -> AuditEntry:
    details = dict(row.details or {})
    outcome = details.pop(_OUTCOME, DONE)
    return AuditEntry(
        at=row.at,
        client_id=row.client_id,
        workspace_id=row.workspace_id,
        action=row.action,
        object_kind=row.object_kind,
        object_id=row.object_id,
        details=details or None,
        outcome=outcome,
        id=row.id,
    )
