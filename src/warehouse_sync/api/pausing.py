"""Pausing and resuming a pipeline without sending it again: ``/platform/extensions/…/pipelines/{pipelineId}/…`` (decision D17)."""

from __future__ import annotations

from fastapi import APIRouter

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.pipelines import PipelineWithOutlook, with_outlook
from warehouse_sync.api.responses import WRITE

router = APIRouter(tags=["Pipelines"])


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
