"""The Profile API (specification §6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from warehouse_sync.api.bodies import MAX_VALUE_CHARACTERS
from warehouse_sync.api.callers import CallerIn, ServicesIn
from warehouse_sync.api.profile_values import moment_text
from warehouse_sync.api.responses import READ
from warehouse_sync.api.services import Services
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import DEVICE_TYPES, PROFILE_API_NAMES
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.protocol import AttributeValue, Profile, ProfileIdentity
from warehouse_sync.services.profiles import AttributeOrigin, ProfilePlace

router = APIRouter(prefix="/userprofile/v1", tags=["Profiles"])

_EXAMPLE: Final = {
    "mpid": 9080350317581165000,
    "created_timestamp_ms": 1574704283462,
    "last_stored_timestamp_ms": 1575301484215,
    "is_opted_out": False,
    "limit_ad_tracking": None,
    "environment_type": "development",
    "device_identities": [{"type": "android_id", "encoding": "none", "value": "8789c459016a94b0"}],
    "user_identities": [{"type": "customer_id", "encoding": "none", "value": "c-17"}],
    "account_userattributes": None,
    "user_attributes": {"$firstname": "Ann", "ltv": "342.1", "recs": ["1", "2"]},
    "audience_memberships": [],
}
_IDENTITIES: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "encoding", "value"],
        "properties": {"type": {"type": "string"}, "encoding": {"const": "none"}, "value": {"type": "string"}},
    },
}
_SCHEMA: Final = {
    "type": "object",
    "required": ["mpid", "created_timestamp_ms", "last_stored_timestamp_ms", "environment_type"],
    "properties": {
        "mpid": {"type": "integer"},
        "created_timestamp_ms": {"type": "integer"},
        "last_stored_timestamp_ms": {"type": "integer"},
        "is_opted_out": {"type": "boolean"},
        "limit_ad_tracking": {"type": "null"},
        "environment_type": {"enum": [environment.value for environment in Environment]},
        "device_identities": _IDENTITIES,
        "user_identities": _IDENTITIES,
        "account_userattributes": {"type": "null"},
        "user_attributes": {"type": "object"},
        "audience_memberships": {"type": "array"},
        "attribution": {"type": "null"},
        "attribute_origins": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["data_model_id", "pipeline_run_id", "load_timestamp"],
                "properties": {
                    "data_model_id": {"type": ["string", "null"]},
                    "pipeline_run_id": {"type": "integer"},
                    "load_timestamp": {"type": "string", "format": "date-time"},
                },
            },
        },
    },
}
_BY_MPID: Final = "/{orgId:int}/{accountId}/{workspaceId}/{mpid}"
"""An organisation is a number, so that this does not answer for ``/resolve/…``."""

_RESPONSES: Final = READ | {
    200: {"description": "The profile.", "content": {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}}}
}


class IdentityToResolve(BaseModel):
    """An identity as the Profile API names it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: Annotated[StrictStr, Field(max_length=64, examples=["customer_id"])]
    value: Annotated[StrictStr, Field(min_length=1, max_length=MAX_VALUE_CHARACTERS, examples=["12345"])]


class ProfileToResolve(BaseModel):
    """Which profile is meant: the one that holds an identity in an environment."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    environment_type: Environment
    identity: IdentityToResolve


async def _place(
    org_id: Annotated[int, Path(alias="orgId")],
    account_id: Annotated[int, Path(alias="accountId")],
    workspace_id: Annotated[int, Path(alias="workspaceId")],
) -> ProfilePlace:
    return ProfilePlace(org_id, account_id, workspace_id)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of a profile is asked for, and how."""

    parts: frozenset[str]
    typed: bool
    origins: bool


async def _shown(
    request: Request,
    fields: Annotated[
        str,
        Query(
            max_length=512,
            description="Comma list of device_identities, user_identities, user_attributes, audience_memberships, attribution.",
            examples=["user_identities,user_attributes"],
        ),
    ],
    *,
    typed: Annotated[bool, Query(description="Attribute values as JSON types instead of texts.")] = False,
    origins: Annotated[
        bool, Query(description="Also where each attribute came from: data model, run, load timestamp.")
    ] = False,
) -> _Shown:
    if len(request.query_params.getlist("fields")) > 1:
        raise InvalidRequest("Give fields once, with its names separated by commas.", field="fields")
    named = {name.strip() for name in fields.split(",")}
    if not named <= _PARTS.keys():
        raise InvalidRequest(f"fields may hold these, separated by commas: {', '.join(_PARTS)}.", field="fields")
    if origins and _ATTRIBUTES not in named:
        raise InvalidRequest(f"origins needs {_ATTRIBUTES} among the fields.", field="origins")
    return _Shown(frozenset(named), typed, origins)


PlaceIn = Annotated[ProfilePlace, Depends(_place)]
ShownIn = Annotated[_Shown, Depends(_shown)]


@router.post(
    "/resolve/{orgId}/{accountId}/{workspaceId}",
    summary="Find a profile by an identity",
    responses=_RESPONSES,
    response_class=JSONResponse,
)
def resolve_profile(
    caller: CallerIn,
    services: ServicesIn,
    place: PlaceIn,
    shown: ShownIn,
    body: ProfileToResolve,
) -> JSONResponse:
    identity = body.identity
    found = services.profiles.resolve(caller, place, body.environment_type, identity.type, identity.value)
    return _answer(services, found, shown)


@router.get(
    _BY_MPID,
    summary="Get a profile by its MPID",
    responses=_RESPONSES,
    response_class=JSONResponse,
)
@router.post(
    _BY_MPID,
    summary="Get a profile by its MPID, the other published way",
    responses=_RESPONSES,
    response_class=JSONResponse,
)
def get_profile(caller: CallerIn, services: ServicesIn, place: PlaceIn, shown: ShownIn, mpid: int) -> JSONResponse:
    return _answer(services, services.profiles.by_mpid(caller, place, mpid), shown)


def _answer(services: Services, profile: Profile, shown: _Shown) -> JSONResponse:
    answer: dict[str, Any] = {
        "mpid": profile.mpid,
        "created_timestamp_ms": _milliseconds(profile.created_on),
        "last_stored_timestamp_ms": _milliseconds(profile.last_stored_on),
        "is_opted_out": False,
        "limit_ad_tracking": None,
        "environment_type": profile.environment.value,
    }
    for name, part in _PARTS.items():
        if name in shown.parts:
            answer |= part(profile, shown.typed)
    if shown.origins:
        found = services.profiles.origins(profile)
        answer["attribute_origins"] = {name: _origin(origin) for name, origin in found.items()}
    return JSONResponse(answer)


def _origin(origin: AttributeOrigin) -> dict[str, Any]:
    return {
        "data_model_id": origin.data_model_id,
        "pipeline_run_id": origin.run_id,
        "load_timestamp": moment_text(origin.load_timestamp),
    }


def _device_identities(profile: Profile, typed: bool) -> dict[str, Any]:  # noqa: ARG001 - all parts are called alike
    return {"device_identities": [_identity(i) for i in profile.identities if i.identity_type in DEVICE_TYPES]}


def _user_identities(profile: Profile, typed: bool) -> dict[str, Any]:  # noqa: ARG001 - as above
    return {"user_identities": [_identity(i) for i in profile.identities if i.identity_type not in DEVICE_TYPES]}


def _user_attributes(profile: Profile, typed: bool) -> dict[str, Any]:
    values = {a.name: typed_json(a.value) if typed else a.text for a in profile.attributes}
    return {"account_userattributes": None, "user_attributes": values}


def _audience_memberships(profile: Profile, typed: bool) -> dict[str, Any]:  # noqa: ARG001 - as above
    return {"audience_memberships": []}


def _attribution(profile: Profile, typed: bool) -> dict[str, Any]:  # noqa: ARG001 - as above
    return {"attribution": None}


_ATTRIBUTES: Final = "user_attributes"
_PARTS: Final[dict[str, Callable[[Profile, bool], dict[str, Any]]]] = {
    "device_identities": _device_identities,
    "user_identities": _user_identities,
    "user_attributes": _user_attributes,
    "audience_memberships": _audience_memberships,
    "attribution": _attribution,
}


def _identity(identity: ProfileIdentity) -> dict[str, str]:
    name = PROFILE_API_NAMES.get(identity.identity_type, identity.identity_type.value)
    return {"type": name, "encoding": "none", "value": identity.value}


def typed_json(value: AttributeValue) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A typed value as JSON holds it; NaN and the infinities, which it lacks, are texts."""
    if isinstance(value, list):
        return [typed_json(item) for item in value]
    if isinstance(value, dict):
        return {name: typed_json(item) for name, item in value.items()}
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value.isoformat() if isinstance(value, date | time) else value


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
