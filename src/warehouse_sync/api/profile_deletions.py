"""Deleting people: ``/platform/extensions/…/profiles/{mpid}`` and ``…/tombstones``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor

from warehouse_sync.api.audit import PageNumber, PageSize
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.profile_values import MpidInPath, identity_type_of, moment_text
from warehouse_sync.api.profiles import ProfileToResolve
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.deletion import Tombstone
from warehouse_sync.services.deletions import tombstone_id

router = APIRouter(tags=["Profiles"])


class _TombstoneId(Convertor[str]):
    """An id as it looks, so that this address does not answer for ``/tombstones/find``; an MPID's is a number for the same reason."""

    regex = "[a-z]+-[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("tombstone", _TombstoneId())


class TombstoneAnswer(BaseModel):
    """What stays of a deleted person: nothing that can be read."""

    id: str = Field(examples=["production-3"])
    environment: Environment
    deleted_on: str = Field(examples=["2023-02-08T01:05:31.230000Z"])
    deleted_by: str = Field(examples=["ci"])
    identities: int = Field(description="How many identities it keeps from coming back.", examples=[2])


class DeletionAnswer(BaseModel):
    """What became of a deleted person."""

    tombstone: TombstoneAnswer
    shared_identities: int = Field(
        description="Identities that other profiles hold too. Rows that carry only these are not refused.", examples=[0]
    )


class TombstonesAnswer(BaseModel):
    """Tombstones, the latest first."""

    items: list[TombstoneAnswer]


@router.delete(
    "/profiles/{mpid:int}",
    summary="Delete a person",
    description="Everything known of the profile, for good. A tombstone keeps later rows from making it anew.",
    responses=WRITE,
)
def delete_profile(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, mpid: MpidInPath
) -> DeletionAnswer:
    done = services.deletions.delete(caller, workspace_id, mpid)
    return DeletionAnswer(tombstone=_answer(done.tombstone), shared_identities=done.shared_identities)


@router.get(
    "/tombstones",
    summary="List the tombstones of deleted people",
    description="They tell when somebody was deleted and by whom, and not who it was.",
    responses=READ,
)
def list_tombstones(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, *, page: PageNumber = 1, size: PageSize = 50
) -> TombstonesAnswer:
    found = services.deletions.tombstones(caller, workspace_id, page=page, size=size)
    return TombstonesAnswer(items=[_answer(tombstone) for tombstone in found])


@router.post(
    "/tombstones/find",
    summary="Find the tombstones of an identity",
    description="Which tombstones keep an identity from coming back; its keyed hash is looked for.",
    responses=READ,
)
def find_tombstones(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: ProfileToResolve
) -> TombstonesAnswer:
    found = services.deletions.find(
        caller, workspace_id, body.environment_type, identity_type_of(body.identity.type), body.identity.value
    )
    return TombstonesAnswer(items=[_answer(tombstone) for tombstone in found])


@router.delete(
    "/tombstones/{tombstoneId:tombstone}",
    summary="Lift a tombstone",
    description="Later rows may make a profile of this person again. Nothing that was deleted comes back.",
    responses=WRITE,
    status_code=204,
    response_class=Response,
)
def lift_tombstone(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    given_id: Annotated[str, Path(alias="tombstoneId", description="The tombstone's id.", examples=["production-3"])],
) -> None:
    services.deletions.lift(caller, workspace_id, given_id)


def _answer(tombstone: Tombstone) -> TombstoneAnswer:
    return TombstoneAnswer(
        id=tombstone_id(tombstone),
        environment=tombstone.environment,
        deleted_on=moment_text(tombstone.deleted_on),
        deleted_by=tombstone.deleted_by,
        identities=tombstone.identities,
    )
