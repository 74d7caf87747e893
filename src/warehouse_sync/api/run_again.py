"""Running a failed run again: ``/platform/extensions/…/runs/{pipelineRunId}/run-again`` (decision D27)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import WRITE
from warehouse_sync.api.runs import TriggerAnswer

router = APIRouter(tags=["Runs"])


@router.post(
    "/pipelines/{pipelineId}/runs/{pipelineRunId}/run-again",
    summary="Run a failed run again",
    description="The same interval, as a new attempt. Later intervals of its pipeline wait for it. Clears the pipeline's fault.",
    responses=WRITE,
)
def run_again(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: Annotated[int, Path(alias="pipelineRunId")],
) -> TriggerAnswer:
    return TriggerAnswer(pipeline_run_id=services.runs.run_again(caller, workspace_id, pipelineId, run_id).id)
