"""Puts the console in front of people: routes, pages, and who may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request
from nicegui import ui

from warehouse_sync.client import WarehouseSyncClient
from warehouse_sync.console.doorman import PATH, Doorman, session_id_of
from warehouse_sync.console.pages import (
    audit,
    connections,
    credentials,
    data_models,
    live,
    overview,
    pipeline,
    profiles,
    wizard,
)
from warehouse_sync.console.sessions import Session, Sessions
from warehouse_sync.console.sign_in import sign_in_routes
from warehouse_sync.console.transport import ADDRESS, InProcessTransport
from warehouse_sync.domain.secret import Secret

PageContent = Callable[..., Awaitable[None]]

_PAGES: Final[dict[str, PageContent]] = {
    "/": overview.show,
    "/pipelines/{pipeline_id}": pipeline.show,
    "/connections": connections.show,
    "/data-models": data_models.show,
    "/live": live.show,
    "/profiles": profiles.show,
    "/credentials": credentials.show,
    "/audit": audit.show,
    "/start": wizard.show,
}


def mount_console(app: FastAPI, *, audience: str, is_secure: bool) -> None:
    """Serves the console below ``/console`` of an application.

    Args:
        app: the service's whole application; the console calls its API.
        audience: what the service calls itself in tokens.
        is_secure: whether browsers reach the service by HTTPS only.
    """
    sessions = Sessions()

    def client(client_id: str, secret: Secret, peer: tuple[str, int]) -> WarehouseSyncClient:
        transport = InProcessTransport(app, asyncio.get_running_loop(), peer)
        return WarehouseSyncClient(ADDRESS, client_id, secret, audience=audience, transport=transport)

    app.include_router(sign_in_routes(sessions, client, is_secure=is_secure))
    for place, content in _PAGES.items():
        _add_page(sessions, place, content)
    ui.run_with(app, mount_path=PATH, title="Warehouse Sync", show_welcome_message=False, reconnect_timeout=10)
    app.add_middleware(Doorman, sessions=sessions)


def _add_page(sessions: Sessions, place: str, content: PageContent) -> None:
    """Registers a page; the doorman has seen to it that there is a session."""

    async def show_one(request: Request, pipeline_id: str) -> None:
        await content(_session(sessions, request), pipeline_id)

    async def show(request: Request) -> None:
        await content(_session(sessions, request))

    ui.page(place)(show_one if "{" in place else show)


def _session(sessions: Sessions, request: Request) -> Session:
    found = sessions.find(session_id_of(request.headers))
    if found is None:
        raise RuntimeError("a page is reached only with a session")
    return found
