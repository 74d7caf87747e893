"""Signing in and out: a plain form, without script."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from warehouse_sync.client import ApiError, WarehouseSyncClient
from warehouse_sync.console.doorman import PATH, SIGN_IN, session_id_of
from warehouse_sync.console.sessions import COOKIE, Session, Sessions
from warehouse_sync.domain.secret import Secret

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sign in · Warehouse Sync</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0;
  background: Canvas; color: CanvasText }}
form {{ width: min(24rem, 92vw); display: grid; gap: .75rem; padding: 2rem; border-radius: .75rem;
  border: 1px solid color-mix(in srgb, CanvasText 20%, Canvas) }}
h1 {{ font-size: 1.3rem; margin: 0 }}
label {{ display: grid; gap: .25rem }}
input, button {{ font: inherit; padding: .5rem .75rem; border-radius: .4rem;
  border: 1px solid color-mix(in srgb, CanvasText 35%, Canvas) }}
button {{ background: #3f51b5; color: white; border: 0; cursor: pointer }}
.fault {{ color: #c62828; margin: 0 }}
p {{ margin: 0; font-size: .9rem }}
code {{ font-size: .85rem }}
</style></head><body>
<form method="post" action="{action}">
<h1>Warehouse Sync</h1>
{fault}
<label>Client id <input name="client_id" value="{client_id}" required autofocus autocomplete="username" maxlength="256"></label>
<label>Client secret <input name="client_secret" type="password" required autocomplete="current-password" maxlength="512"></label>
<button type="submit">Sign in</button>
<p>No credential yet? On the service's machine:<br><code>warehouse-sync credential create --name me --permission admin</code></p>
</form></body></html>"""


ClientMaker = Callable[[str, Secret, tuple[str, int]], WarehouseSyncClient]
"""Makes a client of the service's own API for a credential, on behalf of a browser's address."""


def sign_in_routes(sessions: Sessions, client: ClientMaker, *, is_secure: bool) -> APIRouter:
    """The routes of signing in and out.

    Args:
        sessions: where sessions begin and end.
        client: makes a client of the service's own API.
        is_secure: whether browsers reach the service by HTTPS only; the cookie is then kept to it.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(SIGN_IN)
    def show() -> Response:
        return _page()

    @router.post(f"{PATH}/session")
    async def sign_in(
        request: Request,
        client_id: Annotated[str, Form(max_length=256)] = "",
        client_secret: Annotated[str, Form(max_length=512)] = "",
    ) -> Response:
        try:
            peer = (request.client.host, request.client.port) if request.client else ("", 0)
            asking = client(client_id.strip(), Secret(client_secret.strip()), peer)
            session = await asyncio.to_thread(
                _begin, asking
            )  # not the pool that answers the API: it would wait for itself
        except ApiError as error:
            return _page(error.message, client_id, status=401 if error.status in {0, 400, 401} else error.status)
        sessions.end(session_id_of(request.headers))
        sessions.add(session)
        answer = RedirectResponse(f"{PATH}/", status_code=303)
        answer.set_cookie(COOKIE, session.id, httponly=True, samesite="strict", secure=is_secure, path=PATH)
        return answer

    @router.post(f"{PATH}/sign-out")
    async def sign_out(request: Request) -> Response:
        sessions.end(session_id_of(request.headers))
        answer = RedirectResponse(SIGN_IN, status_code=303)
        answer.delete_cookie(COOKIE, path=PATH)
        return answer

    return router


def _begin(client: WarehouseSyncClient) -> Session:
    workspaces = client.call("GET", "/v1/workspace")["data"]
    if not workspaces:
        raise ApiError("This credential reaches no workspace. Make one: warehouse-sync workspace create.", status=403)
    ends = time.monotonic() + client.forget_secret()
    return Session(client, ends, workspaces, int(workspaces[0]["id"]))


def _page(fault: str = "", client_id: str = "", status: int = 200) -> Response:
    told = f'<p class="fault" role="alert">{html.escape(fault)}</p>' if fault else ""
    text = _PAGE.format(action=f"{PATH}/session", fault=told, client_id=html.escape(client_id, quote=True))
    return HTMLResponse(text, status_code=status)
