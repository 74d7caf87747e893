"""One pipeline: its intervals over time, what each run did, and the verbs."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from warehouse_sync.client import is_finished
from warehouse_sync.console.frame import ask, local_time, moment, page_frame, state_chip
from warehouse_sync.console.sessions import Session
from warehouse_sync.domain.timestamps import parse_instant

_RUNS_SHOWN: Final = 100
_TILES: Final = {"success": "#43a047", "failed": "#e53935", "running": "#1e88e5"}
_POLL_SECONDS: Final = 1.0
_READ_ONLY: Final = frozenset({"is_faulted", "faulted_reason"})


async def show(session: Session, pipeline_id: str) -> None:
    """The page ``/console/pipelines/ID``."""
    with page_frame(session, "Pipeline"):
        await _Page(session, pipeline_id).draw()


class _Page:
    """The page and what it draws anew while a run goes on."""

    def __init__(self, session: Session, pipeline_id: str) -> None:
        self._session = session
        self._id = pipeline_id
        self._shown: tuple[Any, ...] = ()

    async def draw(self) -> None:
        self._content = ui.column().classes("w-full gap-4")
        self._beside = ui.element()  # what is open here stays open when the content is drawn anew
        await self._refresh()
        ui.timer(_POLL_SECONDS, self._refresh_while_running)

    async def _refresh_while_running(self) -> None:
        if self._is_running:
            await self._refresh()

    async def _refresh(self) -> None:
        found = await ask(self._read)
        if found is None:
            self._is_running = False
            return
        pipeline, status, runs, live = found
        self._is_running = any(not is_finished(run) for run in runs) or status["state"] in {"queued", "running"}
        self._content.clear()
        with self._content:
            self._head(pipeline, status)
            if live is not None:
                _progress(live)
            if not runs:
                ui.label("No run yet.").classes("opacity-70")
                return
            self._tiles(runs)
            _charts(self._session, runs)
            self._table(runs)

    def _read(self) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]], dict[str, Any] | None]:
        workspace = self._session.workspace
        pipeline = workspace.get(f"pipelines/{self._id}")
        status = workspace.get(f"pipelines/{self._id}/status")
        runs = workspace.get(f"pipelines/{self._id}/status/runs", pageSize=_RUNS_SHOWN)["items"]
        running = next((run for run in runs if not is_finished(run)), None)
        live = workspace.run(self._id, running["pipeline_run_id"])["progress"] if running else None
        return pipeline, status, runs, live

    def _head(self, pipeline: dict[str, Any], status: dict[str, Any]) -> None:
        with ui.row().classes("w-full items-center"):
            ui.label(pipeline["name"]).classes("text-2xl")
            state_chip(status["state"])
            ui.space()
            if pipeline["schedule_interval"] == "on_demand":
                ui.button("Trigger", icon="play_arrow", on_click=self._trigger).props("no-caps")
            if pipeline["is_active"]:
                ui.button("Pause", icon="pause", on_click=lambda: self._switch(pipeline, is_active=False)).props(
                    "no-caps outline"
                )
            else:
                ui.button("Resume", icon="play_arrow", on_click=lambda: self._switch(pipeline, is_active=True)).props(
                    "no-caps"
                )
        ui.label(status["explanation"])
        with ui.row().classes("gap-8 text-sm"):
            for name, value in (
                ("Connection", pipeline["connection_id"]),
                ("Data model", pipeline["data_model_id"]),
                ("Environment", pipeline["environment"]),
                ("Schedule", pipeline["schedule_interval"]),
            ):
                with ui.column().classes("gap-0"):
                    ui.label(name).classes("opacity-70")
                    ui.label(str(value))
            with ui.column().classes("gap-0"):
                ui.label("Next run").classes("opacity-70")
                moment(self._session, status["next_run_at"])

    async def _trigger(self) -> None:
        if await ask(lambda: self._session.workspace.trigger(self._id)) is not None:
            await self._refresh()

    async def _switch(self, pipeline: dict[str, Any], *, is_active: bool) -> None:
        body = {name: value for name, value in pipeline.items() if name not in _READ_ONLY} | {"is_active": is_active}
        if await ask(lambda: self._session.workspace.replace("pipelines", body)) is not None:
            await self._refresh()

    def _tiles(self, runs: list[dict[str, Any]]) -> None:
        """The intervals, oldest first, coloured by the state of their run."""
        with ui.row().classes("gap-1"):
            for run in reversed(runs):
                colour = _TILES.get(run["pipeline_run_state"], "#9e9e9e")
                tile = ui.element("button").classes("w-4 h-6 rounded cursor-pointer").style(f"background: {colour}")
                start, _ = local_time(self._session, run["data_interval_start"])
                end, _ = local_time(self._session, run["data_interval_end"])
                tile.tooltip(f"{start} to {end}: {run['pipeline_run_state']}").props(
                    f'aria-label="Run {run["pipeline_run_id"]}, {run["pipeline_run_state"]}"'
                )
                tile.on("click", lambda _, number=run["pipeline_run_id"]: self._details(number))

    def _table(self, runs: list[dict[str, Any]]) -> None:
        columns = [
            {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
            for name, label in (
                ("pipeline_run_id", "Run"),
                ("pipeline_run_state", "State"),
                ("interval", "Interval"),
                ("records_extracted", "Rows read"),
                ("records_mapped", "Mapped"),
                ("records_rejected", "Rejected"),
                ("started", "Started"),
                ("message", "Failure"),
            )
        ]
        table = ui.table(
            columns=columns, rows=[self._cells(run) for run in runs], row_key="pipeline_run_id", pagination=20
        )
        table.classes("w-full").on("rowClick", lambda event: self._details(event.args[1]["pipeline_run_id"]))

    def _cells(self, run: dict[str, Any]) -> dict[str, Any]:
        start, end = (local_time(self._session, run[f"data_interval_{side}"])[0] for side in ("start", "end"))
        failure = run["failure"]
        return {
            **run,
            "interval": f"{start} to {end}",
            "started": local_time(self._session, run["start_date"])[0],
            "message": failure["message"] if failure else "",
        }

    async def _details(self, number: int) -> None:
        run = await ask(lambda: self._session.workspace.run(self._id, number))
        if run is None:
            return
        with self._beside, ui.dialog(value=True) as dialog, ui.card().classes("w-full max-w-4xl"):
            _details_of(run)
            with ui.row().classes("w-full justify-end"):
                if run["pipeline_run_state"] == "failed":
                    ui.button("Run again", on_click=lambda: self._again(dialog, number)).props("no-caps")
                ui.button("Close", on_click=dialog.close).props("no-caps flat")

    async def _again(self, dialog: ui.dialog, number: int) -> None:
        path = f"pipelines/{self._id}/runs/{number}/run-again"
        if await ask(lambda: self._session.extension("POST", path)) is not None:
            dialog.close()
            await self._refresh()


def _progress(live: dict[str, Any]) -> None:
    fetched, applied = live["rows_fetched"], live["rows_applied"]
    with ui.card().classes("w-full"):
        ui.label(f"{fetched:,} rows fetched, {applied:,} applied")
        ui.linear_progress(applied / fetched if fetched else 0, show_value=False).props("instant-feedback")


def _charts(session: Session, runs: list[dict[str, Any]]) -> None:
    finished = [run for run in reversed(runs) if run["start_date"] and run["end_date"]]
    names = [local_time(session, run["data_interval_end"])[0] for run in finished]
    rows = [run["records_mapped"] or 0 for run in finished]
    seconds = [_seconds(run) for run in finished]
    ui.echart(
        {
            "tooltip": {"trigger": "axis"},
            "legend": {"data": ["rows", "seconds"]},
            "xAxis": {"type": "category", "data": names},
            "yAxis": [{"type": "value", "name": "rows"}, {"type": "value", "name": "seconds"}],
            "series": [
                {"name": "rows", "type": "bar", "data": rows},
                {"name": "seconds", "type": "line", "yAxisIndex": 1, "data": seconds},
            ],
            "aria": {"enabled": True},
        }
    ).classes("w-full h-64")


def _seconds(run: dict[str, Any]) -> float:
    start, end = (parse_instant(run[f"{side}_date"], field="date") for side in ("start", "end"))
    return (end - start).total_seconds()


def _details_of(run: dict[str, Any]) -> None:
    with ui.row().classes("items-center"):
        ui.label(f"Run {run['pipeline_run_id']}").classes("text-xl")
        state_chip(run["pipeline_run_state"])
    if run["failure"]:
        ui.label(run["failure"]["message"]).classes("text-negative")
        ui.label(f"Code {run['failure']['code']}").classes("text-sm opacity-70")
    counted = {
        name: value for name, value in run.items() if name.startswith(("records_", "profiles_", "identity_", "values_"))
    }
    with ui.grid(columns=4).classes("w-full gap-2"):
        for name, value in {**counted, **_use_of(run)}.items():
            with ui.column().classes("gap-0"):
                ui.label(name.replace("_", " ")).classes("text-sm opacity-70")
                ui.label("—" if value is None else f"{value:,}")
    if run["new_attributes"]:
        with ui.expansion(f"{len(run['new_attributes']):,} attributes that were not known before").classes("w-full"):
            ui.label(", ".join(run["new_attributes"]))
    for reject in run["rejects"]:
        with ui.expansion(f"{reject['count']:,} rows rejected: {reject['reason']}").classes("w-full"):
            samples = [sample["row"] for sample in reject["samples"]]
            ui.table(rows=samples).classes("w-full")
    if dropped := run["dropped_values"]:
        left_out = sum(found["count"] for found in dropped)
        with ui.expansion(f"{left_out:,} values left out of rows that were applied without them").classes("w-full"):
            ui.table(rows=dropped).classes("w-full")
    if run["generated_sql"]:
        with ui.expansion("The SQL it sent").classes("w-full"):
            for text in filter(None, run["generated_sql"].values()):
                ui.code(text, language="sql").classes("w-full")


def _use_of(run: dict[str, Any]) -> dict[str, Any]:
    """What reading took of the warehouse, as far as that is known."""
    taken = {"warehouse_" + name: value for name, value in (run["warehouse_use"] or {}).items()}
    return {name: value for name, value in taken.items() if value is not None}
