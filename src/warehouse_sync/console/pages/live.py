"""Records as they are applied, the latest first; a feed and an environment at a time."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from warehouse_sync.console.frame import ask, local_time, page_frame
from warehouse_sync.console.sessions import Session

_SHOWN: Final = 100
_POLL_SECONDS: Final = 2.0
_ALL: Final = 0
_COLUMNS: Final = (
    ("pipeline_id", "Pipeline"),
    ("pipeline_run_id", "Run"),
    ("stamp", "Row's load timestamp"),
    ("identities", "Identities"),
    ("attributes", "Attributes"),
)


async def show(session: Session) -> None:
    """The page ``/console/live``."""
    with page_frame(session, "Live stream"):
        feeds = await ask(lambda: _feeds(session))
        if feeds is not None:
            _Stream(session, feeds).draw()


def _feeds(session: Session) -> dict[int, str]:
    account = next(found["account_id"] for found in session.workspaces if found["id"] == session.workspace_id)
    path = f"/v1/workspace/{session.workspace_id}/partnerfeeds"
    found = session.client.call("GET", path, query={"accountId": account})["data"]
    return {feed["id"]: feed["name"] for feed in found}


class _Stream:
    """What was read so far, and the table of it."""

    def __init__(self, session: Session, feeds: dict[int, str]) -> None:
        self._session = session
        self._feeds = feeds
        self._records: list[dict[str, Any]] = []

    def draw(self) -> None:
        ui.label("Live stream").classes("text-2xl")
        with ui.row().classes("items-center"):
            environments = ["development", "production"]
            self._environment = ui.select(
                environments, value=environments[0], label="Environment", on_change=self._begin_anew
            )
            choices = {_ALL: "all feeds"} | self._feeds
            self._feed = ui.select(choices, value=_ALL, label="Feed", on_change=self._draw_rows).classes("w-48")
            self._following = ui.switch("Follow", value=True)
        columns = [{"name": name, "label": label, "field": name, "align": "left"} for name, label in _COLUMNS]
        self._table = ui.table(columns=columns, rows=[], row_key="sequence").classes("w-full").props("dense wrap-cells")
        self._empty = ui.label("Nothing was applied yet. Records appear here as runs apply them.").classes("opacity-70")
        ui.timer(_POLL_SECONDS, self._follow)

    async def _begin_anew(self) -> None:
        self._records = []
        await self._follow()
        self._draw_rows()

    async def _follow(self) -> None:
        if not self._following.value:
            return
        after = self._records[0]["sequence"] if self._records else 0
        query = {"environment": self._environment.value, "after": after, "limit": _SHOWN}
        found = await ask(lambda: self._session.extension("GET", "records", query=query)["items"])
        if found:
            self._records = [*found, *self._records][:_SHOWN]
            self._draw_rows()

    def _draw_rows(self) -> None:
        wanted = self._feed.value
        self._table.rows = [
            self._cells(record) for record in self._records if wanted in {_ALL, record["partner_feed_id"]}
        ]
        self._empty.visible = not self._table.rows

    def _cells(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            **record,
            "stamp": local_time(self._session, record["load_timestamp"])[0],
            "identities": _pairs(record["user_identities"]),
            "attributes": _pairs(record["user_attributes"]),
        }


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:  # noqa: ANN401 - a text, or a list of them
    return ", ".join(value).join("[]") if isinstance(value, list) else str(value)
