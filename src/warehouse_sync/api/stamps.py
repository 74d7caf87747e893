"""The audit fields that every object ends with (specification §1.4)."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from pydantic import BaseModel, Field

from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.timestamps import format_audit, format_instant


class StampAnswer(BaseModel):
    """Who made and last changed an object; UTC without a zone suffix."""

    created_on: str = Field(examples=["2023-02-03T23:53:08.413"])
    created_by: str = Field(examples=["ci"])
    last_modified_on: str | None = Field(examples=[None])
    last_modified_by: str | None = Field(examples=[None])


class Stamp(TypedDict):
    created_on: str
    created_by: str
    last_modified_on: str | None
    last_modified_by: str | None


def stamp_of(audit: AuditStamp) -> Stamp:
    return {
        "created_on": format_audit(audit.created_on),
        "created_by": audit.created_by,
        "last_modified_on": None if audit.last_modified_on is None else format_audit(audit.last_modified_on),
        "last_modified_by": audit.last_modified_by,
    }


def instant_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)
