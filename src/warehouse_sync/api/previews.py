"""Trying a data model: ``/platform/extensions/…/data-models/preview`` (decision D17, specification §8 items 6, 9 and 18)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictStr

from warehouse_sync.api.bodies import Body, Number
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.data_models import WarningAnswer, warnings_of
from warehouse_sync.api.patience import patiently
from warehouse_sync.api.responses import WRITE_WITH_WAREHOUSE, ErrorItem
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.services.preview_rows import Cell
from warehouse_sync.services.previews import MOST_ROWS, ColumnRole, Preview, PreviewDraft

router = APIRouter(tags=["Data models"])


class PreviewRequest(Body):
    """A query to try on a connection: a stored data model, or one that is not stored yet."""

    synonyms: ClassVar[dict[str, str]] = {"load_timestamp_field_tz": "load_timestamp_field_time_zone"}

    connection_id: Annotated[StrictStr, Field(max_length=128, examples=["crm-connection"])]
    data_model_id: Annotated[
        StrictStr | None, Field(max_length=128, description="This, or `sql_query` and its load timestamp.")
    ] = None
    sql_query: Annotated[
        StrictStr | None,
        Field(
            min_length=1, description="One read-only query.", examples=["SELECT updated_at, email FROM mp.demo.users"]
        ),
    ] = None
    load_timestamp_field_name: Annotated[
        StrictStr | None, Field(min_length=1, max_length=256, examples=["UPDATED_AT"])
    ] = None
    load_timestamp_field_type: Annotated[LoadTimestampType | None, Field(examples=["timestamp_ntz"])] = None
    load_timestamp_field_time_zone: Annotated[StrictStr | None, Field(max_length=64)] = None
    rows: Annotated[Number, Field(ge=0, le=MOST_ROWS, description="How many rows to show, at most.")] = MOST_ROWS


class PreviewColumnAnswer(BaseModel):
    """A column of the query and what becomes of it."""

    name: str = Field(description="As the warehouse spells it.")
    kind: ColumnKind
    role: ColumnRole
    identity_type: IdentityType | None
    finds_profiles: bool = Field(description="Whether rows find their profile by it in this workspace.")
    attribute_name: str | None = Field(description="Of the user attribute it becomes.")


class PreviewSqlAnswer(BaseModel):
    """The texts that were sent to the warehouse."""

    probe: str
    rows: str | None


class PreviewAnswer(BaseModel):
    """What a query gives and what would become of it. Nothing was stored."""

    columns: list[PreviewColumnAnswer]
    warnings: list[WarningAnswer]
    errors: list[ErrorItem] = Field(
        description="Why a pipeline with this query would be refused; empty if it would not."
    )
    rows: list[dict[str, Cell]] = Field(
        description="Values by column, as the Profile API writes them; long texts are cut."
    )
    generated_sql: PreviewSqlAnswer


@router.post(
    "/data-models/preview",
    summary="Try a data model on a connection",
    description="Shows the query's columns, what each becomes on a profile, and its first rows. Stores nothing.",
    responses=WRITE_WITH_WAREHOUSE,
)
async def preview_data_model(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: PreviewRequest
) -> PreviewAnswer:
    found = await patiently(
        services.previews.preview,
        caller,
        workspace_id,
        connection_id=body.connection_id,
        query=_query(body),
        rows=body.rows,
    )
    return _answer(found)


def _query(body: PreviewRequest) -> PreviewDraft | str:
    if body.data_model_id is not None:
        if body.sql_query is not None:
            raise InvalidRequest("Give data_model_id or sql_query, not both.", field="sql_query")
        return body.data_model_id
    if body.sql_query is None:
        raise InvalidRequest("Give data_model_id, or sql_query and its load timestamp.", field="sql_query")
    name, declared = body.load_timestamp_field_name, body.load_timestamp_field_type
    if name is None:
        raise InvalidRequest("load_timestamp_field_name is required.", field="load_timestamp_field_name")
    if declared is None:
        raise InvalidRequest("load_timestamp_field_type is required.", field="load_timestamp_field_type")
    stamp = LoadTimestamp(name=name, declared=declared, zone=body.load_timestamp_field_time_zone or None)
    return PreviewDraft(body.sql_query, stamp)


def _answer(preview: Preview) -> PreviewAnswer:
    refusal = preview.refusal
    names = [column.name for column in preview.columns]
    return PreviewAnswer(
        columns=[
            PreviewColumnAnswer(
                name=column.name,
                kind=column.kind,
                role=column.role,
                identity_type=column.identity_type,
                finds_profiles=column.looks_up,
                attribute_name=column.attribute,
            )
            for column in preview.columns
        ],
        warnings=warnings_of(preview.warnings),
        errors=[] if refusal is None else [_error(refusal)],
        rows=[dict(zip(names, row, strict=True)) for row in preview.rows],
        generated_sql=PreviewSqlAnswer(probe=preview.probe_sql, rows=preview.rows_sql),
    )


def _error(refusal: InvalidRequest) -> ErrorItem:
    return ErrorItem.model_validate({"message": refusal.message, "code": refusal.code, "field": refusal.field})
