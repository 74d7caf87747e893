"""``warehouse-sync schedule``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected
from warehouse_sync.domain.pipeline import Schedule
from warehouse_sync.domain.schedule import ScheduleInterval, default_start
from warehouse_sync.domain.timestamps import format_instant, parse_instant
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.scheduler.planner import PipelineProgress, skipped
from warehouse_sync.services.outlook import ComingInterval, coming_intervals

app = typer.Typer(help="Schedules: which intervals a pipeline reads, and when.", no_args_is_help=True)

_COLUMNS: Final = ("start", "end", "due_at")


@app.command("preview")
def preview(
    *,
    interval: Annotated[
        ScheduleInterval | None, typer.Option("--interval", help="The schedule_interval of a pipeline to be.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Its schedule_start_time.", show_default="as the service's")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Its schedule_end_time.")] = None,
    now: Annotated[str | None, typer.Option("--now", help="When it is created.", show_default="now")] = None,
    offset: Annotated[int, typer.Option("--offset", help="The load_timestamp_field_time_offset, in seconds.")] = 0,
    settle_delay: Annotated[
        int, typer.Option("--settle-delay", min=0, help="The service's settle delay, in seconds.")
    ] = 0,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", help="A pipeline of the service instead, as it stands.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many intervals.")] = 10,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the next data intervals of a schedule, and when their runs are due. Asks the service only about --pipeline."""
    if (interval is None) == (pipeline is None):
        raise InvalidRequest("Give --interval, or --pipeline.", field="--interval")
    if pipeline is not None:
        with connected(server, workspace) as opened:
            found = opened.extension("GET", f"pipelines/{pipeline}/schedule", query={"count": count})
        rows, gap = found["intervals"], found["skipped_interval"]
    else:
        created = datetime.now(UTC) if now is None else parse_instant(now, field="--now")
        schedule = _schedule(interval or ScheduleInterval.ON_DEMAND, start, end, created)
        progress = PipelineProgress(created, None, timedelta(seconds=offset))
        coming = coming_intervals(schedule, progress, count, now=created, settle_delay=timedelta(seconds=settle_delay))
        rows = [_row(each) for each in coming]
        left_out = skipped(schedule, progress)
        gap = left_out and {"start": format_instant(left_out.start), "end": format_instant(left_out.end)}
    if gap:
        typer.echo(f"Not read, because it lies too far back: {gap['start']} to {gap['end']}.", err=True)
    show_many(rows, _COLUMNS, output)


def _schedule(interval: ScheduleInterval, start: str | None, end: str | None, created: datetime) -> Schedule:
    if interval is ScheduleInterval.ON_DEMAND:
        raise InvalidRequest("An on_demand pipeline has no schedule: a trigger decides.", field="--interval")
    begin = None if start is None else parse_instant(start, field="--start")
    if begin is None and interval.has_grid:
        begin = default_start(interval, created)
    return Schedule(interval, begin, None if end is None else parse_instant(end, field="--end"))


def _row(coming: ComingInterval) -> dict[str, Any]:
    return {
        "start": format_instant(coming.interval.start),
        "end": format_instant(coming.interval.end),
        "due_at": None if coming.due_on is None else format_instant(coming.due_on),
    }
