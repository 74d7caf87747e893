"""What the demonstration shows, as tables a person enjoys reading."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

_COUNTS = (
    ("rows extracted", "records_extracted"),
    ("rows mapped to profiles", "records_mapped"),
    ("  changed a profile", "event_batches_generated"),
    ("  said nothing new", "records_unchanged"),
    ("  older than another row", "records_superseded"),
    ("rows rejected", "records_rejected"),
    ("profiles created", "profiles_created"),
    ("identity conflicts", "identity_conflicts"),
)


def query(sql: str) -> RenderableType:
    return Panel(Syntax(sql, "sql", background_color="default"), title="The data model", border_style="dim")


def progress(run: dict[str, Any]) -> str:
    """A run's state in a few words."""
    if run["pipeline_run_state"] != "running":
        return str(run["pipeline_run_state"])
    found = run.get("progress") or {"rows_fetched": 0, "rows_applied": 0}
    if found["rows_applied"]:
        return f"{found['rows_applied']:,} of {found['rows_fetched']:,} rows applied"
    return f"{found['rows_fetched']:,} rows fetched"


def runs(finished: list[tuple[dict[str, Any], float]]) -> RenderableType:
    """Intervals and counts of runs, side by side."""
    table = Table(title="The runs", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("")
    for run, _ in finished:
        table.add_column(f"run {run['pipeline_run_id']}", justify="right")
    table.add_row("state", *(run["pipeline_run_state"] for run, _ in finished), style="bold green")
    table.add_row("from (included)", *(run["data_interval_start"] for run, _ in finished))
    table.add_row("to (excluded)", *(run["data_interval_end"] for run, _ in finished), end_section=True)
    for title, name in _COUNTS:
        table.add_row(title, *(f"{run.get(name) or 0:,}" for run, _ in finished))
    rates = (f"{run['records_extracted'] / seconds:,.0f}" for run, seconds in finished)
    table.add_section()
    table.add_row("rows per second, end to end", *rates, style="bold")
    return Group("", table)


def rejects(run: dict[str, Any]) -> RenderableType:
    """Why rows were rejected, with an example of each reason."""
    table = Table(
        title="Rejected rows of the first run", title_justify="left", min_width=40, show_edge=False, pad_edge=False
    )
    for column in ("reason", "rows", "for example"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for found in run.get("rejects") or []:
        sample = found["samples"][0]["row"] if found["samples"] else {}
        shown = ", ".join(f"{name}={value}" for name, value in list(sample.items())[:6])
        table.add_row(found["reason"], f"{found['count']:,}", shown)
    return Group("", table)


def before_and_after(before: dict[str, Any], after: dict[str, Any]) -> RenderableType:
    """One profile's attributes at two moments; what changed stands out."""
    title = f"One profile, before and after (MPID {after['mpid']})"
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in ("attribute", "after run 1", "after run 2"):
        table.add_column(column)
    names = sorted({*before["user_attributes"], *after["user_attributes"]})
    for name in names:
        old, new = before["user_attributes"].get(name), after["user_attributes"].get(name)
        table.add_row(name, _value(old), Text(_value(new), style="bold yellow" if old != new else ""))
    return Group("", table)


def people(profiles: list[dict[str, Any]]) -> RenderableType:
    """Who is who: two who share an e-mail address, and one who was known by e-mail only."""
    table = Table(title="Who is who", title_justify="left", show_edge=False, pad_edge=False)
    for column in ("MPID", "customer id", "e-mail", "name"):
        table.add_column(column)
    for profile in profiles:
        identities = {identity["type"]: identity["value"] for identity in profile["user_identities"]}
        attributes = profile["user_attributes"]
        name = f"{attributes.get('$FirstName', '')} {attributes.get('$LastName', '')}"
        table.add_row(str(profile["mpid"]), identities.get("customer_id", ""), identities.get("email", ""), name)
    note = (
        "The first two share an e-mail address and stay two; the third was known by e-mail only, and stayed the same."
    )
    return Group("", table, Text(note, style="dim"))


def farewell(credentials: Path) -> RenderableType:
    where = os.path.relpath(credentials)
    return (
        f"\n[bold]Keep it running:[/] make serve    [dim](shop and service on http://127.0.0.1:8080; credential in {where})[/]"
        "\n[bold]By hand:[/] the tutorial in README.md does the same with curl."
    )


def save_credentials(path: Path, workspace: int, credential: dict[str, Any], feed: dict[str, Any]) -> None:
    """For ``make serve``: readable by the owner only."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"workspace_id": workspace, **credential, **feed}, file, indent=2)


def _value(value: str | list[str] | None) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else value
