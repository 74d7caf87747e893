"""Records as they are applied: ``/platform/extensions/…/records``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.profile_values import moment_or_none
from warehouse_sync.api.responses import READ
from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.protocol import AppliedRecord
from warehouse_sync.services.caller import LARGEST_ID
from warehouse_sync.services.records import RecordOrigin

router = APIRouter(tags=["Profiles"])

_MOST = 500


class RecordAnswer(BaseModel):
    """A record, while its data model has said nothing newer about the profile."""

    sequence: int = Field(description="Ascending in the order of applying.", examples=[100037])
    mpid: str = Field(examples=["1574704283462000001"])
    pipeline_id: str | None = Field(examples=["crm-pipeline"])
    pipeline_run_id: int = Field(examples=[13325])
    data_model_id: str | None = Field(examples=["propensity-model"])
    partner_feed_id: int | None = Field(examples=[2124])
    load_timestamp: str | None = Field(description="Of the row.", examples=["2023-02-08T01:05:31.230000Z"])
    user_identities: dict[str, str] = Field(
        description="What the profile holds.", examples=[{"customer_id": "C-000017"}]
    )
    user_attributes: dict[str, str | list[str]] = Field(
        description="What the record says, as the Profile API writes it.", examples=[{"propensity_to_buy": "0.998"}]
    )


class RecentRecords(BaseModel):
    """The records that were applied last, the latest first."""

    items: list[RecordAnswer]


@router.get(
    "/records",
    summary="Follow records as they are applied",
    description="The latest first. Ask again with `after` set to the first `sequence` of the last answer to follow what comes.",
    responses=READ,
)
def recent_records(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    *,
    environment: Annotated[Environment, Query(description="One of the two pools.", examples=["development"])],
    after: Annotated[
        int, Query(ge=0, le=LARGEST_ID, description="Only records with a greater `sequence`.", examples=[0])
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="At most so many records.", examples=[50])] = 50,
) -> RecentRecords:
    found = services.records.recent(caller, workspace_id, environment, after=after, most=limit)
    return RecentRecords(items=[_answer(record, origin) for record, origin in found])


def _answer(record: AppliedRecord, origin: RecordOrigin) -> RecordAnswer:
    return RecordAnswer(
        sequence=record.sequence,
        mpid=str(record.mpid),
        pipeline_id=origin.pipeline_id,
        pipeline_run_id=record.run_id,
        data_model_id=origin.data_model_id,
        partner_feed_id=origin.partner_feed_id,
        load_timestamp=moment_or_none(record.load_timestamp),
        user_identities={str(identity.identity_type): identity.value for identity in record.identities},
        user_attributes={attribute.name: attribute.text for attribute in record.attributes},
    )
