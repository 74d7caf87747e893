"""``/platform/extensions/credentials``: who may ask for access tokens (specification §7.3)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from warehouse_sync.api.bodies import Body, Flag, Name, Number
from warehouse_sync.api.callers import CallerIn, ServicesIn
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.catalog.credentials import Credential, Permission
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.services.credentials import IssuedCredential

router = APIRouter(prefix="/platform/extensions/credentials", tags=["Credentials"])

_NO_STORE: Final = "no-store"


class NewCredential(Body):
    """A credential to create. All workspaces must be asked for in so many words."""

    name: Annotated[Name, Field(description="Shown as the author of what the client makes.", examples=["ci"])]
    permission: Annotated[
        Permission,
        Field(
            description="`admin`: everything. `user`: reads the control API and triggers runs. `profile`: the Profile API only.",
            examples=["user"],
        ),
    ]
    workspaces: Annotated[
        list[Number] | None, Field(max_length=1000, description="This or `all_workspaces`.", examples=[[5328]])
    ] = None
    all_workspaces: Flag = Field(False, description="True: every workspace, those made later too.")

    ignored: ClassVar[frozenset[str]] = frozenset()  # who sends a secret of their own must not believe that it counts


class CredentialAnswer(BaseModel):
    """A credential, without its secret."""

    client_id: str
    name: str
    permission: Permission
    all_workspaces: bool
    workspaces: list[int] = Field(description="Empty if it reaches all.")
    is_active: bool
    created_on: str = Field(examples=["2023-02-03T23:53:08.413"])


class IssuedCredentialAnswer(CredentialAnswer):
    """A credential with its new secret, which cannot be read again."""

    client_secret: str


@router.get("", summary="List the credentials you may manage", responses=READ)
def list_credentials(caller: CallerIn, services: ServicesIn) -> list[CredentialAnswer]:
    return [_answer(found) for found in services.credentials.all_of(caller)]


@router.get("/{clientId}", summary="Get a credential", responses=READ)
def get_credential(
    caller: CallerIn,
    services: ServicesIn,
    clientId: str,  # noqa: N803 - named like the other ids
) -> CredentialAnswer:
    return _answer(services.credentials.get(caller, clientId))


@router.post("", summary="Create a credential", status_code=201, responses=WRITE)
def create_credential(
    caller: CallerIn, services: ServicesIn, body: NewCredential, response: Response
) -> IssuedCredentialAnswer:
    if (body.workspaces is None) is not body.all_workspaces:
        raise InvalidRequest("Send either workspaces or all_workspaces: true.", field="workspaces")
    issued = services.credentials.create(
        caller, name=body.name, permission=body.permission, workspace_ids=body.workspaces
    )
    return _issued(issued, response)


@router.post("/{clientId}/activate", summary="Switch a credential on", responses=WRITE)
def activate_credential(
    caller: CallerIn,
    services: ServicesIn,
    clientId: str,  # noqa: N803 - as above
) -> CredentialAnswer:
    return _answer(services.credentials.set_active(caller, clientId, is_active=True))


@router.post(
    "/{clientId}/deactivate",
    summary="Switch a credential off",
    description="Its tokens stop working at once.",
    responses=WRITE,
)
def deactivate_credential(
    caller: CallerIn,
    services: ServicesIn,
    clientId: str,  # noqa: N803 - as above
) -> CredentialAnswer:
    return _answer(services.credentials.set_active(caller, clientId, is_active=False))


@router.post(
    "/{clientId}/rotate",
    summary="Give a credential a new secret",
    description="The old secret, and the tokens it earned, stop working at once.",
    responses=WRITE,
)
def rotate_credential(
    caller: CallerIn,
    services: ServicesIn,
    clientId: str,  # noqa: N803 - as above
    response: Response,
) -> IssuedCredentialAnswer:
    return _issued(services.credentials.rotate_secret(caller, clientId), response)


@router.delete(
    "/{clientId}", summary="Delete a credential for good", status_code=204, response_class=Response, responses=WRITE
)
def delete_credential(
    caller: CallerIn,
    services: ServicesIn,
    clientId: str,  # noqa: N803 - as above
) -> None:
    services.credentials.delete(caller, clientId)


def _answer(credential: Credential) -> CredentialAnswer:
    return CredentialAnswer(
        client_id=credential.client_id,
        name=credential.name,
        permission=credential.permission,
        all_workspaces=credential.workspaces is None,
        workspaces=list(credential.workspaces or ()),
        is_active=credential.is_active,
        created_on=format_audit(credential.created_on),
    )


def _issued(issued: IssuedCredential, response: Response) -> IssuedCredentialAnswer:
    response.headers["Cache-Control"] = _NO_STORE
    answer = _answer(issued.credential).model_dump()
    return IssuedCredentialAnswer(**answer, client_secret=issued.client_secret.reveal())
