"""The five verbs that connections, data models and pipelines have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from warehouse_sync.cli.bodies import FileOption, read_body
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected
from warehouse_sync.errors import InvalidRequest

ResourceId = Annotated[str, typer.Argument(metavar="ID", help="Its id.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource.

    Attributes:
        path: its last part in the API's address.
        one, many: what it is called.
        columns: what lists show.
    """

    path: str
    one: str
    many: str
    columns: Sequence[str]


def resource_commands(kind: ResourceKind, about: str) -> typer.Typer:
    """A group with the commands ``list``, ``get``, ``create``, ``update`` and ``delete``."""
    app = typer.Typer(help=about, no_args_is_help=True)
    _add_reading(app, kind)
    _add_writing(app, kind)
    return app


def _add_reading(app: typer.Typer, kind: ResourceKind) -> None:
    @app.command("list", help=f"List the workspace's {kind.many}.")
    def list_all(
        *, server: ServerOption = None, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
    ) -> None:
        with connected(server, workspace) as opened:
            found = opened.workspace.get(kind.path)
        show_many(found, kind.columns, output)

    @app.command("get", help=f"Show one {kind.one}.")
    def get(
        resource_id: ResourceId,
        *,
        server: ServerOption = None,
        workspace: WorkspaceOption = None,
        output: OutputOption = Output.TABLE,
    ) -> None:
        with connected(server, workspace) as opened:
            found = opened.workspace.get(f"{kind.path}/{resource_id}")
        show_one(found, output)


def _add_writing(app: typer.Typer, kind: ResourceKind) -> None:
    @app.command("create", help=f"Make a {kind.one} from a file.")
    def create(
        *,
        file: FileOption,
        server: ServerOption = None,
        workspace: WorkspaceOption = None,
        output: OutputOption = Output.TABLE,
    ) -> None:
        body = read_body(file)
        with connected(server, workspace) as opened:
            made = opened.workspace.create(kind.path, {"workspace_id": opened.workspace_id, **body})
        show_one(made, output)

    @app.command("update", help=f"Replace a {kind.one} by what a file says; what it leaves out takes its default.")
    def update(
        *,
        file: FileOption,
        server: ServerOption = None,
        workspace: WorkspaceOption = None,
        output: OutputOption = Output.TABLE,
    ) -> None:
        body = read_body(file)
        if not isinstance(body.get("id"), str):
            raise InvalidRequest(f"{file} must name the {kind.one} by its id.", field="id")
        with connected(server, workspace) as opened:
            changed = opened.workspace.replace(kind.path, {"workspace_id": opened.workspace_id, **body})
        show_one(changed, output)

    @app.command("delete", help=f"Delete a {kind.one}.")
    def delete(
        resource_id: ResourceId,
        *,
        server: ServerOption = None,
        workspace: WorkspaceOption = None,
        yes: YesOption = False,
        output: OutputOption = Output.TABLE,
    ) -> None:
        if not yes:
            typer.confirm(f"Delete the {kind.one} {resource_id}?", abort=True, err=True)
        with connected(server, workspace) as opened:
            opened.workspace.delete(kind.path, resource_id)
        show_one({"deleted": resource_id}, output)
