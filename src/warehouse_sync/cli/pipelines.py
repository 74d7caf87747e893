"""``warehouse-sync pipeline``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_one
from warehouse_sync.cli.resources import ResourceId, ResourceKind, resource_commands
from warehouse_sync.cli.runs import RUN_COLUMNS, show_run
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected
from warehouse_sync.cli.watching import watch_run

KIND: Final = ResourceKind(
    "pipelines", "pipeline", "pipelines", ("id", "name", "state", "schedule_interval", "environment", "next_run_at")
)
app = resource_commands(KIND, "Pipelines: a connection and a data model together, with a feed and a schedule.")


@app.command("trigger")
def trigger(
    pipeline_id: ResourceId,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end of the run, and end with 3 if it fails.")
    ] = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a run of an on-demand pipeline."""
    with connected(server, workspace) as opened:
        run_id = opened.workspace.trigger(pipeline_id)
        if not wait:
            show_one({"pipeline_run_id": run_id, "status": "trigger_requested"}, output)
            return
        run = watch_run(opened.workspace, pipeline_id, run_id)
    show_run(run, output)


@app.command("status")
def status(
    pipeline_id: ResourceId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell how a pipeline stands, what comes next, and what its latest run did."""
    with connected(server, workspace) as opened:
        found = opened.workspace.get(f"pipelines/{pipeline_id}/status")
    if output is Output.TABLE:
        latest = found["latest_pipeline_run"]
        found["latest_pipeline_run"] = latest and {name: latest[name] for name in RUN_COLUMNS}
    show_one(found, output)
