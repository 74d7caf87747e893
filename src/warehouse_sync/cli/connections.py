"""``warehouse-sync connection``."""

from __future__ import annotations

from typing import Final

from warehouse_sync.cli.output import Output, OutputOption, show_one
from warehouse_sync.cli.resources import ResourceId, ResourceKind, resource_commands
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected

KIND: Final = ResourceKind(
    "connections", "connection", "connections", ("id", "name", "type", "is_active", "is_faulted")
)
app = resource_commands(KIND, "Connections: where a warehouse is and how to log in.")


@app.command("test")
def try_log_in(
    connection_id: ResourceId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Log in to the warehouse and go through every step up to using the database."""
    with connected(server, workspace) as opened:
        passed = opened.extension("POST", f"connections/{connection_id}/test")
    show_one(passed, output)
