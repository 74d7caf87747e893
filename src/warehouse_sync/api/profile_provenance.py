"""Why a person has these values and identities: ``/platform/extensions/…/profiles/{mpid}/history`` and ``…/explain``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.audit import PageNumber, PageSize
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.profile_values import (
    AnyValue,
    MpidInPath,
    RowAnswer,
    identity_type_of,
    moment_or_none,
    row_answer,
    row_or_none,
)
from warehouse_sync.api.profiles import ProfileToResolve, typed_json
from warehouse_sync.api.responses import READ
from warehouse_sync.domain.identity import Guard, IdentityType
from warehouse_sync.profiles.provenance import (
    AttributeChange,
    Contribution,
    HeldIdentity,
    KeptApart,
    LostIdentity,
)
from warehouse_sync.services.provenance import ExplainedProfile, History

router = APIRouter(prefix="/profiles", tags=["Profiles"])

_MPID = "1574704283462000001"


class FoundProfilesAnswer(BaseModel):
    """The profiles that hold an identity, as texts: their numbers are too large for some programs."""

    mpids: list[str] = Field(examples=[[_MPID]])


class ChangeAnswer(BaseModel):
    """One change of one attribute."""

    attribute: str = Field(examples=["tier"])
    data_model_id: str | None = Field(examples=["propensity-model"])
    value: AnyValue = Field(description="What it became; null if it was taken away.", examples=["gold"])
    source: RowAnswer | None = Field(description="The row that says so; null if the value was taken away.")
    previous_value: AnyValue = Field(description="What it was before.", examples=["silver"])
    previous_source: RowAnswer | None = Field(description="The row that had said that.")
    is_previous_known: bool = Field(description="False if earlier versions were forgotten.")
    changed_by_run_id: int = Field(description="The row's run, or the run that undid another.", examples=[17])
    changed_on: str | None = Field(examples=["2023-02-08T01:05:31.230000Z"])
    is_undone: bool
    is_current: bool = Field(description="Whether the profile has its present value by this change.")


class HistoryPage(BaseModel):
    """One page of changes, the latest first."""

    items: list[ChangeAnswer]


class HeldIdentityAnswer(BaseModel):
    """An identity of the profile, and the row that attached it."""

    type: IdentityType
    value: str = Field(examples=["12345"])
    is_shown: bool = Field(description="Whether it is the profile's value of this type: the last one written.")
    attached_by: RowAnswer
    found_profile_by: list[IdentityType] | None = Field(
        description="The types by which that row had found the profile; null if it was not kept."
    )
    made_profile: bool = Field(description="Whether that row made the profile.")
    named_profile: bool = Field(description="Whether that row named the profile by its MPID.")
    also_held_by: list[str] = Field(description="MPIDs of other profiles that hold it, at most 20.", examples=[[]])


class LostIdentityAnswer(BaseModel):
    """An identity that the profile lost."""

    type: IdentityType
    value: str = Field(examples=["ann@example.com"])
    attached_by: RowAnswer
    taken_by_mpid: str | None = Field(
        description="The profile it went to, because its type is unique; null if the run that attached it was undone.",
        examples=[_MPID],
    )
    taken_by: RowAnswer


class KeptApartAnswer(BaseModel):
    """A row that shared identities with two profiles, and was kept from one of them by guards."""

    mpid: str = Field(description="The profile that the row wrote to.", examples=[_MPID])
    other_mpid: str = Field(description="The profile that it was kept from.", examples=["1574704283462000002"])
    shared_types: list[IdentityType]
    guards: list[str] = Field(examples=[["login"]])
    row: RowAnswer


class ContributionAnswer(BaseModel):
    """What a data model says of the profile."""

    data_model_id: str | None = Field(examples=["propensity-model"])
    source: RowAnswer
    confirmed_by: RowAnswer | None = Field(description="The newest row that said the same again.")


class ExplanationAnswer(BaseModel):
    """How a profile came to be what it is. Of what happened the latest 100 are shown, the latest first."""

    mpid: str = Field(examples=[_MPID])
    created_by: RowAnswer
    identities: list[HeldIdentityAnswer]
    lost_identities: list[LostIdentityAnswer]
    kept_apart: list[KeptApartAnswer]
    contributions: list[ContributionAnswer]


@router.post(
    "/find",
    summary="Find all profiles that hold an identity",
    description="Their MPIDs, ascending: also where several hold it, and the Profile API can name none.",
    responses=READ,
)
def find_profiles(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: ProfileToResolve
) -> FoundProfilesAnswer:
    found = services.provenance.find(
        caller, workspace_id, body.environment_type, identity_type_of(body.identity.type), body.identity.value
    )
    return FoundProfilesAnswer(mpids=[str(mpid) for mpid in found])


@router.get(
    "/{mpid}/history",
    summary="Read the history of a profile's attributes",
    description="Every change that is kept, the latest first: old and new value, and the rows that said them.",
    responses=READ,
)
def read_history(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    mpid: MpidInPath,
    *,
    attribute: Annotated[
        str | None, Query(max_length=512, description="Only this attribute.", examples=["tier"])
    ] = None,
    page: PageNumber = 1,
    size: PageSize = 50,
) -> HistoryPage:
    found = services.provenance.history(caller, workspace_id, mpid, attribute=attribute, page=page, size=size)
    return HistoryPage(items=[_change(change, found) for change in found.changes])


@router.get(
    "/{mpid}/explain",
    summary="Explain a profile",
    description="Which row attached each of its identities, what it lost, what guards kept apart, and who contributes.",
    responses=READ,
)
def explain_profile(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, mpid: MpidInPath
) -> ExplanationAnswer:
    return _explanation(services.provenance.explain(caller, workspace_id, mpid))


def _change(change: AttributeChange, history: History) -> ChangeAnswer:
    return ChangeAnswer(
        attribute=change.attribute,
        data_model_id=history.data_model_ids.get(change.data_model_key),
        value=typed_json(change.value),
        source=row_or_none(change.source),
        previous_value=typed_json(change.previous),
        previous_source=row_or_none(change.previous_source),
        is_previous_known=change.is_previous_known,
        changed_by_run_id=change.changed_by,
        changed_on=moment_or_none(change.changed_on),
        is_undone=change.is_undone,
        is_current=change.is_current,
    )


def _explanation(found: ExplainedProfile) -> ExplanationAnswer:
    explanation = found.explanation
    return ExplanationAnswer(
        mpid=str(explanation.mpid),
        created_by=row_answer(explanation.created),
        identities=[_held(identity) for identity in explanation.identities],
        lost_identities=[_lost(identity) for identity in explanation.lost],
        kept_apart=[_kept_apart(apart) for apart in explanation.kept_apart],
        contributions=[_contribution(part, found.data_model_ids) for part in explanation.contributions],
    )


def _held(identity: HeldIdentity) -> HeldIdentityAnswer:
    return HeldIdentityAnswer(
        type=identity.identity_type,
        value=identity.value,
        is_shown=identity.is_shown,
        attached_by=row_answer(identity.attached),
        found_profile_by=None if identity.found_by is None else list(identity.found_by),
        made_profile=identity.made_profile,
        named_profile=identity.named_profile,
        also_held_by=[str(mpid) for mpid in identity.also_held_by],
    )


def _lost(identity: LostIdentity) -> LostIdentityAnswer:
    return LostIdentityAnswer(
        type=identity.identity_type,
        value=identity.value,
        attached_by=row_answer(identity.attached),
        taken_by_mpid=None if identity.taken_by is None else str(identity.taken_by),
        taken_by=row_answer(identity.taken),
    )


def _kept_apart(apart: KeptApart) -> KeptApartAnswer:
    return KeptApartAnswer(
        mpid=str(apart.profile),
        other_mpid=str(apart.other),
        shared_types=list(apart.shared),
        guards=[name.lower() for guard in Guard if guard in apart.guards and (name := guard.name)],
        row=row_answer(apart.row),
    )


def _contribution(part: Contribution, data_model_ids: dict[int, str]) -> ContributionAnswer:
    return ContributionAnswer(
        data_model_id=data_model_ids.get(part.data_model_key),
        source=row_answer(part.source),
        confirmed_by=row_or_none(part.confirmed),
    )
