"""``warehouse-sync pipeline``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_one
from warehouse_sync.cli.resources import ResourceId, ResourceKind, resource_commands
from warehouse_sync.cli.runs import RUN_COLUMNS, WaitOption, follow
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected

KIND: Final = ResourceKind(
    "pipelines", "pipeline", "pipelines", ("id", "name", "state", "schedule_interval", "environment", "next_run_at")
)
app = resource_commands(KIND, "Pipelines: a connection and a data model together, with a feed and a schedule.")


@app.command("trigger")
def trigger(
    pipeline_id: ResourceId,
    *,
    wait: WaitOption = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a run of an on-demand pipeline."""
    with connected(server, workspace) as opened:
        follow(opened, pipeline_id, opened.workspace.trigger(pipeline_id), output, wait=wait)


@app.command("resync")
def resync(
    pipeline_id: ResourceId,
    *,
    wait: WaitOption = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read everything again that a pipeline has read. Its progress stays."""
    with connected(server, workspace) as opened:
        made = opened.extension("POST", f"pipelines/{pipeline_id}/resync")
        follow(opened, pipeline_id, made["pipeline_run_id"], output, wait=wait)


@app.command("backfill")
def backfill(
    pipeline_id: ResourceId,
    start: Annotated[str, typer.Argument(metavar="START", help="Inclusive, as 2023-02-01T00:00:00Z.")],
    end: Annotated[str, typer.Argument(metavar="END", help="Exclusive; not after what the pipeline has read.")],
    *,
    wait: WaitOption = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read a range of time again. The pipeline's progress stays."""
    with connected(server, workspace) as opened:
        body = {"start_time": start, "end_time": end}
        made = opened.extension("POST", f"pipelines/{pipeline_id}/backfill", body=body)
        follow(opened, pipeline_id, made["pipeline_run_id"], output, wait=wait)


@app.command("verify")
def verify(
    pipeline_id: ResourceId,
    *,
    start: Annotated[
        str | None,
        typer.Option("--start", help="Inclusive, as 2023-02-01T00:00:00Z.", show_default="where reading began"),
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Exclusive.", show_default="where reading stopped")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put back what the profiles lack.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end of the run, and show what it found.")] = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Compare what a pipeline has read with what the profiles hold of it, and tell the rows that these lack.

    Without --end, also what they hold and the warehouse no longer has: that stays, until the run that set it is undone or the person is
    deleted. With --wait: exit code 1 if rows are missing or different and were not put back, 3 if the run fails.
    """
    body = {"repair": repair} | {name: text for name, text in (("start_time", start), ("end_time", end)) if text}
    with connected(server, workspace) as opened:
        made = opened.extension("POST", f"pipelines/{pipeline_id}/verify", body=body)
        follow(opened, pipeline_id, made["pipeline_run_id"], output, wait=wait)
        if not wait:
            return
        found = opened.workspace.run(pipeline_id, made["pipeline_run_id"])["verification"]
    if output is Output.TABLE:
        show_one(found, output)
    if not repair and found["rows_missing"] + found["rows_different"]:
        raise typer.Exit(1)


@app.command("pause")
def pause(
    pipeline_id: ResourceId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let no more runs begin. A run that is being executed ends as it would."""
    with connected(server, workspace) as opened:
        _show_state(opened.extension("POST", f"pipelines/{pipeline_id}/pause"), output)


@app.command("resume")
def resume(
    pipeline_id: ResourceId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a pipeline active, clear its fault, and run the failed interval again that later ones wait for."""
    with connected(server, workspace) as opened:
        _show_state(opened.extension("POST", f"pipelines/{pipeline_id}/resume"), output)


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


def _show_state(pipeline: dict[str, Any], output: Output) -> None:
    names = ("id", "state", "explanation", "next_run_at")
    show_one(pipeline if output is not Output.TABLE else {name: pipeline[name] for name in names}, output)
