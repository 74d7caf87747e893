"""``warehouse-sync credential``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from warehouse_sync.catalog.credentials import Credential, Permission
from warehouse_sync.cli.home import Home, HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.credentials import CredentialService, IssuedCredential

app = typer.Typer(help="Credentials: who may ask for access tokens.", no_args_is_help=True)

_COLUMNS = ("client_id", "name", "permission", "workspaces", "is_active", "created_on")

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As `credential list` shows it.")]


@app.command("create")
def create(
    *,
    home: HomeOption = None,
    name: Annotated[str, typer.Option("--name", help="Shown as the author of what the client makes.")],
    permission: Annotated[
        Permission,
        typer.Option(
            "--permission",
            help="admin: everything; user: read the control API and trigger runs; profile: the Profile API only.",
        ),
    ],
    workspace: Annotated[
        list[int] | None, typer.Option("--workspace", help="May be given several times; without it all workspaces.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a credential. Its secret is shown now and never again."""
    with opened_home(home) as opened:
        issued = _service(opened).create(OPERATOR, name=name, permission=permission, workspace_ids=workspace or None)
    _show_issued(issued, output)


@app.command("list")
def list_all(*, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """List all credentials, without their secrets."""
    with opened_home(home) as opened:
        found = _service(opened).all_of(OPERATOR)
    show_many([_shown(credential) for credential in found], _COLUMNS, output)


@app.command("show")
def show(client_id: ClientId, *, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show one credential, without its secret."""
    with opened_home(home) as opened:
        found = _service(opened).get(OPERATOR, client_id)
    show_one(_shown(found), output)


@app.command("activate")
def activate(client_id: ClientId, *, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Switch a credential on."""
    _set_active(client_id, home, output, is_active=True)


@app.command("deactivate")
def deactivate(client_id: ClientId, *, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Switch a credential off. Its tokens stop working at once."""
    _set_active(client_id, home, output, is_active=False)


@app.command("rotate")
def rotate(client_id: ClientId, *, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Give a credential a new secret, shown now and never again. The old one and its tokens stop working at once."""
    with opened_home(home) as opened:
        issued = _service(opened).rotate_secret(OPERATOR, client_id)
    _show_issued(issued, output)


@app.command("delete")
def delete(
    client_id: ClientId,
    *,
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete a credential for good. What it made stays."""
    with opened_home(home) as opened:
        service = _service(opened)
        found = service.get(OPERATOR, client_id)
        if not yes:
            typer.confirm(f"Delete credential {client_id} ({found.name}) for good?", abort=True, err=True)
        service.delete(OPERATOR, client_id)
    show_one({"deleted": client_id}, output)


def _set_active(client_id: str, home: HomeOption, output: Output, *, is_active: bool) -> None:
    with opened_home(home) as opened:
        changed = _service(opened).set_active(OPERATOR, client_id, is_active=is_active)
    show_one(_shown(changed), output)


def _service(opened: Home) -> CredentialService:
    return CredentialService(opened.database, opened.clock, opened.digests)


def _show_issued(issued: IssuedCredential, output: Output) -> None:
    show_one({"client_id": issued.credential.client_id, "client_secret": issued.client_secret.reveal()}, output)


def _shown(credential: Credential) -> dict[str, Any]:
    return {
        "client_id": credential.client_id,
        "name": credential.name,
        "permission": credential.permission.value,
        "workspaces": "all" if credential.workspaces is None else list(credential.workspaces),
        "is_active": credential.is_active,
        "created_on": format_audit(credential.created_on),
    }
