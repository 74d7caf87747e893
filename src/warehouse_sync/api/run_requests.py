"""Runs that are asked for, beside the published trigger: ``/platform/extensions/…/pipelines/{pipelineId}/…`` (decisions D17, D27)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StrictBool, StrictStr

from warehouse_sync.api.bodies import Body
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import WRITE
from warehouse_sync.api.runs import TriggerAnswer
from warehouse_sync.domain.timestamps import parse_instant

router = APIRouter(tags=["Runs"])

_RUN: Final = "/pipelines/{pipelineId}/runs/{pipelineRunId}"
_Moment = Annotated[StrictStr, Field(max_length=64)]
RunId = Annotated[int, Path(alias="pipelineRunId")]


class BackfillRange(Body):
    """What to read again: ``[start_time, end_time)``."""

    start_time: Annotated[_Moment, Field(description="Inclusive.", examples=["2023-02-01T00:00:00Z"])]
    end_time: Annotated[
        _Moment, Field(description="Exclusive; not after `synced_until`.", examples=["2023-02-02T00:00:00Z"])
    ]


class VerifiedRange(Body):
    """What to compare, and whether to put back what the profiles lack. Everything may be left out."""

    start_time: Annotated[
        _Moment | None,
        Field(description="Inclusive; by default where reading began.", examples=["2023-02-01T00:00:00Z"]),
    ] = None
    end_time: Annotated[
        _Moment | None, Field(description="Exclusive; by default `synced_until`.", examples=["2023-02-02T00:00:00Z"])
    ] = None
    repair: Annotated[StrictBool, Field(description="Put back what the profiles lack.", examples=[False])] = False


class CancelAnswer(BaseModel):
    """A run was cancelled, or is about to stop."""

    pipeline_run_id: int = Field(examples=[13325])
    status: Literal["cancelled", "cancel_requested"] = Field(
        description="`cancel_requested`: it is being executed and stops within seconds."
    )


@router.post(
    f"{_RUN}/run-again",
    summary="Run a failed run again",
    description="The same interval, as a new attempt. Clears the pipeline's fault.",
    responses=WRITE,
)
def run_again(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: RunId,
) -> TriggerAnswer:
    return TriggerAnswer(pipeline_run_id=services.run_requests.run_again(caller, workspace_id, pipelineId, run_id).id)


@router.post(
    f"{_RUN}/cancel",
    summary="Cancel a run",
    description="A run that waits, or waits to be tried again, fails at once with `cancelled`. One that is being executed stops within "
    "seconds; what it had committed stays. Its interval is not lost: run it again, or trigger an on-demand pipeline.",
    responses=WRITE,
)
def cancel_run(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: RunId,
) -> CancelAnswer:
    run = services.run_requests.cancel(caller, workspace_id, pipelineId, run_id)
    return CancelAnswer(pipeline_run_id=run.id, status="cancelled" if run.state.is_finished else "cancel_requested")


@router.post(
    "/pipelines/{pipelineId}/resync",
    summary="Read everything again",
    description="One run of kind `resync` over all that the pipeline has read, from `schedule_start_time` on. `synced_until` stays.",
    responses=WRITE,
)
def resync(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
) -> TriggerAnswer:
    return TriggerAnswer(pipeline_run_id=services.run_requests.resync(caller, workspace_id, pipelineId).id)


@router.post(
    "/pipelines/{pipelineId}/backfill",
    summary="Read a range again",
    description="One run of kind `backfill` over `[start_time, end_time)`, on no grid. `synced_until` stays.",
    responses=WRITE,
)
def backfill(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    body: BackfillRange,
) -> TriggerAnswer:
    start = parse_instant(body.start_time, field="start_time")
    end = parse_instant(body.end_time, field="end_time")
    made = services.run_requests.backfill(caller, workspace_id, pipelineId, start, end)
    return TriggerAnswer(pipeline_run_id=made.id)


@router.post(
    "/pipelines/{pipelineId}/verify",
    summary="Compare the warehouse with the profiles",
    description="One run of kind `verify` reads again what the pipeline has read, or a part of it, and compares it with what the profiles "
    "hold; with `repair` one of kind `repair`, which also puts back what they lack. What it finds is the run's `verification`.",
    responses=WRITE,
)
def verify(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    body: VerifiedRange,
) -> TriggerAnswer:
    start = None if body.start_time is None else parse_instant(body.start_time, field="start_time")
    end = None if body.end_time is None else parse_instant(body.end_time, field="end_time")
    made = services.run_requests.verify(caller, workspace_id, pipelineId, start=start, end=end, repairs=body.repair)
    return TriggerAnswer(pipeline_run_id=made.id)
