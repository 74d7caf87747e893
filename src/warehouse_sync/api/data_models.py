"""``…/data-models`` (specification §1.6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StrictStr, WithJsonSchema

from warehouse_sync.api.bodies import NUMBER_AS_TEXT, Body, Flag, NewIdentity, Number, SameIdentity, check_identity
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.api.stamps import StampAnswer, stamp_of
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.services.data_models import AdvisedDataModel, DataModelDraft
from warehouse_sync.sql.advice import Advice

router = APIRouter(tags=["Data models"])

_TEN_YEARS = 315_360_000
_Offset = Annotated[
    Number,
    Field(ge=-_TEN_YEARS, le=_TEN_YEARS),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": -_TEN_YEARS, "maximum": _TEN_YEARS}, NUMBER_AS_TEXT]}),
]
_QUERY = 'SELECT u.updated_at, u.customer_id, u.score AS "propensity_to_buy" FROM mp.demo.users u'


class _DataModelFields(Body):
    synonyms: ClassVar[dict[str, str]] = {
        "load_timestamp_field_tz": "load_timestamp_field_time_zone",
        "load_timestamp_field_offset_seconds": "load_timestamp_field_time_offset",
    }

    type: Literal["sql"]
    sql_query: Annotated[StrictStr, Field(min_length=1, description="One read-only query.", examples=[_QUERY])]
    load_timestamp_field_name: Annotated[
        StrictStr,
        Field(
            min_length=1,
            max_length=256,
            description="The column that says when a row changed.",
            examples=["UPDATED_AT"],
        ),
    ]
    load_timestamp_field_type: Annotated[LoadTimestampType, Field(examples=["timestamp_ntz"])]
    load_timestamp_field_time_zone: Annotated[
        StrictStr | None,
        Field(max_length=64, description="IANA name; UTC by default.", examples=["America/New_York"]),
    ] = None
    load_timestamp_field_time_offset: Annotated[
        _Offset | None,
        Field(description="Seconds the interval is moved back; 0 by default.", examples=[1800]),
    ] = None
    is_active: Flag = True


class NewDataModel(_DataModelFields, NewIdentity):
    """A data model to create."""


class ReplacedDataModel(_DataModelFields, SameIdentity):
    """A data model to put in the place of another."""


class _DataModelHead(BaseModel):
    id: str
    name: str
    workspace_id: int
    is_active: bool
    type: Literal["sql"] = "sql"
    sql_query: str
    load_timestamp_field_type: LoadTimestampType
    load_timestamp_field_name: str
    load_timestamp_field_time_zone: str | None
    load_timestamp_field_time_offset: int


class DataModelAnswer(StampAnswer, _DataModelHead):
    """A data model."""


class WarningAnswer(BaseModel):
    """What will probably go wrong, and the remedy. Nothing was refused for it."""

    code: str = Field(description="A stable word for programs.", examples=["no_identity"])
    message: str


class AdvisedDataModelAnswer(DataModelAnswer):
    """A data model as it was stored, and what its owner should know before the first run."""

    warnings: list[WarningAnswer]


@router.get("/data-models", summary="List data models", responses=READ)
def list_data_models(caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId) -> list[DataModelAnswer]:
    return [_answer(found) for found in services.data_models.all_of(caller, workspace_id)]


@router.get("/data-models/{modelId}", summary="Get a data model", responses=READ)
def get_data_model(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    modelId: str,  # noqa: N803 - the published name
) -> DataModelAnswer:
    return _answer(services.data_models.get(caller, workspace_id, modelId))


@router.post("/data-models", summary="Create a data model", responses=WRITE)
def create_data_model(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: NewDataModel
) -> AdvisedDataModelAnswer:
    check_identity(body, workspace_id=workspace_id)
    return _advised(services.data_models.create(caller, workspace_id, body.id, _draft(body, body.name)))


@router.put("/data-models/{modelId}", summary="Replace a data model", responses=WRITE)
def replace_data_model(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    modelId: str,  # noqa: N803 - the published name
    body: ReplacedDataModel,
) -> AdvisedDataModelAnswer:
    check_identity(body, workspace_id=workspace_id, id=modelId)
    return _advised(services.data_models.replace(caller, workspace_id, modelId, _draft(body, body.name)))


@router.delete(
    "/data-models/{modelId}", summary="Delete a data model", status_code=204, response_class=Response, responses=WRITE
)
def delete_data_model(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    modelId: str,  # noqa: N803 - the published name
) -> None:
    services.data_models.delete(caller, workspace_id, modelId)


def _draft(body: _DataModelFields, name: str) -> DataModelDraft:
    return DataModelDraft(
        name=name,
        sql_query=body.sql_query,
        load_timestamp=LoadTimestamp(
            name=body.load_timestamp_field_name,
            declared=body.load_timestamp_field_type,
            zone=body.load_timestamp_field_time_zone or None,
            offset=timedelta(seconds=body.load_timestamp_field_time_offset or 0),
        ),
        is_active=body.is_active,
    )


def warnings_of(found: Iterable[Advice]) -> list[WarningAnswer]:
    """Warnings as they are answered."""
    return [WarningAnswer(code=warning.code, message=warning.message) for warning in found]


def _advised(stored: AdvisedDataModel) -> AdvisedDataModelAnswer:
    return AdvisedDataModelAnswer(**_answer(stored.data_model).model_dump(), warnings=warnings_of(stored.warnings))


def _answer(data_model: DataModel) -> DataModelAnswer:
    load_timestamp = data_model.load_timestamp
    return DataModelAnswer(
        id=data_model.id,
        name=data_model.name,
        workspace_id=data_model.workspace_id,
        is_active=data_model.is_active,
        sql_query=data_model.sql_query,
        load_timestamp_field_type=load_timestamp.declared,
        load_timestamp_field_name=load_timestamp.name,
        load_timestamp_field_time_zone=load_timestamp.zone,
        load_timestamp_field_time_offset=load_timestamp.offset // timedelta(seconds=1),
        **stamp_of(data_model.audit),
    )
