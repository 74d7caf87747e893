"""All pipelines of the workspace: how each stands, what it did last, what comes next. What needs attention stands first."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from warehouse_sync.console.frame import ago, ask, moment, nothing_yet, page_frame, state_chip
from warehouse_sync.console.sessions import Session

_FIRST: Final = ("faulted", "connection_faulted", "blocked", "retrying", "running", "queued")
_RUNS_SHOWN: Final = 20


async def show(session: Session) -> None:
    """The page ``/console/``."""
    with page_frame(session, "Overview"):
        found = await ask(lambda: _everything(session))
        if found is None:
            return
        if not found:
            nothing_yet("There is no pipeline in this workspace yet.", "Set up the first one", "/start")
            return
        with ui.row().classes("w-full items-center"):
            ui.label("Pipelines").classes("text-2xl")
            ui.space()
            ui.button("New pipeline", icon="add", on_click=lambda: ui.navigate.to("/start")).props("no-caps")
        for pipeline, status, runs in sorted(found, key=_urgency):
            _row(session, pipeline, status, runs)


def _everything(session: Session) -> list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]]:
    workspace = session.workspace
    return [
        (
            pipeline,
            workspace.get(f"pipelines/{pipeline['id']}/status"),
            workspace.get(f"pipelines/{pipeline['id']}/status/runs", pageSize=_RUNS_SHOWN)["items"],
        )
        for pipeline in workspace.get("pipelines")
    ]


def _urgency(found: tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]) -> tuple[int, str]:
    state = found[1]["state"]
    return (_FIRST.index(state) if state in _FIRST else len(_FIRST), found[0]["id"])


def _row(session: Session, pipeline: dict[str, Any], status: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    with ui.card().classes("w-full"), ui.row().classes("w-full items-center no-wrap gap-6"):
        with ui.column().classes("gap-1 flex-grow min-w-0"):
            with ui.row().classes("items-center"):
                ui.link(pipeline["name"], f"/pipelines/{pipeline['id']}").classes("text-lg")
                state_chip(status["state"])
                ui.label(f"{pipeline['schedule_interval']} · {pipeline['environment']}").classes("text-sm opacity-70")
            ui.label(status["explanation"]).classes("text-sm")
        with ui.column().classes("gap-0 text-sm"):
            _fact("Last run", lambda: _last_run(session, status["latest_pipeline_run"]))
            _fact("Next run", lambda: moment(session, status["next_run_at"]))
            _fact(
                "Read up to",
                lambda: ui.label(f"{ago(status['synced_until'])} ago" if status["synced_until"] else "never"),
            )
        _sparkline(runs)


def _fact(name: str, content: Any) -> None:  # noqa: ANN401 - makes elements
    with ui.row().classes("gap-2 no-wrap"):
        ui.label(name).classes("opacity-70 w-20")
        content()


def _last_run(session: Session, run: dict[str, Any] | None) -> None:
    if run is None:
        ui.label("none yet")
        return
    with ui.row().classes("gap-2 no-wrap items-center"):
        state_chip(run["pipeline_run_state"])
        moment(session, run["start_date"])


def _sparkline(runs: list[dict[str, Any]]) -> None:
    """Rows of the latest runs, oldest first."""
    rows = [run["records_mapped"] or 0 for run in reversed(runs)]
    ui.echart(
        {
            "grid": {"left": 0, "right": 0, "top": 4, "bottom": 4},
            "xAxis": {"type": "category", "show": False},
            "yAxis": {"type": "value", "show": False},
            "tooltip": {"trigger": "axis"},
            "series": [{"type": "bar", "data": rows, "name": "rows mapped", "barMaxWidth": 12}],
            "aria": {"enabled": True},
        }
    ).classes("w-48 h-16")
