"""A pipeline: connection and data model together, a feed, an environment and a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.schedule import ScheduleInterval


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a pipeline runs.

    Attributes:
        interval: the step of the grid, or ``once`` or ``on_demand``.
        start: the grid's anchor; None only for ``once``: no lower bound (decision D7).
        end: no interval ends after it; None for ever.
    """

    interval: ScheduleInterval
    start: datetime | None
    end: datetime | None = None


class OnFailedInterval(StrEnum):
    """What becomes of the intervals after one that failed."""

    WAIT = "wait"  # they wait until it has succeeded: rows are applied in order
    CONTINUE = "continue"  # they are read; it stays visible and can be run again


@dataclass(frozen=True, slots=True)
class WarehouseBudget:
    """What one statement of a pipeline may take of the warehouse; 0 where the pipeline says nothing."""

    statement_timeout_seconds: int = 0
    max_bytes_billed: int = 0


NO_BUDGET: Final = WarehouseBudget()
MAX_STATEMENT_TIMEOUT_SECONDS: Final = 7 * 86_400
MAX_BYTES_BILLED: Final = 1 << 53  # what JSON holds exactly everywhere


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How the runs of a pipeline deal with what goes wrong and what comes late.

    Attributes:
        on_failed_interval: whether later intervals wait for one that failed.
        lookback: how far before its interval's start a scheduled or triggered run reads once more.
        repairs_late_rows: each run looks once more at the interval before its own, and applies the rows that were not there.
        counts_unread_rows: each run counts the rows that no interval holds: those with a load timestamp that is NULL or in the future.
        statement_timeout_seconds: for each statement of its runs; 0 for the operator's, which is never exceeded.
        max_bytes_billed: by each statement, where the warehouse holds it; 0 for no limit.
    """

    on_failed_interval: OnFailedInterval = OnFailedInterval.WAIT
    lookback: timedelta = timedelta(0)
    repairs_late_rows: bool = False
    counts_unread_rows: bool = False
    statement_timeout_seconds: int = 0
    max_bytes_billed: int = 0

    @property
    def budget(self) -> WarehouseBudget:
        return WarehouseBudget(self.statement_timeout_seconds, self.max_bytes_billed)


MAX_LOOKBACK: Final = timedelta(days=90)

DEFAULT_POLICY: Final = RunPolicy()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A stored pipeline. ``connection_key`` and ``data_model_key`` are surrogates; the ids are what customers see.

    ``resumed_on`` is when it was last made active again, None if it never was: the catch-up limit counts from there (decision D6).
    """

    key: int
    id: str
    workspace_id: int
    name: str
    connection_key: int
    connection_id: str
    data_model_key: int
    data_model_id: str
    partner_feed_id: int
    environment: Environment
    schedule: Schedule
    is_active: bool
    is_draft: bool
    faulted_reason: str | None
    audit: AuditStamp
    resumed_on: datetime | None = None
    policy: RunPolicy = DEFAULT_POLICY

    @property
    def is_faulted(self) -> bool:
        return self.faulted_reason is not None

    @property
    def may_run(self) -> bool:
        """Whether runs are made for it at all; a faulted pipeline may be triggered, which clears the fault (D28)."""
        return self.is_active and not self.is_draft
