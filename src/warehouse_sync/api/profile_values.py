"""What our own routes about profiles have in common: the MPID in the path, and how rows and moments are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from warehouse_sync.domain.identity import IdentityType, identity_of_profile_api_name
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.provenance import RowPlace

MpidInPath = Annotated[int, Path(alias="mpid", description="The profile's MPID.", examples=[1574704283462000001])]
AnyValue = bool | int | float | str | list[Any] | dict[str, Any] | None


class RowAnswer(BaseModel):
    """A row of a run."""

    pipeline_run_id: int = Field(examples=[17])
    row: int | None = Field(description="Its place in the run's order of application, from 1.", examples=[3])
    load_timestamp: str | None = Field(examples=["2023-02-08T00:05:31.230000Z"])
    applied_on: str | None = Field(description="When it was committed.", examples=["2023-02-08T01:05:31.230000Z"])


def row_answer(place: RowPlace) -> RowAnswer:
    return RowAnswer(
        pipeline_run_id=place.run_id,
        row=place.row,
        load_timestamp=moment_or_none(place.load_timestamp),
        applied_on=moment_or_none(place.applied_on),
    )


def row_or_none(place: RowPlace | None) -> RowAnswer | None:
    return None if place is None else row_answer(place)


def moment_text(moment: datetime) -> str:
    """A moment in UTC, to the microsecond if it has any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def identity_type_of(name: str) -> IdentityType:
    """The type that the Profile API, or a column, calls ``name``.

    Raises:
        InvalidRequest: there is none.
    """
    found = identity_of_profile_api_name(name)
    if found is None:
        raise InvalidRequest("identity.type is no identity type, like customer_id.", field="identity.type")
    return found
