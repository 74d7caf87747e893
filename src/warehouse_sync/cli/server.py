"""The service that an everyday command talks to, through the public API: one authorisation path for everybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Final

import typer

from warehouse_sync.cli.logins import find_login, logins_file
from warehouse_sync.client import Json, WarehouseSyncClient, WorkspaceClient
from warehouse_sync.errors import SettingsError

ServerOption = Annotated[
    str | None,
    typer.Option("--server", help="Name of a stored log-in.", show_default="WAREHOUSE_SYNC_SERVER, else default"),
]
WorkspaceOption = Annotated[
    int | None,
    typer.Option(
        "--workspace",
        help="Number of the workspace.",
        show_default="WAREHOUSE_SYNC_WORKSPACE, else the log-in's, else the only one",
    ),
]
_EXTENSIONS: Final = "/platform/extensions/workspaces"


@dataclass(frozen=True, slots=True)
class Server:
    """A service, and the workspace a command is about.

    Attributes:
        client: speaks with the service.
        workspace_id: the workspace.
    """

    client: WarehouseSyncClient
    workspace_id: int

    @property
    def workspace(self) -> WorkspaceClient:
        """The published API of the workspace."""
        return self.client.workspace(self.workspace_id)

    def extension(self, method: str, path: str, *, body: Json = None, query: dict[str, Any] | None = None) -> Json:
        """Calls a route of our own about the workspace; ``path`` is relative to ``/platform/extensions/workspaces/ID/``.

        Raises:
            ApiError: the service refused, or cannot be reached.
        """
        return self.client.call(method, f"{_EXTENSIONS}/{self.workspace_id}/{path}", body=body, query=query)

    def download(self, path: str, target: BinaryIO, *, query: dict[str, Any] | None = None) -> int:
        """As :meth:`extension`, for an answer that goes to a file; returns how many bytes.

        Raises:
            ApiError: the service refused, cannot be reached, or broke off.
        """
        return self.client.download(f"{_EXTENSIONS}/{self.workspace_id}/{path}", target, query=query)


@contextmanager
def connected(server: str | None, workspace: int | None) -> Iterator[Server]:
    """A conversation with the service for the length of one command.

    Args:
        server: name of a stored log-in, as ``--server`` gives it.
        workspace: as ``--workspace`` gives it.

    Raises:
        SettingsError: nothing says which service, credential or workspace.
        ApiError: the service refused, or cannot be reached.
    """
    login = find_login(logins_file(), os.environ, server)
    with WarehouseSyncClient(login.url, login.client_id, login.client_secret) as client:
        wanted = workspace or login.workspace_id
        yield Server(client, only_workspace(client) if wanted is None else wanted)


def only_workspace(client: WarehouseSyncClient) -> int:
    """The one workspace that a credential reaches.

    Raises:
        SettingsError: it reaches none, or several.
    """
    reached = [int(workspace["id"]) for workspace in client.call("GET", "/v1/workspace")["data"]]
    if len(reached) == 1:
        return reached[0]
    if not reached:
        raise SettingsError("This credential reaches no workspace. Make one: warehouse-sync workspace create.")
    numbers = ", ".join(map(str, sorted(reached)[:20]))
    raise SettingsError(f"This credential reaches several workspaces. Say which, with --workspace: {numbers}.")
