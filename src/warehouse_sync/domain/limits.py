"""The published Early Access limits (specification §1.12) and attribute limits (§4.5). Settings raise or lower the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from warehouse_sync.domain.schedule import ScheduleInterval

ATTRIBUTE_NAME_CHARACTERS: Final = 256
ATTRIBUTE_VALUE_CHARACTERS: Final = 4096
LIST_ENTRIES: Final = 1000
LIST_ENTRY_CHARACTERS: Final = 512

PUBLISHED_RECORDS: Final[dict[ScheduleInterval, int]] = {
    ScheduleInterval.HOURLY: 1_000_000,
    ScheduleInterval.DAILY: 24_000_000,
    ScheduleInterval.WEEKLY: 40_000_000,
    ScheduleInterval.MONTHLY: 40_000_000,
    ScheduleInterval.ONCE: 40_000_000,
    ScheduleInterval.ON_DEMAND: 24_000_000,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one workspace and one run may use.

    Attributes:
        active_pipelines: pipelines that are active and not drafts, per workspace (decision D15).
        columns: output columns of a data model.
        records: rows of one run, by schedule interval.
    """

    active_pipelines: int = 5
    columns: int = 100
    records: dict[ScheduleInterval, int] = field(default_factory=lambda: dict(PUBLISHED_RECORDS))
