"""Runs: what kinds there are, which states they pass through, what they count."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.interval import Interval


class RunType(StrEnum):
    """The published types (specification §1.7)."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"


class RunKind(StrEnum):
    """What a run is for. The published type of all but the scheduled ones is ``manual`` (decision D27)."""

    SCHEDULED = "scheduled"  # the next interval of the schedule
    MANUAL = "manual"  # a trigger: from where reading stopped to now
    RESYNC = "resync"  # everything that was read so far, once more
    BACKFILL = "backfill"  # a range that somebody named
    VERIFY = "verify"  # compares what was read with what the profiles hold; changes none
    REPAIR = "repair"  # the same, and puts back what they lack
    UNDO = "undo"  # takes back what another run did; reads no warehouse

    @property
    def run_type(self) -> RunType:
        return RunType.SCHEDULED if self is RunKind.SCHEDULED else RunType.MANUAL

    @property
    def compares(self) -> bool:
        """Whether its rows are compared with what the profiles hold."""
        return self in {RunKind.VERIFY, RunKind.REPAIR}

    @property
    def moves_progress(self) -> bool:
        """Whether its success moves on the point up to which the pipeline has read."""
        return self in PROGRESS_KINDS


PROGRESS_KINDS: Final[frozenset[RunKind]] = frozenset({RunKind.SCHEDULED, RunKind.MANUAL})


class RunState(StrEnum):
    """The published states (A6, decision D27)."""

    TRIGGERED = "triggered"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def is_finished(self) -> bool:
        return self in {RunState.SUCCESS, RunState.FAILED}


LEGAL_MOVES: Final[frozenset[tuple[RunState, RunState]]] = frozenset(
    {
        (RunState.TRIGGERED, RunState.QUEUED),
        (RunState.QUEUED, RunState.RUNNING),
        (RunState.QUEUED, RunState.FAILED),
        (RunState.RUNNING, RunState.SUCCESS),
        (RunState.RUNNING, RunState.FAILED),
        (RunState.RUNNING, RunState.QUEUED),  # its holder died: the run waits for the next one
        (RunState.FAILED, RunState.QUEUED),  # only as a new attempt
    }
)
"""Every move a run may make (promise I6). ``success`` is final."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run counted. All are numbers of rows unless said otherwise (decisions D9, D10).

    ``extracted = mapped + rejected`` and ``mapped = changed + unchanged + superseded`` once a run has succeeded.
    """

    extracted: int = 0
    rejected: int = 0
    changed: int = 0
    unchanged: int = 0
    superseded: int = 0
    values_dropped: int = 0  # attribute values over a limit (decision D32)
    profiles_matched: int = 0  # mapped rows that found a profile that existed before them
    profiles_created: int = 0  # profiles made by this run
    identity_conflicts: int = 0  # mapped rows for which a guard refused at least one profile
    profiles_orphaned: int = 0  # profiles that lost their last look-up identity
    late: int = 0  # extracted rows of the interval before, which were not there when that was read

    @property
    def mapped(self) -> int:
        return self.changed + self.unchanged + self.superseded

    def __add__(self, other: RunCounts) -> RunCounts:
        return RunCounts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class WarehouseUse:
    """What the latest attempt at reading took of the warehouse, whether it succeeded or not.

    Attributes:
        seconds: from the log-in to the last row on our disk.
        rows: that arrived; 0 if not all did.
        bytes_scanned: by all its statements; None where the warehouse does not say.
    """

    seconds: float
    rows: int
    bytes_scanned: int | None = None

    @property
    def rows_per_second(self) -> float | None:
        """None if nothing was read."""
        return self.rows / self.seconds if self.rows and self.seconds > 0 else None


@dataclass(frozen=True, slots=True)
class UnreadRows:
    """Rows that no interval holds, as a run counted them.

    Attributes:
        without_load_timestamp: those whose load timestamp is NULL.
        in_future: those whose load timestamp was later than the moment at which they were counted.
    """

    without_load_timestamp: int
    in_future: int


@dataclass(frozen=True, slots=True)
class RunKey:
    """What names a run to the profile store: enough to find the store and to fence its holder.

    Attributes:
        run_id: the run's number, unique across pipelines.
        epoch: raised by one at every claim; only the newest epoch may commit (promise I5).
        workspace_id: the workspace of the pipeline.
        environment: the pool of profiles the run writes to.
    """

    run_id: int
    epoch: int
    workspace_id: int
    environment: Environment


CANCELLED: Final = "cancelled"
"""Code of a run that somebody stopped. It is not tried again by itself."""

WORKER_DIED: Final = "worker_died"
"""Code of a run whose process died too often."""


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run did not succeed: a stable code, and a sentence with the remedy."""

    code: str
    message: str


def cancelled_by(name: str) -> RunFailure:
    """The failure of a run that somebody cancelled."""
    return RunFailure(
        CANCELLED,
        f"The run was cancelled by {name}. What it had committed by then stays, and is merged once more without harm when its "
        "interval is read again.",
    )


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One attempt at a run that came to its end.

    Attributes:
        number: as ``Run.attempt``, from 1.
        started_on: when its latest execution began; None if it never did.
        finished_on: when it ended.
        failure: why it did not succeed; None for the one that did.
        retry_on: when the next attempt was to follow by itself; None for never.
    """

    number: int
    started_on: datetime | None
    finished_on: datetime
    failure: RunFailure | None
    retry_on: datetime | None


@dataclass(frozen=True, slots=True)
class GeneratedSql:
    """The texts a run sent to the warehouse, as sent (specification §8 item 8). Unread rows are counted only if that is wanted."""

    probe: str
    count: str
    extract: str
    count_without_load_timestamp: str | None = None
    count_in_future: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run: one execution of a pipeline for one interval.

    Attributes:
        id: the published ``pipeline_run_id``, unique across pipelines.
        kind: what it is for.
        logical_date: start of the interval on the schedule's grid; the data interval's start for manual runs.
        data_interval: what the SQL is limited to.
        attempt: 1 at first; one more whenever a failed run is executed again.
        epoch: raised at every claim; fences earlier holders.
        started_on, finished_on: wall clock of the latest execution (A7).
        counts: None until rows were counted.
        generated_sql: None until it was generated.
        failure: set when ``state`` is ``failed``.
        target_run_id: the run that this one undoes.
        details: what else its kind needs to know, as JSON.
        unread: rows that no interval holds; None unless the pipeline counts them.
        warehouse_use: what reading took of the warehouse; None until it was read.
        cancel_requested_on: when somebody asked to stop it; None again as soon as it is run again.
        cancel_requested_by: who did.
    """

    id: int
    pipeline_key: int
    pipeline_id: str
    workspace_id: int
    environment: Environment
    kind: RunKind
    state: RunState
    logical_date: datetime
    data_interval: Interval
    attempt: int
    epoch: int
    created_on: datetime
    created_by: str
    started_on: datetime | None = None
    finished_on: datetime | None = None
    counts: RunCounts | None = None
    generated_sql: GeneratedSql | None = None
    failure: RunFailure | None = None
    target_run_id: int | None = None
    details: dict[str, Any] | None = None
    unread: UnreadRows | None = None
    warehouse_use: WarehouseUse | None = None
    cancel_requested_on: datetime | None = None
    cancel_requested_by: str | None = None

    @property
    def finds_extra(self) -> bool:
        """Whether it also tells what the profiles hold and the warehouse no longer has."""
        return bool((self.details or {}).get("finds_extra"))

    @property
    def run_type(self) -> RunType:
        """The published type."""
        return self.kind.run_type

    @property
    def key(self) -> RunKey:
        return RunKey(self.id, self.epoch, self.workspace_id, self.environment)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the planner or a person asks for: one run of a pipeline.

    Attributes:
        kind: what it is for.
        logical_date: start of the interval on the schedule's grid; for every other kind the data interval's start.
        data_interval: what the SQL is limited to: for a scheduled run the grid interval moved by the load timestamp's offset.
        target_run_id: the run that is to be undone.
        details: what else the kind needs to know, as JSON.
    """

    kind: RunKind
    logical_date: datetime
    data_interval: Interval
    target_run_id: int | None = None
    details: dict[str, Any] | None = None
