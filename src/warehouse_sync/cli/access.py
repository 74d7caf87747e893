"""``warehouse-sync login``, ``logout`` and ``servers``: which service the everyday commands talk to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from warehouse_sync.cli.logins import DEFAULT_NAME, Login, login_names, logins_file, remove_login, store_login
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.client import WarehouseSyncClient
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import SettingsError

NameOption = Annotated[str, typer.Option("--server", help="Name to store the log-in under.")]


def login(
    *,
    url: Annotated[str, typer.Option("--url", prompt="Address of the service", help="Address of the service.")],
    client_id: Annotated[str, typer.Option("--client-id", prompt="Client id", help="Of a credential.")],
    workspace: Annotated[
        int | None, typer.Option("--workspace", help="The workspace that commands shall be about.")
    ] = None,
    server: NameOption = DEFAULT_NAME,
    output: OutputOption = Output.TABLE,
) -> None:
    """Store which service the everyday commands talk to, and as whom.

    The client secret is asked for, or read from standard input where that is no terminal; it is never an option, since other users can
    read a command's options. The log-in is tried before it is stored, in a file that only you can read.
    """
    secret = typer.prompt("Client secret", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    given = Login(url.rstrip("/"), client_id, Secret(secret), workspace)
    with WarehouseSyncClient(given.url, given.client_id, given.client_secret) as client:
        reached = [item["id"] for item in client.call("GET", "/v1/workspace")["data"]]
    if workspace is not None and workspace not in reached:
        raise SettingsError(f"This credential does not reach workspace {workspace}.", field="--workspace")
    store_login(logins_file(), server, given)
    show_one({"server": server, "url": given.url, "workspaces": reached, "stored_in": str(logins_file())}, output)


def logout(*, server: NameOption = DEFAULT_NAME, output: OutputOption = Output.TABLE) -> None:
    """Forget a stored log-in. The credential stays; `credential delete` ends it."""
    if not remove_login(logins_file(), server):
        raise SettingsError(f"There is no stored log-in {server}.", field="--server")
    show_one({"forgotten": server}, output)


def servers(*, output: OutputOption = Output.TABLE) -> None:
    """List the stored log-ins, without their secrets."""
    found = [{"server": name, "url": url} for name, url in login_names(logins_file()).items()]
    show_many(found, ("server", "url"), output)
