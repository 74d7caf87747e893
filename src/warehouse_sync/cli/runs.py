"""``warehouse-sync run``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.resources import YesOption
from warehouse_sync.cli.server import Server, ServerOption, WorkspaceOption, connected
from warehouse_sync.cli.watching import RunFailed, watch_run

app = typer.Typer(help="Runs: one execution of a pipeline for one interval.", no_args_is_help=True)

PipelineId = Annotated[str, typer.Argument(metavar="PIPELINE", help="The pipeline's id.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the end of the run, and end with 3 if it fails.")]
RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, help="The run's number.")]

RUN_COLUMNS: Final = (
    "pipeline_run_id",
    "run_kind",
    "pipeline_run_state",
    "data_interval_start",
    "data_interval_end",
    "records_extracted",
    "records_mapped",
    "records_rejected",
    "records_unchanged",
    "start_date",
    "end_date",
    "failure",
)


@app.command("list")
def list_all(
    pipeline_id: PipelineId,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many runs at most.")] = 20,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List a pipeline's runs, the latest interval first."""
    with connected(server, workspace) as opened:
        found = opened.workspace.get(f"pipelines/{pipeline_id}/status/runs", pageSize=limit)
    show_many(found["items"], [column for column in RUN_COLUMNS if column != "failure"], output)


@app.command("get")
def get(
    pipeline_id: PipelineId,
    run_id: RunId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one run: what it counted, refused and sent to the warehouse."""
    with connected(server, workspace) as opened:
        found = opened.workspace.run(pipeline_id, run_id)
    show_one(found, output)


@app.command("again")
def again(
    pipeline_id: PipelineId,
    run_id: RunId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run a failed run again, for the same interval, as a new attempt."""
    with connected(server, workspace) as opened:
        queued = opened.extension("POST", f"pipelines/{pipeline_id}/runs/{run_id}/run-again")
    show_one(queued, output)


@app.command("cancel")
def cancel(
    pipeline_id: PipelineId,
    run_id: RunId,
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop a run after its last committed chunk. Its interval is not lost."""
    with connected(server, workspace) as opened:
        stopped = opened.extension("POST", f"pipelines/{pipeline_id}/runs/{run_id}/cancel")
    show_one(stopped, output)


@app.command("undo")
def undo(
    pipeline_id: PipelineId,
    run_id: RunId,
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would do.")] = False,
    wait: WaitOption = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take back what a run set and nobody has set or confirmed since. Shows first what it would do, and asks."""
    path = f"pipelines/{pipeline_id}/runs/{run_id}/undo"
    with connected(server, workspace) as opened:
        if preview or not yes:
            found = opened.extension("GET", path)
            show_one(found, output)
            if preview:
                return
            typer.confirm(f"Undo run {run_id}?", abort=True, err=True)
        made = opened.extension("POST", path)
        follow(opened, pipeline_id, made["pipeline_run_id"], output, wait=wait)


def show_run(run: dict[str, Any], output: Output) -> None:
    """Prints a finished run.

    Raises:
        RunFailed: it did not succeed.
    """
    shown = run if output is not Output.TABLE else {name: run[name] for name in RUN_COLUMNS if run[name] is not None}
    show_one(shown, output)
    if run["pipeline_run_state"] != "success":
        failure = run["failure"] or {"message": "It did not succeed."}
        raise RunFailed(f"Run {run['pipeline_run_id']} failed. {failure['message']}")


def follow(opened: Server, pipeline_id: str, run_id: int, output: Output, *, wait: bool) -> None:
    """Prints that a run was asked for, or waits for it and prints what became of it.

    Raises:
        RunFailed: it was waited for, and did not succeed.
    """
    if wait:
        show_run(watch_run(opened.workspace, pipeline_id, run_id), output)
    else:
        show_one({"pipeline_run_id": run_id, "status": "trigger_requested"}, output)
