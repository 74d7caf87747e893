"""``…/pipelines`` (specification §1.7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StrictStr

from warehouse_sync.api.bodies import Body, Flag, NewIdentity, Number, SameIdentity, check_identity
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.outlooks import OutlookAnswer, outlook_fields
from warehouse_sync.api.patience import patiently
from warehouse_sync.api.responses import READ, WRITE, WRITE_WITH_WAREHOUSE
from warehouse_sync.api.stamps import StampAnswer, instant_or_none, stamp_of
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.pipeline import (
    MAX_BYTES_BILLED,
    MAX_LOOKBACK,
    MAX_STATEMENT_TIMEOUT_SECONDS,
    OnFailedInterval,
    Pipeline,
)
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.domain.timestamps import parse_instant
from warehouse_sync.services.outlook import PipelineOutlook
from warehouse_sync.services.pipelines import PipelineDraft, PolicyDraft

router = APIRouter(tags=["Pipelines"])

_Reference = Annotated[StrictStr, Field(max_length=128)]
_Moment = Annotated[StrictStr | None, Field(max_length=64)]


class _PipelineFields(Body):
    is_active: Flag = Field(True, description="False pauses it.")
    is_draft: Flag = Field(False, description="True: it never runs.")
    connection_id: Annotated[_Reference, Field(examples=["crm-connection"])]
    data_model_id: Annotated[_Reference, Field(examples=["propensity-model"])]
    partner_feed_id: Annotated[Number | None, Field(description="This or `partner_feed_key`.", examples=[2124])] = None
    partner_feed_key: Annotated[
        StrictStr | None, Field(max_length=256, description="This or `partner_feed_id`.", examples=["us1-1234567"])
    ] = None
    schedule_interval: Annotated[ScheduleInterval, Field(examples=["hourly"])]
    schedule_start_time: Annotated[
        _Moment,
        Field(
            description="Anchor of the schedule. By default now less the catch-up limit; required for `on_demand`; absent for "
            "`once` means no lower bound.",
            examples=["2023-02-01T00:05:00Z"],
        ),
    ] = None
    schedule_end_time: Annotated[_Moment, Field(description="No interval ends later.", examples=[None])] = None
    environment: Annotated[Environment, Field(examples=["development"])]
    on_failed_interval: Annotated[
        OnFailedInterval | None,
        Field(
            description="Whether later intervals wait for one that failed, as by default, or go on.", examples=["wait"]
        ),
    ] = None
    lookback_seconds: Annotated[
        Number | None,
        Field(
            ge=0,
            le=MAX_LOOKBACK // timedelta(seconds=1),
            description="How far before its interval each run reads once more; 0 by default.",
            examples=[0],
        ),
    ] = None
    repair_late_rows: Annotated[
        Flag | None,
        Field(
            description="Each run looks for rows that were not there when the interval before was read.",
            examples=[False],
        ),
    ] = None
    count_unread_rows: Annotated[
        Flag | None,
        Field(
            description="Each run counts the rows whose load timestamp is NULL or in the future: no interval holds them.",
            examples=[False],
        ),
    ] = None
    statement_timeout_seconds: Annotated[
        Number | None,
        Field(
            ge=0,
            le=MAX_STATEMENT_TIMEOUT_SECONDS,
            description="The longest statement of its runs in the warehouse; never above the operator's, which 0, the default, stands for.",
            examples=[600],
        ),
    ] = None
    max_bytes_billed: Annotated[
        Number | None,
        Field(
            ge=0,
            le=MAX_BYTES_BILLED,
            description="Bytes that each statement of its runs may bill, for BigQuery; 0, the default, is no limit.",
            examples=[0],
        ),
    ] = None


class NewPipeline(_PipelineFields, NewIdentity):
    """A pipeline to create."""


class ReplacedPipeline(_PipelineFields, SameIdentity):
    """A pipeline to put in the place of another."""


class _PipelineHead(BaseModel):
    id: str
    name: str
    workspace_id: int
    is_active: bool
    is_draft: bool
    is_faulted: bool
    faulted_reason: str | None
    connection_id: str
    data_model_id: str
    partner_feed_id: int
    partner_feed_key: str = MASK
    schedule_start_time: str | None
    schedule_end_time: str | None
    schedule_interval: ScheduleInterval
    environment: Environment


class _PolicyTail(BaseModel):
    on_failed_interval: OnFailedInterval
    lookback_seconds: int
    repair_late_rows: bool
    count_unread_rows: bool
    statement_timeout_seconds: int
    max_bytes_billed: int


class PipelineAnswer(StampAnswer, _PipelineHead):
    """A pipeline, in the published shape."""


class PipelineWithOutlook(OutlookAnswer, _PolicyTail, PipelineAnswer):
    """A pipeline, its policy, how it stands and what it will read next."""


@router.get("/pipelines", summary="List pipelines", responses=READ)
def list_pipelines(caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId) -> list[PipelineWithOutlook]:
    return [with_outlook(found) for found in services.pipelines.all_of(caller, workspace_id)]


@router.get("/pipelines/{pipelineId}", summary="Get a pipeline", responses=READ)
def get_pipeline(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> PipelineWithOutlook:
    return with_outlook(services.pipelines.get(caller, workspace_id, pipelineId))


@router.post(
    "/pipelines",
    summary="Create a pipeline",
    description="Asks the warehouse for the columns of the data model first; nothing is stored when they cannot be mapped.",
    responses=WRITE_WITH_WAREHOUSE,
)
async def create_pipeline(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: NewPipeline
) -> PipelineAnswer:
    check_identity(body, workspace_id=workspace_id)
    return _answer(await patiently(services.pipelines.create, caller, workspace_id, body.id, _draft(body, body.name)))


@router.put(
    "/pipelines/{pipelineId}",
    summary="Replace a pipeline",
    description="Replaces everything and clears a fault. How far it has read is kept.",
    responses=WRITE_WITH_WAREHOUSE,
)
async def replace_pipeline(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    body: ReplacedPipeline,
) -> PipelineAnswer:
    check_identity(body, workspace_id=workspace_id, id=pipelineId)
    return _answer(
        await patiently(services.pipelines.replace, caller, workspace_id, pipelineId, _draft(body, body.name))
    )


@router.delete(
    "/pipelines/{pipelineId}", summary="Delete a pipeline", status_code=204, response_class=Response, responses=WRITE
)
def delete_pipeline(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> None:
    services.pipelines.delete(caller, workspace_id, pipelineId)


def _draft(body: _PipelineFields, name: str) -> PipelineDraft:
    return PipelineDraft(
        name=name,
        connection_id=body.connection_id,
        data_model_id=body.data_model_id,
        partner_feed_id=body.partner_feed_id,
        partner_feed_key=Secret(body.partner_feed_key) if body.partner_feed_key else None,
        schedule_interval=body.schedule_interval,
        schedule_start=_moment(body.schedule_start_time, "schedule_start_time"),
        schedule_end=_moment(body.schedule_end_time, "schedule_end_time"),
        environment=body.environment,
        is_active=body.is_active,
        is_draft=body.is_draft,
        policy=PolicyDraft(
            on_failed_interval=body.on_failed_interval,
            lookback=None if body.lookback_seconds is None else timedelta(seconds=body.lookback_seconds),
            repairs_late_rows=body.repair_late_rows,
            counts_unread_rows=body.count_unread_rows,
            statement_timeout_seconds=body.statement_timeout_seconds,
            max_bytes_billed=body.max_bytes_billed,
        ),
    )


def _moment(text: str | None, field: str) -> datetime | None:
    return None if text is None else parse_instant(text, field=field)


def with_outlook(outlook: PipelineOutlook) -> PipelineWithOutlook:
    policy = outlook.pipeline.policy
    return PipelineWithOutlook(
        **_answer(outlook.pipeline).model_dump(),
        on_failed_interval=policy.on_failed_interval,
        lookback_seconds=policy.lookback // timedelta(seconds=1),
        repair_late_rows=policy.repairs_late_rows,
        count_unread_rows=policy.counts_unread_rows,
        statement_timeout_seconds=policy.statement_timeout_seconds,
        max_bytes_billed=policy.max_bytes_billed,
        **outlook_fields(outlook),
    )


def _answer(pipeline: Pipeline) -> PipelineAnswer:
    return PipelineAnswer(
        id=pipeline.id,
        name=pipeline.name,
        workspace_id=pipeline.workspace_id,
        is_active=pipeline.is_active,
        is_draft=pipeline.is_draft,
        is_faulted=pipeline.is_faulted,
        faulted_reason=pipeline.faulted_reason,
        connection_id=pipeline.connection_id,
        data_model_id=pipeline.data_model_id,
        partner_feed_id=pipeline.partner_feed_id,
        schedule_start_time=instant_or_none(pipeline.schedule.start),
        schedule_end_time=instant_or_none(pipeline.schedule.end),
        schedule_interval=pipeline.schedule.interval,
        environment=pipeline.environment,
        **stamp_of(pipeline.audit),
    )
