"""``warehouse-sync workspace``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from warehouse_sync.catalog.workspaces import Workspace
from warehouse_sync.cli.home import HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.home import Home as HomeFolder
from warehouse_sync.home import exclusive
from warehouse_sync.profiles.rewriting import rewrite_stores
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.workspaces import WorkspaceService

app = typer.Typer(help="Workspaces: the borders between callers.", no_args_is_help=True)


@app.command("create")
def create(
    *,
    home: HomeOption = None,
    id: Annotated[int, typer.Option("--id", help="The workspace's number, as clients will send it.")],  # noqa: A002 - the option's name
    name: Annotated[str, typer.Option("--name", help="For people.")],
    org_id: Annotated[int, typer.Option("--org-id", help="Organisation, part of the Profile API's addresses.")] = 1,
    account_id: Annotated[int, typer.Option("--account-id", help="Account, part of those addresses too.")] = 1,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a workspace."""
    with opened_home(home) as opened:
        service = WorkspaceService(opened.database, opened.clock)
        made = service.create(OPERATOR, id=id, name=name, org_id=org_id, account_id=account_id)
    show_one(_shown(made), output)


@app.command("list")
def list_all(*, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """List all workspaces."""
    with opened_home(home) as opened:
        found = WorkspaceService(opened.database, opened.clock).all_of(OPERATOR)
    show_many([_shown(workspace) for workspace in found], ("id", "name", "org_id", "account_id"), output)


@app.command("rewrite-profiles")
def rewrite_profiles(
    *,
    home: HomeOption = None,
    id: Annotated[int, typer.Option("--id", help="The workspace's number.")],  # noqa: A002 - the option's name
    output: OutputOption = Output.TABLE,
) -> None:
    """Write the profile stores of a workspace anew, without the remains of what was deleted. The service must be stopped."""
    with opened_home(home) as opened:
        folder = HomeFolder(opened.settings.home)
        with exclusive(folder, address="rewrite-profiles", now=opened.clock.now()):
            found = rewrite_stores(folder.profiles, id, memory_mb=opened.settings.memory_limit_mb)
            done = [asdict(rewritten) for rewritten in found]
    show_many(done, ("name", "bytes_before", "bytes_after"), output)


def _shown(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "org_id": workspace.org_id,
        "account_id": workspace.account_id,
    }
