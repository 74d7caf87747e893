"""The columns that every resource has: who made it, who changed it last, when its life ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.errors import InvalidRequest


def stamp_of(row: sa.Row[Any]) -> AuditStamp:
    return AuditStamp(row.created_on, row.created_by, row.last_modified_on, row.last_modified_by)


def created(now: datetime, by: str) -> dict[str, Any]:
    return {"created_on": now, "created_by": by}


def modified(now: datetime, by: str) -> dict[str, Any]:
    return {"last_modified_on": now, "last_modified_by": by}


def deleted(now: datetime, by: str) -> dict[str, Any]:
    return {"deleted_on": now, "last_modified_on": now, "last_modified_by": by}


def insert_unique(tx: Transaction, statement: sa.Insert, *, kind: str, id: str) -> int:  # noqa: A002 - the published name
    """Runs an insert into a table with one living row per id, and returns the new row's key.

    Raises:
        InvalidRequest: a living object has this id: the index decides, not a look beforehand.
    """
    key: sa.ColumnClause[int] = sa.literal_column("key")
    try:
        with tx.begin_nested():
            return int(tx.execute(statement.returning(key)).scalar_one())
    except sa.exc.IntegrityError as error:
        if not _is_of_living_id(error):
            raise
        raise InvalidRequest(
            f"A {kind} with id {id} exists already. Choose another id, or change that one with PUT.", field="id"
        ) from None


def _is_of_living_id(error: sa.exc.IntegrityError) -> bool:
    text = str(error.orig)  # SQLite names the columns, PostgreSQL the index
    return "_living_id" in text or (".workspace_id" in text and ".id" in text)
