"""``warehouse-sync credential``."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.cli.home import HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.credentials import CredentialService

app = typer.Typer(help="Credentials: who may ask for access tokens.", no_args_is_help=True)

_COLUMNS = ("client_id", "name", "permission", "workspaces", "is_active", "created_on")


@app.command("create")
def create(
    *,
    home: HomeOption = None,
    name: Annotated[str, typer.Option("--name", help="Shown as the author of what the client makes.")],
    permission: Annotated[
        Permission, typer.Option("--permission", help="admin: all; user: read the control API; profile: read profiles.")
    ],
    workspace: Annotated[
        list[int] | None, typer.Option("--workspace", help="May be given several times; without it all workspaces.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a credential. Its secret is shown now and never again."""
    with opened_home(home) as opened:
        service = CredentialService(opened.database, opened.clock, opened.digests)
        issued = service.create(OPERATOR, name=name, permission=permission, workspace_ids=workspace or None)
    show_one({"client_id": issued.credential.client_id, "client_secret": issued.client_secret.reveal()}, output)


@app.command("list")
def list_all(*, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """List all credentials, without their secrets."""
    with opened_home(home) as opened:
        found = CredentialService(opened.database, opened.clock, opened.digests).all_of(OPERATOR)
    rows = [
        {
            "client_id": credential.client_id,
            "name": credential.name,
            "permission": credential.permission.value,
            "workspaces": "all" if credential.workspaces is None else list(credential.workspaces),
            "is_active": credential.is_active,
            "created_on": format_audit(credential.created_on),
        }
        for credential in found
    ]
    show_many(rows, _COLUMNS, output)
