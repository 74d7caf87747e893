"""What all pages share: navigation, the workspace, light and dark, times in the viewer's zone, and asking the API without blocking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nicegui import context, ui

from warehouse_sync.client import ApiError
from warehouse_sync.console.doorman import PATH, SIGN_IN
from warehouse_sync.console.sessions import Session
from warehouse_sync.domain.timestamps import parse_instant
from warehouse_sync.errors import InvalidRequest

Answer = TypeVar("Answer")

NAVIGATION: Final = (
    ("Overview", "/", "dashboard"),
    ("Connections", "/connections", "cable"),
    ("Data models", "/data-models", "schema"),
    ("Live stream", "/live", "stream"),
    ("Profiles", "/profiles", "person_search"),
    ("Credentials", "/credentials", "key"),
    ("Audit", "/audit", "history"),
)
_UNAUTHORIZED: Final = 401
_COLOURS: Final = {
    "success": "positive",
    "failed": "negative",
    "running": "info",
    "queued": "grey",
    "triggered": "grey",
    "faulted": "negative",
    "connection_faulted": "negative",
    "blocked": "negative",
    "stale": "warning",
    "retrying": "warning",
    "draft": "grey",
    "paused": "grey",
    "connection_paused": "grey",
    "data_model_paused": "grey",
}


@contextmanager
def page_frame(session: Session, title: str) -> Iterator[None]:
    """The page around a block of content."""
    ui.page_title(f"{title} · Warehouse Sync")
    ui.colors(primary="#3949ab")
    ui.query("body").props(f'data-zone="{session.zone}"')
    dark = ui.dark_mode(session.is_dark)
    with ui.header(elevated=True).classes("items-center gap-2 q-px-md"):
        ui.link("Warehouse Sync", f"{PATH}/").classes("text-white text-lg no-underline font-bold q-mr-md")
        for name, place, icon in NAVIGATION:
            button = ui.button(name, icon=icon, on_click=lambda target=place: ui.navigate.to(target))
            button.props(f"flat dense color=white no-caps {'outline' if name == title else ''}")
        ui.space()
        _workspace_choice(session)
        turn = ui.button(icon="contrast", on_click=lambda: _turn(session, dark))
        turn.props('flat dense color=white aria-label="Light or dark"').tooltip("Light or dark")
        with ui.element("form").props(f'method=post action="{PATH}/sign-out"'):
            ui.button("Sign out").props("flat dense color=white no-caps type=submit")
    with ui.column().classes("w-full max-w-screen-xl mx-auto q-pa-md gap-4"):
        yield
    ui.timer(0.1, lambda: _learn_zone(session), once=True)


def _workspace_choice(session: Session) -> None:
    if len(session.workspaces) == 1:
        ui.label(_workspace_name(session.workspaces[0])).classes("text-white")
        return
    choices = {workspace["id"]: _workspace_name(workspace) for workspace in session.workspaces}

    def choose(event: Any) -> None:  # noqa: ANN401 - the library's event
        session.workspace_id = event.value
        ui.navigate.to("/")

    ui.select(choices, value=session.workspace_id, on_change=choose).props("dense dark options-dense outlined")


def _workspace_name(workspace: dict[str, Any]) -> str:
    return f"{workspace['name']} ({workspace['id']})"


def _turn(session: Session, dark: ui.dark_mode) -> None:
    session.is_dark = not (dark.value or False)
    dark.value = session.is_dark


async def _learn_zone(session: Session) -> None:
    """Asks the browser for its time zone, once; the page is shown again if that is not UTC."""
    zone = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone")
    if not isinstance(zone, str) or zone == session.zone:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return
    session.zone = zone
    ui.navigate.reload()


async def ask(call: Callable[[], Answer]) -> Answer | None:
    """What the API answers, asked on a thread of its own; None if it refused, and then the reader has been told why."""
    client = context.client
    try:
        return await asyncio.to_thread(call)
    except ApiError as error:
        with client:
            if error.status == _UNAUTHORIZED:
                ui.run_javascript(f"window.location.href = '{SIGN_IN}'")
            else:
                ui.notify(error.message, type="negative", multi_line=True, timeout=12_000, close_button="Close")
        return None


def state_chip(state: str) -> None:
    """A state as a coloured word."""
    ui.badge(state.replace("_", " "), color=_COLOURS.get(state, "primary")).classes("text-sm q-pa-xs")


def moment(session: Session, text: str | None, nothing: str = "—") -> None:
    """A time in the viewer's zone, with UTC on hover."""
    shown, utc = local_time(session, text)
    label = ui.label(shown or nothing).classes("whitespace-nowrap")
    if utc:
        label.tooltip(utc)


def local_time(session: Session, text: str | None) -> tuple[str, str]:
    """A time of the API in the viewer's zone, and in UTC; both empty if there is none."""
    if not text:
        return "", ""
    try:
        found = parse_instant(text.split(".", maxsplit=1)[0], field="time")
    except InvalidRequest:
        return text, text
    if found.year < 1900:
        return "the beginning", text
    return found.astimezone(ZoneInfo(session.zone)).strftime("%Y-%m-%d %H:%M:%S"), f"{found:%Y-%m-%d %H:%M:%S} UTC"


def ago(text: str | None) -> str:
    """How long ago a time of the API was, in the largest unit that fits."""
    if not text:
        return "never"
    seconds = (datetime.now(UTC) - parse_instant(text.split(".", maxsplit=1)[0], field="time")).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def nothing_yet(sentence: str, remedy: str | None = None, place: str | None = None) -> None:
    """An empty state that says what to do next."""
    with ui.card().classes("w-full items-center q-pa-xl"):
        ui.label(sentence).classes("text-lg")
        if remedy and place:
            ui.button(remedy, on_click=lambda: ui.navigate.to(place)).props("no-caps")
