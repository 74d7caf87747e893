"""A data model: a SQL query and the column that says when a row was loaded."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.load_timestamp import LoadTimestamp


@dataclass(frozen=True, slots=True)
class DataModel:
    """A stored data model. ``key`` is the surrogate that attribute origins refer to."""

    key: int
    id: str
    workspace_id: int
    name: str
    sql_query: str
    load_timestamp: LoadTimestamp
    is_active: bool
    audit: AuditStamp
