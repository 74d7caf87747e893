"""``warehouse-sync feed``."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse_sync.cli.home import HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.feeds import FeedService

app = typer.Typer(help="Feeds: the inputs that rows are attributed to.", no_args_is_help=True)

WorkspaceOption = Annotated[int, typer.Option("--workspace", help="Number of the workspace.")]


@app.command("create")
def create(
    *,
    home: HomeOption = None,
    workspace: WorkspaceOption,
    name: Annotated[str, typer.Option("--name", help="For people.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a feed. Its key and secret are shown now and never again; its id can be listed."""
    with opened_home(home) as opened:
        issued = FeedService(opened.database, opened.clock, opened.digests).create(OPERATOR, workspace, name=name)
    shown = {
        "partner_feed_id": issued.feed.id,
        "partner_feed_key": issued.key.reveal(),
        "partner_feed_secret": issued.secret.reveal(),
    }
    show_one(shown, output)


@app.command("list")
def list_all(*, home: HomeOption = None, workspace: WorkspaceOption, output: OutputOption = Output.TABLE) -> None:
    """List the feeds of a workspace."""
    with opened_home(home) as opened:
        found = FeedService(opened.database, opened.clock, opened.digests).all_of(OPERATOR, workspace)
    rows = [{"partner_feed_id": f.id, "name": f.name, "created_on": format_audit(f.created_on)} for f in found]
    show_many(rows, ("partner_feed_id", "name", "created_on"), output)
