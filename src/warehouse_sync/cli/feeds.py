"""``warehouse-sync feed``: of a home, before or beside a service, or of the service that one has logged in to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

import typer

from warehouse_sync.catalog.feeds import Feed
from warehouse_sync.cli.home import HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.cli.server import ServerOption, WorkspaceOption, connected
from warehouse_sync.client import FeedsClient
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.feeds import FeedService

app = typer.Typer(
    help="Feeds: the inputs that rows are attributed to. With --home (or WAREHOUSE_SYNC_HOME) they are those of a home "
    "on this machine; without, or with --server, those of the service that one has logged in to.",
    no_args_is_help=True,
)

FeedId = Annotated[int, typer.Argument(metavar="ID", help="Its partner_feed_id.")]
NameOption = Annotated[str, typer.Option("--name", help="For people.")]
NewNameOption = Annotated[str | None, typer.Option("--name", help="Its new name.")]
ModuleOption = Annotated[str | None, typer.Option("--module", help="What kind of input it is, like Warehouse.")]
OsOption = Annotated[str | None, typer.Option("--os", help="The system it stands for, like Unbound.")]
DebugOption = Annotated[bool | None, typer.Option("--debug/--no-debug", help="Whether it is for trying things out.")]
_COLUMNS: Final = ("partner_feed_id", "name", "module_name", "os", "is_debug", "created_on")
_SETTABLE: Final = ("name", "module_name", "os", "is_debug")


class Feeds(Protocol):
    """The feeds of one workspace, wherever they are kept."""

    def list(self) -> list[dict[str, Any]]: ...
    def get(self, feed_id: int) -> dict[str, Any]: ...
    def create(self, body: dict[str, Any]) -> dict[str, Any]: ...
    def replace(self, feed_id: int, body: dict[str, Any]) -> dict[str, Any]: ...


@app.command("create")
def create(
    *,
    home: HomeOption = None,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    name: NameOption,
    module_name: ModuleOption = None,
    os: OsOption = None,
    is_debug: DebugOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a feed. Its key and secret are shown now and never again; its id can be listed."""
    with _feeds(home, server, workspace) as feeds:
        made = feeds.create(_said(name=name, module_name=module_name, os=os, is_debug=is_debug))
    show_one({name: made[name] for name in ("partner_feed_id", "partner_feed_key", "partner_feed_secret")}, output)


@app.command("list")
def list_all(
    *,
    home: HomeOption = None,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the feeds of a workspace."""
    with _feeds(home, server, workspace) as feeds:
        found = feeds.list()
    show_many(found, _COLUMNS, output)


@app.command("get")
def get(
    feed_id: FeedId,
    *,
    home: HomeOption = None,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one feed; its key and secret cannot be shown again."""
    with _feeds(home, server, workspace) as feeds:
        found = feeds.get(feed_id)
    show_one(found, output)


@app.command("update")
def update(
    feed_id: FeedId,
    *,
    home: HomeOption = None,
    server: ServerOption = None,
    workspace: WorkspaceOption = None,
    name: NewNameOption = None,
    module_name: ModuleOption = None,
    os: OsOption = None,
    is_debug: DebugOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change what is said of a feed; its key and secret stay, and so does what no option names."""
    with _feeds(home, server, workspace) as feeds:
        stays = {field: value for field, value in feeds.get(feed_id).items() if field in _SETTABLE}
        changed = feeds.replace(feed_id, stays | _said(name=name, module_name=module_name, os=os, is_debug=is_debug))
    show_one(changed, output)


def _said(**fields: str | bool | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@contextmanager
def _feeds(home: HomeOption, server: str | None, workspace: int | None) -> Iterator[Feeds]:
    """Those of a service, if one is named or no home is, else those of the home."""
    if home is None or server is not None:
        with connected(server, workspace) as opened:
            yield _OfService(opened.client.feeds(opened.workspace_id))
        return
    if workspace is None:
        raise typer.BadParameter("Say which workspace of the home.", param_hint="--workspace")
    with opened_home(home) as kept:
        yield _OfHome(FeedService(kept.database, kept.clock, kept.digests), workspace)


@dataclass(frozen=True, slots=True)
class _OfService:
    feeds: FeedsClient

    def list(self) -> list[dict[str, Any]]:
        return [_named(feed) for feed in self.feeds.list()]

    def get(self, feed_id: int) -> dict[str, Any]:
        return _named(self.feeds.get(feed_id))

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        return _named(self.feeds.create(body))

    def replace(self, feed_id: int, body: dict[str, Any]) -> dict[str, Any]:
        return _named(self.feeds.replace(feed_id, body))


@dataclass(frozen=True, slots=True)
class _OfHome:
    service: FeedService
    workspace_id: int

    def list(self) -> list[dict[str, Any]]:
        return [_told(feed) for feed in self.service.all_of(OPERATOR, self.workspace_id)]

    def get(self, feed_id: int) -> dict[str, Any]:
        return _told(self.service.get(OPERATOR, feed_id, workspace_id=self.workspace_id))

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        issued = self.service.create(OPERATOR, self.workspace_id, **body)
        secrets = {"partner_feed_key": issued.key.reveal(), "partner_feed_secret": issued.secret.reveal()}
        return _told(issued.feed) | secrets

    def replace(self, feed_id: int, body: dict[str, Any]) -> dict[str, Any]:
        self.get(feed_id)
        return _told(self.service.replace(OPERATOR, feed_id, **body))


def _told(feed: Feed) -> dict[str, Any]:
    return {
        "partner_feed_id": feed.id,
        "name": feed.name,
        "module_name": feed.module_name,
        "os": feed.os,
        "is_debug": feed.is_debug,
        "created_on": format_audit(feed.created_on),
    }


def _named(feed: dict[str, Any]) -> dict[str, Any]:
    """A feed of the Platform API with its id named as a pipeline names it."""
    unused = {"id", "settings", "workspace_id"}
    return {"partner_feed_id": feed["id"]} | {name: value for name, value in feed.items() if name not in unused}
