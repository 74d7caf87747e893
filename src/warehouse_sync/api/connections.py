"""``…/connections`` (specification §1.5). Bodies and answers are made from what each type of warehouse says of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StrictStr, create_model

from warehouse_sync.api.bodies import Body, Flag, NewIdentity, Number, SameIdentity, check_identity
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.patience import patiently
from warehouse_sync.api.responses import READ, WRITE, WRITE_WITH_WAREHOUSE
from warehouse_sync.api.stamps import StampAnswer, stamp_of
from warehouse_sync.domain.connection import Connection
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.services.connections import ConnectionDraft
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES
from warehouse_sync.warehouses.protocol import FieldSpec, WarehouseType

router = APIRouter(tags=["Connections"])


class _ConnectionFields(Body):
    is_active: Flag = Field(True, description="False pauses every pipeline that uses it.")


def _body_field(spec: FieldSpec, kind: WarehouseType) -> tuple[Any, Any]:
    """The type of a field in requests, and what is said of it. The mask in a PUT stands for the stored secret."""
    logins = [login for login in kind.logins if spec.name in login.fields]
    note = spec.description + "".join(
        f" {'Needed' if spec.name in login.needs else 'Optional'} to log in by {login.name}." for login in logins
    )
    shape = _shape(spec)
    if spec.secret:
        need = "Required at creation. " if spec.required else ""
        note = f"{note} {need}Left out or `{MASK}` in a PUT, the stored one stays."
        return (shape | None, Field(None, description=note, examples=["s3cret"]))
    examples = None if spec.example is None else [_json_value(spec, spec.example)]
    if spec.required:
        return (shape, Field(description=note, examples=examples))
    return (shape | None, Field(None, description=note, examples=examples))


def _shape(spec: FieldSpec) -> Any:  # noqa: ANN401 - a type made at run time has no static type
    if spec.is_number:
        return Number
    if spec.choices:
        return Literal[spec.choices]
    least = 1 if spec.required and not spec.secret else None
    return Annotated[StrictStr, Field(min_length=least, max_length=spec.most_characters)]


def _json_value(spec: FieldSpec, text: str | None) -> str | int | None:
    return int(text) if spec.is_number and text is not None else text


def _body_model(kind: WarehouseType, identity: type[Body]) -> type[Body]:
    fields: dict[str, Any] = {spec.name: _body_field(spec, kind) for spec in kind.fields}
    fields["type"] = (Literal[kind.name], ...)
    prefix = "New" if identity is NewIdentity else "Replaced"
    return create_model(f"{prefix}{kind.name.capitalize()}Connection", __base__=(identity, _ConnectionFields), **fields)


class _AnswerBase(BaseModel):
    """A connection; what its fields are depends on its type."""


def _answer_model(kind: WarehouseType) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "id": (str, ...),
        "name": (str, ...),
        "workspace_id": (int, ...),
        "is_active": (bool, ...),
        "is_faulted": (bool, Field(description="The warehouse could not be reached when it was last tried.")),
        "type": (Literal[kind.name], ...),
    }
    for spec in kind.fields:
        examples = [MASK] if spec.secret else None if spec.example is None else [_json_value(spec, spec.example)]
        shape = int if spec.is_number else str
        fields[spec.name] = (shape | None, Field(None, description=spec.description, examples=examples))
    fields |= {name: (field.annotation, field) for name, field in StampAnswer.model_fields.items()}
    return create_model(f"{kind.name.capitalize()}Connection", __base__=_AnswerBase, **fields)


def _union(models: list[Any]) -> Any:  # noqa: ANN401 - a union made at run time has no static type
    return Annotated[reduce(or_, models), Field(discriminator="type")]


if TYPE_CHECKING:
    NewConnection = Body
    ReplacedConnection = Body
    ConnectionAnswer = BaseModel
else:
    NewConnection = _union([_body_model(kind, NewIdentity) for kind in WAREHOUSE_TYPES.values()])
    ReplacedConnection = _union([_body_model(kind, SameIdentity) for kind in WAREHOUSE_TYPES.values()])
    ConnectionAnswer = _union([_answer_model(kind) for kind in WAREHOUSE_TYPES.values()])

_TypeFilter = Annotated[str | None, Query(max_length=64, description="Only connections of this type.")]


@router.get(
    "/connections",
    summary="List connections",
    responses=READ,
    response_model=list[ConnectionAnswer],
    response_model_exclude_unset=True,
)
def list_connections(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    type: _TypeFilter = None,  # noqa: A002 - the published name
    connection_type: Annotated[str | None, Query(alias="connectionType", max_length=64, deprecated=True)] = None,
) -> Any:  # noqa: ANN401 - see response_model
    found = services.connections.all_of(caller, workspace_id, type=type or connection_type)
    return [_answer(connection) for connection in found]


@router.get(
    "/connections/{connectionId}",
    summary="Get a connection",
    responses=READ,
    response_model=ConnectionAnswer,
    response_model_exclude_unset=True,
)
def get_connection(caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, connectionId: str) -> Any:  # noqa: ANN401, N803
    return _answer(services.connections.get(caller, workspace_id, connectionId))


@router.post(
    "/connections",
    summary="Create a connection",
    description="Logs in to the warehouse first; nothing is stored when that fails.",
    responses=WRITE_WITH_WAREHOUSE,
    response_model=ConnectionAnswer,
    response_model_exclude_unset=True,
)
async def create_connection(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: NewConnection
) -> Any:  # noqa: ANN401 - see response_model
    check_identity(_identity(body), workspace_id=workspace_id)
    return _answer(
        await patiently(services.connections.create, caller, workspace_id, str(_value(body, "id")), _draft(body))
    )


@router.put(
    "/connections/{connectionId}",
    summary="Replace a connection",
    description="Logs in to the warehouse first; nothing is changed when that fails.",
    responses=WRITE_WITH_WAREHOUSE,
    response_model=ConnectionAnswer,
    response_model_exclude_unset=True,
)
async def replace_connection(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    connectionId: str,  # noqa: N803 - the published name
    body: ReplacedConnection,
) -> Any:  # noqa: ANN401 - see response_model
    check_identity(_identity(body), workspace_id=workspace_id, id=connectionId)
    return _answer(await patiently(services.connections.replace, caller, workspace_id, connectionId, _draft(body)))


@router.delete(
    "/connections/{connectionId}",
    summary="Delete a connection",
    status_code=204,
    response_class=Response,
    responses=WRITE,
)
def delete_connection(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    connectionId: str,  # noqa: N803 - the published name
) -> None:
    services.connections.delete(caller, workspace_id, connectionId)


def _identity(body: Body) -> NewIdentity | SameIdentity:
    if not isinstance(body, NewIdentity | SameIdentity):
        raise TypeError("every connection body has one of the two identities")
    return body


def _value(body: Body, name: str) -> object:
    return getattr(body, name)


def _draft(body: Body) -> ConnectionDraft:
    kind = WAREHOUSE_TYPES[str(_value(body, "type"))]
    given = {spec.name: _value(body, spec.name) for spec in kind.fields}
    secret = {spec.name for spec in kind.fields if spec.secret}
    return ConnectionDraft(
        name=str(_value(body, "name")),
        type=kind.name,
        values={name: str(value) for name, value in given.items() if value is not None and name not in secret},
        secrets={name: Secret(str(value)) for name, value in given.items() if value is not None and name in secret},
        is_active=bool(_value(body, "is_active")),
    )


def _answer(connection: Connection) -> Mapping[str, Any]:
    kind = WAREHOUSE_TYPES.get(connection.address.type)
    address = connection.address
    fields = {
        spec.name: MASK
        if spec.secret and spec.name in address.secrets
        else _json_value(spec, address.parameters.get(spec.name))
        for spec in (kind.fields if kind else ())
        if spec.published or spec.name in address.secrets or spec.name in address.parameters
    }
    return {
        "id": connection.id,
        "name": connection.name,
        "workspace_id": connection.workspace_id,
        "is_active": connection.is_active,
        "is_faulted": connection.is_faulted,
        "type": address.type,
        **fields,
        **stamp_of(connection.audit),
    }
