"""Starting a run, and what became of runs: ``…/pipelines/{pipelineId}`` and ``…/status`` (specification §1.7)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.outlooks import OutlookAnswer, outlook_fields
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.api.stamps import StampAnswer, instant_or_none, stamp_of
from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import (
    GeneratedSql,
    Run,
    RunAttempt,
    RunCounts,
    RunFailure,
    RunKind,
    RunState,
    RunType,
    WarehouseUse,
)
from warehouse_sync.domain.timestamps import format_instant, parse_instant
from warehouse_sync.profiles.protocol import Rejects
from warehouse_sync.services.runs import PipelineStatus, RunDetail, Verification

router = APIRouter(tags=["Runs"])

_MAX_PAGE = 1_000_000_000
_SCHEDULER = "scheduler"


class TriggerAnswer(BaseModel):
    """A run was asked for."""

    pipeline_run_id: int = Field(examples=[13325])
    status: Literal["trigger_requested"] = "trigger_requested"


class FailureAnswer(BaseModel):
    """Why a run did not succeed, and who must act."""

    code: str
    message: str


class SqlAnswer(BaseModel):
    """The texts a run sent to the warehouse, as sent."""

    probe: str
    count: str
    extract: str
    count_without_load_timestamp: str | None = Field(description="Only if the pipeline counts unread rows.")
    count_in_future: str | None = Field(description="Only if the pipeline counts unread rows.")


class UnreadAnswer(BaseModel):
    """Rows of the query that no interval holds."""

    without_load_timestamp: int
    in_future: int = Field(description="Their load timestamp was later than the moment of the run.")


class _RunHead(BaseModel):
    pipeline_run_id: int
    id: str = Field(description="The pipeline's id.")
    workspace_id: int
    logical_date: str = Field(examples=["2023-02-01T00:00:00Z"])
    start_date: str | None = Field(description="When its latest execution began.")
    end_date: str | None = Field(description="When its latest execution ended.")
    data_interval_start: str
    data_interval_end: str
    pipeline_run_type: RunType
    pipeline_run_state: RunState
    is_externally_triggered: bool
    records_extracted: int | None
    records_mapped: int | None
    event_batches_generated: int | None


class WarehouseUseAnswer(BaseModel):
    """What the latest attempt at reading took of the warehouse, whether it succeeded or not."""

    seconds: float = Field(description="From the log-in to the last row.")
    bytes_scanned: int | None = Field(description="By all its statements; null where the warehouse does not say.")
    rows_per_second: float | None = Field(description="Null if no rows arrived.")


class _RunTail(BaseModel):
    environment: Environment
    run_kind: RunKind = Field(description="What it is for; all kinds but `scheduled` have the published type `manual`.")
    target_run_id: int | None = Field(description="The run that it undoes.")
    attempt: int
    records_rejected: int | None
    records_unchanged: int | None
    records_superseded: int | None
    values_dropped: int | None
    profiles_matched: int | None
    profiles_created: int | None
    identity_conflicts: int | None
    profiles_orphaned: int | None
    records_late: int | None = Field(
        description="Extracted rows of the interval before, which were not there when that was read."
    )
    unread_rows: UnreadAnswer | None = Field(description="Only if the pipeline counts them.")
    warehouse_use: WarehouseUseAnswer | None = Field(description="Null until it was read.")
    failure: FailureAnswer | None
    cancel_requested_on: str | None = Field(description="When somebody asked to stop it.")
    generated_sql: SqlAnswer | None


class RunAnswer(_RunTail, StampAnswer, _RunHead):
    """A pipeline run."""


class RejectedRow(BaseModel):
    """A refused row: its values as text, by column name."""

    row: dict[str, str | None]


class RejectsAnswer(BaseModel):
    """Rows that a run refused for one reason, with the first of them as samples."""

    reason: str = Field(examples=["no_identity"])
    count: int
    samples: list[RejectedRow]


class DroppedValuesAnswer(BaseModel):
    """Values of an attribute that a run left out for one reason; their rows were applied without them."""

    attribute: str = Field(examples=["biography"])
    reason: str = Field(description="`name_too_long`, `value_too_long` or `not_finite`.", examples=["value_too_long"])
    count: int


class VerificationAnswer(BaseModel):
    """What a run of kind `verify` or `repair` has found; the samples are the first rows of each sort.

    Extra rows are named and left as they are, also by `repair`: what is deleted in a warehouse is deleted nowhere else. If they shall go,
    undo the run that set them, or delete the person.
    """

    rows_compared: int = Field(examples=[5200])
    rows_missing: int = Field(description="No profile holds anything of them.", examples=[2])
    rows_different: int = Field(description="A profile holds something else, which is not newer.", examples=[0])
    rows_extra: int | None = Field(
        description="A profile holds them, and the warehouse no longer has them; null where the run ends before reading stopped, or has "
        "not come to it yet.",
        examples=[1],
    )
    samples_missing: list[RejectedRow]
    samples_different: list[RejectedRow]
    samples_extra: list[RejectedRow] = Field(description="What the profiles hold of them, with `mpid`.")


class ProgressAnswer(BaseModel):
    """How far a run is: rows in the spool, and rows applied to profiles."""

    rows_fetched: int
    rows_applied: int


class AttemptAnswer(BaseModel):
    """One attempt at a run that has ended."""

    attempt: int
    started_on: str | None
    finished_on: str
    failure: FailureAnswer | None
    retry_on: str | None = Field(description="When the next attempt was to follow by itself.")


class RunDetailAnswer(RunAnswer):
    """A pipeline run, with its attempts, what it refused and how far it is."""

    attempts: list[AttemptAnswer] = Field(description="Those that have ended, the latest first, at most 50.")
    rejects: list[RejectsAnswer]
    dropped_values: list[DroppedValuesAnswer] = Field(description="The most frequent first, at most 100.")
    new_attributes: list[str] = Field(
        description="Attributes that the environment did not know before. A long list, or the same names spelled anew, hints at a query "
        "that makes names up.",
        examples=[["plan", "score"]],
    )
    verification: VerificationAnswer | None = Field(description="Only of runs of kind `verify` and `repair`.")
    progress: ProgressAnswer | None = Field(description="Only while the run is being executed.")


class RunPage(BaseModel):
    """One page of runs, the latest logical date first."""

    items: list[RunAnswer]


class _StatusHead(BaseModel):
    pipeline_id: str
    workspace_id: int
    is_faulted: bool
    is_connection_faulted: bool
    is_connection_active: bool
    is_active: bool
    latest_pipeline_run: RunAnswer | None
    is_draft: bool
    faulted_reason: str | None
    synced_until: str | None = Field(description="End of the last data interval that was read with success.")


class StatusAnswer(OutlookAnswer, _StatusHead):
    """How a pipeline stands."""


@router.post("/pipelines/{pipelineId}", summary="Trigger a run of an on-demand pipeline", responses=WRITE)
def trigger_run(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> TriggerAnswer:
    return TriggerAnswer(pipeline_run_id=services.run_requests.trigger(caller, workspace_id, pipelineId).id)


@router.get("/pipelines/{pipelineId}/status", summary="Get a pipeline's status", responses=READ)
def get_status(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> StatusAnswer:
    return _status(services.runs.status(caller, workspace_id, pipelineId))


@router.get("/pipelines/{pipelineId}/status/runs", summary="List a pipeline's runs", responses=READ)
def list_runs(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    *,
    page: Annotated[int, Query(alias="currentPage", ge=1, le=_MAX_PAGE)] = 1,
    size: Annotated[int, Query(alias="pageSize", ge=1, le=1000)] = 50,
    start: Annotated[
        str | None, Query(alias="startDate", max_length=64, description="Least logical date, inclusive.")
    ] = None,
    end: Annotated[
        str | None, Query(alias="endDate", max_length=64, description="Greatest logical date, inclusive.")
    ] = None,
) -> RunPage:
    first, last = _bound(start, "startDate"), _bound(end, "endDate")
    found = services.runs.page(caller, workspace_id, pipelineId, page=page, size=size, start=first, end=last)
    return RunPage(items=[run_answer(run) for run in found])


@router.get("/pipelines/{pipelineId}/status/runs/{pipelineRunId}", summary="Get a run", responses=READ)
def get_run(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: Annotated[int, Path(alias="pipelineRunId")],
) -> RunDetailAnswer:
    return _detail(services.runs.detail(caller, workspace_id, pipelineId, run_id))


def _bound(text: str | None, field: str) -> datetime | None:
    return None if text is None else parse_instant(text, field=field)


def _detail(detail: RunDetail) -> RunDetailAnswer:
    rejects = [
        RejectsAnswer(
            reason=found.reason,
            count=found.count,
            samples=_samples(found),
        )
        for found in detail.rejects
    ]
    progress = detail.progress
    applied = 0 if progress is None or progress.applied is None else progress.applied.extracted
    return RunDetailAnswer(
        **run_answer(detail.run).model_dump(),
        attempts=[_attempt(found) for found in detail.attempts],
        rejects=rejects,
        dropped_values=[DroppedValuesAnswer(**asdict(found)) for found in detail.dropped_values],
        new_attributes=list(detail.new_attributes),
        verification=None if detail.verification is None else _verification(detail.verification),
        progress=None if progress is None else ProgressAnswer(rows_fetched=progress.fetched, rows_applied=applied),
    )


def _verification(found: Verification) -> VerificationAnswer:
    return VerificationAnswer(
        rows_compared=found.compared,
        rows_missing=found.missing.count,
        rows_different=found.different.count,
        rows_extra=None if found.extra is None else found.extra.count,
        samples_missing=_samples(found.missing),
        samples_different=_samples(found.different),
        samples_extra=[] if found.extra is None else _samples(found.extra),
    )


def _samples(found: Rejects) -> list[RejectedRow]:
    return [RejectedRow(row=sample.row) for sample in found.samples]


def _attempt(attempt: RunAttempt) -> AttemptAnswer:
    return AttemptAnswer(
        attempt=attempt.number,
        started_on=instant_or_none(attempt.started_on),
        finished_on=format_instant(attempt.finished_on),
        failure=_failure(attempt.failure),
        retry_on=instant_or_none(attempt.retry_on),
    )


def run_answer(run: Run) -> RunAnswer:
    counts = run.counts
    changed_on = run.finished_on or run.started_on
    stamp = AuditStamp(run.created_on, run.created_by, changed_on, None if changed_on is None else _SCHEDULER)
    return RunAnswer(
        pipeline_run_id=run.id,
        id=run.pipeline_id,
        workspace_id=run.workspace_id,
        logical_date=format_instant(run.logical_date),
        start_date=instant_or_none(run.started_on),
        end_date=instant_or_none(run.finished_on),
        data_interval_start=format_instant(run.data_interval.start),
        data_interval_end=format_instant(run.data_interval.end),
        pipeline_run_type=run.run_type,
        pipeline_run_state=run.state,
        is_externally_triggered=run.run_type is RunType.MANUAL,
        records_extracted=_counted(counts, "extracted"),
        records_mapped=_counted(counts, "mapped"),
        event_batches_generated=_counted(counts, "changed"),
        environment=run.environment,
        run_kind=run.kind,
        target_run_id=run.target_run_id,
        attempt=run.attempt,
        records_rejected=_counted(counts, "rejected"),
        records_unchanged=_counted(counts, "unchanged"),
        records_superseded=_counted(counts, "superseded"),
        values_dropped=_counted(counts, "values_dropped"),
        profiles_matched=_counted(counts, "profiles_matched"),
        profiles_created=_counted(counts, "profiles_created"),
        identity_conflicts=_counted(counts, "identity_conflicts"),
        profiles_orphaned=_counted(counts, "profiles_orphaned"),
        records_late=_counted(counts, "late"),
        unread_rows=None if run.unread is None else UnreadAnswer(**asdict(run.unread)),
        warehouse_use=None if run.warehouse_use is None else _use(run.warehouse_use),
        failure=_failure(run.failure),
        cancel_requested_on=instant_or_none(run.cancel_requested_on),
        generated_sql=_sql(run.generated_sql),
        **stamp_of(stamp),
    )


def _use(use: WarehouseUse) -> WarehouseUseAnswer:
    speed = use.rows_per_second
    return WarehouseUseAnswer(
        seconds=use.seconds,
        bytes_scanned=use.bytes_scanned,
        rows_per_second=None if speed is None else round(speed, 1),
    )


def _counted(counts: RunCounts | None, name: str) -> int | None:
    return None if counts is None else int(getattr(counts, name))


def _failure(failure: RunFailure | None) -> FailureAnswer | None:
    return None if failure is None else FailureAnswer(code=failure.code, message=failure.message)


def _sql(sql: GeneratedSql | None) -> SqlAnswer | None:
    return None if sql is None else SqlAnswer(**asdict(sql))


def _status(status: PipelineStatus) -> StatusAnswer:
    outlook = status.outlook
    pipeline, connection = outlook.pipeline, outlook.connection
    return StatusAnswer(
        pipeline_id=pipeline.id,
        workspace_id=pipeline.workspace_id,
        is_faulted=pipeline.is_faulted,
        is_connection_faulted=connection.is_faulted,
        is_connection_active=connection.is_active,
        is_active=pipeline.is_active,
        latest_pipeline_run=None if status.latest_run is None else run_answer(status.latest_run),
        is_draft=pipeline.is_draft,
        faulted_reason=pipeline.faulted_reason,
        synced_until=instant_or_none(outlook.synced_until),
        **outlook_fields(outlook),
    )
