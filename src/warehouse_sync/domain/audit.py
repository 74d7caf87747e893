"""Who made and last changed a resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditStamp:
    """``last_modified_*`` stay None until the first change (specification §1.4)."""

    created_on: datetime
    created_by: str
    last_modified_on: datetime | None = None
    last_modified_by: str | None = None
