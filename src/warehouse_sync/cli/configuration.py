"""``warehouse-sync validate``, ``plan``, ``apply``, ``export`` and ``schema``: configuration as code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from warehouse_sync.cli.output import Output, OutputOption, show_one
from warehouse_sync.cli.server import Server, ServerOption, WorkspaceOption, connected
from warehouse_sync.errors import InvalidRequest

if TYPE_CHECKING:
    from warehouse_sync.configuration.columns import ColumnForecast
    from warehouse_sync.configuration.declared import Declaration
    from warehouse_sync.configuration.plan import Change, Plan

FilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", help="A file, or a folder of files; may be given several times.", show_default="warehouse-sync.yml"
    ),
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete pipelines, data models and connections that no file declares.")
]
RenewOption = Annotated[
    bool,
    typer.Option("--renew-secrets", help="Send every secret again; nobody can see whether a stored one is another."),
]
_SIGNS: Final = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}
_SHOWN_CHARACTERS: Final = 200


def validate(*, file: FilesOption = None, output: OutputOption = Output.TABLE) -> None:
    """Check configuration files without a server."""
    declaration = _declaration(file)
    counts = {section.value: len(objects) for section, objects in declaration.objects.items()}
    show_one({"valid": True, **counts}, output)


def plan(
    *,
    file: FilesOption = None,
    prune: PruneOption = False,
    renew_secrets: RenewOption = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what `apply` would create, change and delete, and what a data model's new columns become."""
    from warehouse_sync.configuration.columns import forecast  # noqa: PLC0415 - the other commands shall not load the API's models
    from warehouse_sync.configuration.plan import make_plan  # noqa: PLC0415 - as above
    from warehouse_sync.configuration.server import ConfiguredServer  # noqa: PLC0415 - as above

    declaration = _declaration(file)
    with connected(server, workspace or declaration.workspace_id) as opened:
        configured = ConfiguredServer(opened.client, _agreed(opened, declaration))
        state = configured.state()
        made = make_plan(declaration, state, prune=prune, renew_secrets=renew_secrets)
        forecasts = list(forecast(made, declaration, state, configured))
    if output is Output.TABLE:
        _print_plan(made, forecasts)
    else:
        show_one(_plan_data(made, forecasts), output)


def apply(
    *,
    file: FilesOption = None,
    prune: PruneOption = False,
    renew_secrets: RenewOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the server hold what the files declare: in order, and only what differs.

    It stops at the first refusal; applying again goes on from there.
    """
    from warehouse_sync.configuration.plan import make_plan  # noqa: PLC0415 - as above
    from warehouse_sync.configuration.server import ConfiguredServer  # noqa: PLC0415 - as above

    declaration = _declaration(file)
    with connected(server, workspace or declaration.workspace_id) as opened:
        configured = ConfiguredServer(opened.client, _agreed(opened, declaration))
        made = make_plan(declaration, configured.state(), prune=prune, renew_secrets=renew_secrets)
        _confirm_deletions(made, yes=yes)
        done = []
        for change in made.changes:
            configured.make(change)
            done.append(_named(change))
            if output is Output.TABLE:
                _print_change(change, with_fields=False)
    if output is not Output.TABLE:
        show_one({"applied": done}, output)
    elif not done:
        typer.echo("No changes. The server holds what the files declare.")


def export(
    *,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Print a workspace's configuration as a file that `apply` takes; secrets as variables to set."""
    from warehouse_sync.configuration.export import document_of  # noqa: PLC0415 - as above
    from warehouse_sync.configuration.server import ConfiguredServer  # noqa: PLC0415 - as above
    from warehouse_sync.configuration.yaml_text import write_yaml  # noqa: PLC0415 - as above

    with connected(server, workspace) as opened:
        state = ConfiguredServer(opened.client, opened.workspace_id).state()
    typer.echo(write_yaml(document_of(state, opened.workspace_id)), nl=False)


def schema() -> None:
    """Print the JSON Schema of configuration files, for editors."""
    from warehouse_sync.configuration.schema import json_schema  # noqa: PLC0415 - as above

    typer.echo(json.dumps(json_schema(), indent=2))


def _declaration(files: Sequence[Path] | None) -> Declaration:
    from warehouse_sync.configuration.declared import declare  # noqa: PLC0415 - as above
    from warehouse_sync.configuration.files import FILE_NAMES, read_files  # noqa: PLC0415 - as above

    paths = list(files or [Path(name) for name in FILE_NAMES if Path(name).exists()][:1] or [Path(FILE_NAMES[0])])
    return declare(read_files(paths, os.environ))


def _agreed(opened: Server, declaration: Declaration) -> int:
    """The workspace, if files and command line mean the same one."""
    if declaration.workspace_id not in {None, opened.workspace_id}:
        raise InvalidRequest(
            f"The files are about workspace {declaration.workspace_id}, the command about {opened.workspace_id}.",
            field="--workspace",
        )
    return opened.workspace_id


def _confirm_deletions(made: Plan, *, yes: bool) -> None:
    doomed = [f"{change.section.value}.{change.id}" for change in made.changes if change.action == "delete"]
    if doomed and not yes:
        typer.confirm(f"Delete {', '.join(doomed)}?", abort=True, err=True)


def _named(change: Change) -> dict[str, str]:
    return {"action": change.action.value, "section": change.section.value, "id": change.id}


def _plan_data(made: Plan, forecasts: Iterable[ColumnForecast]) -> dict[str, Any]:
    return {
        "changes": [
            {
                **_named(change),
                "fields": [{"field": f.field, "before": f.before, "after": f.after} for f in change.fields],
            }
            for change in made.changes
        ],
        "columns": [
            {"data_model": f.data_model_id, "new": list(f.new), "gone": list(f.gone), "unknown": f.unknown}
            for f in forecasts
        ],
        "undeclared": [f"{section.value}.{name}" for section, name in made.undeclared],
    }


def _print_plan(made: Plan, forecasts: Sequence[ColumnForecast]) -> None:
    for change in made.changes:
        _print_change(change, with_fields=True)
        for told in forecasts:
            if change.section.value == "data_models" and change.id == told.data_model_id:
                _print_forecast(told)
    for section, name in made.undeclared:
        typer.echo(f"  {section.value}.{name} is not declared; --prune would delete it")
    if not made.changes:
        typer.echo("No changes. The server holds what the files declare.")


def _print_change(change: Change, *, with_fields: bool) -> None:
    sign, colour = _SIGNS[change.action.value]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(Text(f"{sign} {change.action.value} {change.section.value}.{change.id}", style=colour))
    for field in change.fields if with_fields else ():
        before = "" if change.action == "create" else f"{_short(field.before)} → "
        console.print(f"    {field.field}: {before}{_short(field.after)}")


def _print_forecast(told: ColumnForecast) -> None:
    for line in told.new:
        typer.echo(f"    column {line}")
    for line in told.gone:
        typer.echo(f"    no longer {line}")
    if told.unknown is not None:
        typer.echo(f"    columns are not known yet: {told.unknown}")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
