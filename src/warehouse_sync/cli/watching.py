"""Waiting for a run with a live picture of it: rows fetched, rows applied, rate and time left."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from warehouse_sync.client import WorkspaceClient, is_finished
from warehouse_sync.errors import WarehouseSyncError

_PAUSE_SECONDS: Final = 0.3


class RunFailed(WarehouseSyncError):
    """The run that was waited for did not succeed."""

    code = "run_failed"


def watch_run(workspace: WorkspaceClient, pipeline_id: str, run_id: int) -> dict[str, Any]:
    """Waits for the end of a run and returns it. Shows progress on standard error if that is a terminal.

    Raises:
        ApiError: the service refused, or cannot be reached any more.
    """
    console = Console(stderr=True)
    with _picture(console) as progress:
        task = progress.add_task(f"run {run_id} queued", total=None, rate="")
        began = time.monotonic()
        while True:
            run = workspace.run(pipeline_id, run_id)
            _show(progress, task, run, time.monotonic() - began)
            if is_finished(run):
                return run
            time.sleep(_PAUSE_SECONDS)


def _picture(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show(progress: Progress, task: TaskID, run: dict[str, Any], seconds: float) -> None:
    now = run["progress"]
    if now is None:
        return
    fetched, applied = now["rows_fetched"], now["rows_applied"]
    rate = f"{(applied or fetched) / max(seconds, 0.001):,.0f} rows/s"
    if applied:
        progress.update(
            task, description=f"{applied:,} of {fetched:,} rows applied", total=fetched, completed=applied, rate=rate
        )
    else:
        progress.update(task, description=f"{fetched:,} rows fetched", rate=rate)
