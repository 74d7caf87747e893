"""``warehouse-sync audit``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.cli.home import HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.services.audit import AuditService
from warehouse_sync.services.caller import OPERATOR

app = typer.Typer(help="The audit log: who did what, and who was refused.", no_args_is_help=True)

_COLUMNS = ("id", "at", "client_id", "workspace_id", "action", "object_kind", "object_id", "outcome")


@app.command("list")
def list_all(
    *,
    home: HomeOption = None,
    workspace: Annotated[int | None, typer.Option("--workspace", help="Only this workspace's entries.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many entries at most.")] = 50,
    before: Annotated[int | None, typer.Option("--before", min=1, help="Only entries with smaller ids.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List entries of the audit log, the latest first."""
    with opened_home(home) as opened:
        service = AuditService(opened.database, opened.clock)
        if workspace is None:
            found = service.of_all(OPERATOR, page=1, size=limit, before=before)
        else:
            found = service.of_workspace(OPERATOR, workspace, page=1, size=limit, before=before)
    show_many([_shown(entry) for entry in found], _COLUMNS, output)


def _shown(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": format_instant(entry.at),
        "client_id": entry.client_id,
        "workspace_id": entry.workspace_id,
        "action": entry.action,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "outcome": entry.outcome,
        "details": dict(entry.details or {}),
    }
