"""A server as configuration sees it: reading what it holds, making one change, asking what a query's columns become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from warehouse_sync.client import ApiError, Json, WarehouseSyncClient
from warehouse_sync.configuration.declared import DeclaredObject, Section
from warehouse_sync.configuration.plan import Action, Change, ServerState

_PATHS: Final = {
    Section.CONNECTIONS: "connections",
    Section.DATA_MODELS: "data-models",
    Section.PIPELINES: "pipelines",
}


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """One workspace of a server, spoken to through the public API."""

    client: WarehouseSyncClient
    workspace_id: int

    def state(self) -> ServerState:
        """What the workspace holds."""
        workspace = self.client.workspace(self.workspace_id)
        objects: dict[Section, dict[str, Json]] = {
            section: {found["id"]: found for found in workspace.get(path)} for section, path in _PATHS.items()
        }
        feeds = self._feeds()
        objects[Section.FEEDS] = {feed["name"]: feed for feed in feeds}
        ids: dict[str, list[int]] = {}
        for feed in feeds:
            ids.setdefault(feed["name"], []).append(feed["id"])
        return ServerState(objects, ids)

    def make(self, change: Change) -> None:
        """Makes one change.

        Raises:
            ApiError: the service refused it; the sentence names the object.
        """
        try:
            self._make(change)
        except ApiError as error:
            raise ApiError(f"{change.section.value}.{change.id}: {error.message}", status=error.status) from error

    def _make(self, change: Change) -> None:
        if change.section is Section.FEEDS:
            self._make_feed(change)
            return
        workspace, path = self.client.workspace(self.workspace_id), _PATHS[change.section]
        if change.wanted is None:
            workspace.delete(path, change.id)
            return
        body = {**self._body(change.wanted), "id": change.id, "workspace_id": self.workspace_id}
        if change.action is Action.CREATE:
            workspace.create(path, body)
        else:
            workspace.replace(path, body)

    def columns(self, connection_id: str, data_model: Mapping[str, Any]) -> list[Json]:
        """The columns of a query on a stored connection, and what each becomes on a profile.

        Raises:
            ApiError: the service or the warehouse refused.
        """
        fields = {name: value for name, value in data_model.items() if name in _PREVIEWED and value is not None}
        body = {"connection_id": connection_id, "rows": 0, **fields}
        path = f"/platform/extensions/workspaces/{self.workspace_id}/data-models/preview"
        found: list[Json] = self.client.call("POST", path, body=body)["columns"]
        return found

    def _body(self, wanted: DeclaredObject) -> dict[str, Any]:
        body = {name: value for name, value in wanted.body.items() if value is not None}
        if wanted.feed is not None:
            body["partner_feed_id"] = next(feed["id"] for feed in self._feeds() if feed["name"] == wanted.feed)
        return body

    def _make_feed(self, change: Change) -> None:
        assert change.wanted is not None  # noqa: S101 - feeds are never deleted
        feeds, body = self.client.feeds(self.workspace_id), dict(change.wanted.body)
        if change.action is Action.CREATE:
            feeds.create(body)
            return
        feeds.replace(next(feed["id"] for feed in feeds.list() if feed["name"] == change.id), body)

    def _feeds(self) -> list[Json]:
        return self.client.feeds(self.workspace_id).list()


_PREVIEWED: Final = frozenset(
    {"sql_query", "load_timestamp_field_name", "load_timestamp_field_type", "load_timestamp_field_time_zone"}
)
