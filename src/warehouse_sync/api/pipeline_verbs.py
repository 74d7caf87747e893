"""Pausing, resuming and looking ahead: ``/platform/extensions/…/pipelines/{pipelineId}/…`` (decision D17)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.outlooks import IntervalAnswer, NextIntervalAnswer, interval_or_none, next_interval
from warehouse_sync.api.pipelines import PipelineWithOutlook, with_outlook
from warehouse_sync.api.responses import READ, WRITE

router = APIRouter(tags=["Pipelines"])


class ScheduleAnswer(BaseModel):
    """What a pipeline will read next."""

    intervals: list[NextIntervalAnswer]
    skipped_interval: IntervalAnswer | None = Field(
        description="The data interval that the catch-up limit leaves unread."
    )


@router.get(
    "/pipelines/{pipelineId}/schedule",
    summary="List a pipeline's next intervals",
    description="As they will be if every run succeeds and nothing is changed, whether the pipeline is active or not.",
    responses=READ,
)
def get_schedule(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    count: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 10,
) -> ScheduleAnswer:
    ahead = services.pipelines.schedule(caller, workspace_id, pipelineId, count)
    return ScheduleAnswer(
        intervals=[next_interval(coming) for coming in ahead.intervals],
        skipped_interval=interval_or_none(ahead.skipped),
    )


@router.post(
    "/pipelines/{pipelineId}/pause",
    summary="Pause a pipeline",
    description="Lets no more runs begin. A run that is being executed ends as it would; one that waits goes on waiting.",
    responses=WRITE,
)
def pause_pipeline(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> PipelineWithOutlook:
    return with_outlook(services.pipelines.pause(caller, workspace_id, pipelineId))


@router.post(
    "/pipelines/{pipelineId}/resume",
    summary="Resume a pipeline",
    description="Makes it active, clears its fault, and runs the failed interval again that later ones wait for. Asks no warehouse.",
    responses=WRITE,
)
def resume_pipeline(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> PipelineWithOutlook:
    return with_outlook(services.pipelines.resume(caller, workspace_id, pipelineId))
