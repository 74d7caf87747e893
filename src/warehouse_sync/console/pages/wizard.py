"""From nothing to a first successful run, in four steps."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from nicegui import ui

from warehouse_sync.client import is_finished
from warehouse_sync.console.frame import ask, page_frame
from warehouse_sync.console.pages.fields import ConnectionForm, DataModelForm, connection_types, show_preview
from warehouse_sync.console.sessions import Session

_POLL_SECONDS: Final = 0.5


async def show(session: Session) -> None:
    """The page ``/console/start``."""
    with page_frame(session, "Overview"):
        types = await ask(lambda: connection_types(session))
        stored = await ask(lambda: [found["id"] for found in session.workspace.get("connections")])
        if types is not None and stored is not None:
            _Wizard(session).draw(types, stored)


class _Wizard:
    """What was made so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = ""
        self._data_model = ""

    def draw(self, types: dict[str, Any], stored: list[str]) -> None:
        ui.label("A first pipeline").classes("text-2xl")
        with ui.stepper().props("vertical").classes("w-full") as self._steps:
            with ui.step("Warehouse"):
                self._choose_connection(types, stored)
            with ui.step("Query"):
                self._query = ui.column().classes("w-full")
            with ui.step("Pipeline"):
                self._pipeline = ui.column().classes("w-full")
            with ui.step("Run"):
                self._run = ui.column().classes("w-full")

    def _choose_connection(self, types: dict[str, Any], stored: list[str]) -> None:
        if stored:
            with ui.row().classes("items-center"):
                known = ui.select(stored, value=stored[0], label="A connection that is there").classes("w-64")
                ui.button("Use it", on_click=lambda: self._to_query(known.value)).props("no-caps")
            ui.label("or a new one:").classes("opacity-70")
        form = ConnectionForm(types)

        async def create() -> None:
            body = form.body(self._session.workspace_id)
            made = await ask(lambda: self._session.workspace.create("connections", body))
            if made is not None:
                self._to_query(made["id"])

        ui.button("Test and create", on_click=create).props("no-caps")

    def _to_query(self, connection_id: str) -> None:
        self._connection = connection_id
        self._query.clear()
        with self._query:
            ui.label(
                "One SELECT. Columns named after an identity, like customer_id and email, find the person; all others become attributes."
            )
            form = DataModelForm(None, [connection_id], self._preview)

            async def create() -> None:
                body = form.body(self._session.workspace_id)
                made = await ask(lambda: self._session.workspace.create("data-models", body))
                if made is not None:
                    self._to_pipeline(made["id"])

            ui.button("Create", on_click=create).props("no-caps")
            self._shown = ui.column().classes("w-full")
        self._steps.next()

    async def _preview(self, body: dict[str, Any]) -> None:
        found = await ask(lambda: self._session.extension("POST", "data-models/preview", body=body))
        self._shown.clear()
        if found is not None:
            with self._shown:
                show_preview(found)

    def _to_pipeline(self, data_model_id: str) -> None:
        self._data_model = data_model_id
        with self._pipeline:
            name = ui.input("Id", value=f"{data_model_id}-pipeline").classes("w-72")
            start = ui.input("Read rows from", value="2020-01-01T00:00:00Z").classes("w-72")
            schedules = {
                "on_demand": "when triggered",
                "hourly": "hourly",
                "daily": "daily",
                "weekly": "weekly",
                "monthly": "monthly",
            }
            schedule = ui.select(schedules, value="on_demand", label="Schedule").classes("w-72")
            environment = ui.select(["development", "production"], value="development", label="Environment").classes(
                "w-72"
            )

            async def create() -> None:
                body = {
                    "id": name.value,
                    "name": name.value,
                    "workspace_id": self._session.workspace_id,
                    "connection_id": self._connection,
                    "data_model_id": self._data_model,
                    "schedule_interval": schedule.value,
                    "schedule_start_time": start.value,
                    "environment": environment.value,
                }
                made = await ask(lambda: self._create_pipeline(body))
                if made is not None:
                    await self._to_run(made)

            ui.button("Create", on_click=create).props("no-caps")
        self._steps.next()

    def _create_pipeline(self, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self._session.workspace.create("pipelines", {**body, "partner_feed_id": self._feed()})
        return made

    def _feed(self) -> int:
        """The workspace's first feed; made if there is none."""
        client, workspace_id = self._session.client, self._session.workspace_id
        account = next(found["account_id"] for found in self._session.workspaces if found["id"] == workspace_id)
        path, query = f"/v1/workspace/{workspace_id}/partnerfeeds", {"accountId": account}
        feeds = (
            client.call("GET", path, query=query)["data"]
            or client.call("POST", path, body={"name": "warehouse"}, query=query)["data"]
        )
        return int(feeds[0]["id"])

    async def _to_run(self, pipeline: dict[str, Any]) -> None:
        self._steps.next()
        with self._run:
            ui.label("The pipeline is there.").classes("text-lg")
            told = ui.label()
            bar = ui.linear_progress(0, show_value=False)
            ui.link("Open the pipeline", f"/pipelines/{pipeline['id']}")
        if pipeline["schedule_interval"] != "on_demand":
            told.text = "Its runs come by themselves, each at the end of its interval."
            bar.visible = False
            return
        number = await ask(lambda: self._session.workspace.trigger(pipeline["id"]))
        while number is not None:
            run = await ask(lambda: self._session.workspace.run(pipeline["id"], number))
            if run is None:
                return
            _tell(run, told, bar)
            if is_finished(run):
                return
            await asyncio.sleep(_POLL_SECONDS)


def _tell(run: dict[str, Any], told: ui.label, bar: ui.linear_progress) -> None:
    live = run["progress"]
    if run["pipeline_run_state"] == "success":
        counted = f"{run['records_extracted']:,} rows read, {run['records_mapped']:,} mapped, {run['profiles_created']:,} profiles made"
        told.text = f"Success: {counted}."
        bar.value = 1
    elif run["pipeline_run_state"] == "failed":
        told.text = f"It failed. {run['failure']['message']}"
        bar.visible = False
    elif live:
        told.text = f"{live['rows_fetched']:,} rows fetched, {live['rows_applied']:,} applied"
        bar.value = live["rows_applied"] / live["rows_fetched"] if live["rows_fetched"] else 0
    else:
        told.text = "Waiting to begin …"
