"""``warehouse-sync data-model``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.resources import ResourceId, ResourceKind, resource_commands
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected

KIND: Final = ResourceKind(
    "data-models",
    "data model",
    "data models",
    ("id", "name", "load_timestamp_field_name", "load_timestamp_field_type", "is_active"),
)
app = resource_commands(KIND, "Data models: a query, and the column that says when a row was loaded or changed.")


@app.command("preview")
def preview(
    data_model_id: ResourceId,
    *,
    connection: Annotated[str, typer.Option("--connection", help="Id of the connection to try it on.")],
    rows: Annotated[int, typer.Option("--rows", min=0, max=20, help="How many rows to show, at most.")] = 5,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what each column of a data model becomes on a profile, warnings, and the first rows."""
    body = {"connection_id": connection, "data_model_id": data_model_id, "rows": rows}
    with connected(server, workspace) as opened:
        found = opened.extension("POST", "data-models/preview", body=body)
    if output is Output.TABLE:
        _show(found)
    else:
        show_one(found, output)


def _show(found: dict[str, Any]) -> None:
    columns = ("name", "kind", "role", "identity_type", "finds_profiles", "attribute_name")
    show_many(found["columns"], columns, Output.TABLE)
    for note in (*found["errors"], *found["warnings"]):
        typer.echo(f"! {note['message']}")
    if found["rows"]:
        show_many(found["rows"], [column["name"] for column in found["columns"]], Output.TABLE)
