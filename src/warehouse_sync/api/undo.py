"""Undoing a run: ``/platform/extensions/…/runs/{pipelineRunId}/undo``."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.profile_values import AnyValue
from warehouse_sync.api.profiles import typed_json
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.api.run_requests import RunId
from warehouse_sync.api.runs import TriggerAnswer
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.profiles.undo_preview import UndoExample
from warehouse_sync.services.undo import PreviewedUndo

router = APIRouter(tags=["Runs"])

_PATH = "/pipelines/{pipelineId}/runs/{pipelineRunId}/undo"


class UndoneAttributeAnswer(BaseModel):
    """An attribute that would change."""

    data_model_id: str | None = Field(examples=["propensity-model"])
    attribute: str = Field(examples=["tier"])
    value: AnyValue = Field(description="What the data model says now.", examples=["gold"])
    becomes: AnyValue = Field(description="What it would say; null for nothing.", examples=["silver"])


class UndoneIdentityAnswer(BaseModel):
    """An identity that would be taken away or given back."""

    type: IdentityType
    value: str = Field(examples=["ann@example.com"])


class UndoExampleAnswer(BaseModel):
    """What would become of one profile."""

    mpid: str = Field(examples=["1574704283462000001"])
    attributes: list[UndoneAttributeAnswer]
    identities_detached: list[UndoneIdentityAnswer]
    identities_returned: list[UndoneIdentityAnswer]
    is_removed: bool


class UndoPreviewAnswer(BaseModel):
    """What undoing a run would do; what it did, if it has been undone."""

    pipeline_run_id: int = Field(description="The run to undo.", examples=[17])
    undone_by_run_id: int | None = Field(description="The run that has undone it.", examples=[None])
    contributions_restored: int = Field(
        description="What data models say of profiles, put back to what it was.", examples=[120]
    )
    contributions_removed: int = Field(description="What they said for the first time, taken away.", examples=[4])
    contributions_kept: int = Field(description="What another run has confirmed since, kept.", examples=[0])
    identities_detached: int = Field(examples=[9])
    identities_returned: int = Field(description="To the profiles that had lost them.", examples=[1])
    identities_kept: int = Field(description="That another run has confirmed since.", examples=[0])
    profiles_removed: int = Field(description="Made by the run, with nothing else to them.", examples=[4])
    examples: list[UndoExampleAnswer] = Field(description="The first few profiles that would change.")


@router.get(
    _PATH,
    summary="See what undoing a run would do",
    description="Counts, and the first few profiles that would change. Changes nothing. What was done, if the run has been undone.",
    responses=READ,
)
def preview_undo(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: RunId,
) -> UndoPreviewAnswer:
    return _answer(services.undo.preview(caller, workspace_id, pipelineId, run_id))


@router.post(
    _PATH,
    summary="Undo a run",
    description="A run of kind `undo` takes back what this run set and nobody has set or confirmed since. Reads no warehouse.",
    responses=WRITE,
)
def undo_run(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    pipelineId: str,  # noqa: N803 - the published name
    run_id: RunId,
) -> TriggerAnswer:
    return TriggerAnswer(pipeline_run_id=services.undo.undo(caller, workspace_id, pipelineId, run_id).id)


def _answer(found: PreviewedUndo) -> UndoPreviewAnswer:
    preview, counts = found.preview, found.preview.counts
    return UndoPreviewAnswer(
        pipeline_run_id=found.run_id,
        undone_by_run_id=preview.undone_by,
        contributions_restored=counts.contributions_restored,
        contributions_removed=counts.contributions_removed,
        contributions_kept=counts.contributions_kept,
        identities_detached=counts.identities_detached,
        identities_returned=counts.identities_returned,
        identities_kept=counts.identities_kept,
        profiles_removed=counts.profiles_removed,
        examples=[_example(example, found.data_model_ids) for example in preview.examples],
    )


def _example(example: UndoExample, data_model_ids: dict[int, str]) -> UndoExampleAnswer:
    return UndoExampleAnswer(
        mpid=str(example.mpid),
        attributes=[
            UndoneAttributeAnswer(
                data_model_id=data_model_ids.get(change.data_model_key),
                attribute=change.attribute,
                value=typed_json(change.value),
                becomes=typed_json(change.becomes),
            )
            for change in example.attributes
        ],
        identities_detached=[UndoneIdentityAnswer(type=kind, value=value) for kind, value in example.detached],
        identities_returned=[UndoneIdentityAnswer(type=kind, value=value) for kind, value in example.returned],
        is_removed=example.is_removed,
    )
