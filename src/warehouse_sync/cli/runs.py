"""``warehouse-sync run``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected
from warehouse_sync.cli.watching import RunFailed

app = typer.Typer(help="Runs: one execution of a pipeline for one interval.", no_args_is_help=True)

PipelineId = Annotated[str, typer.Argument(metavar="PIPELINE", help="The pipeline's id.")]
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
