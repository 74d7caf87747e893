"""Who passes the door of the console, without a browser."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from warehouse_sync.console.doorman import PAGE_POLICY, SIGN_IN_POLICY, Doorman
from warehouse_sync.console.sessions import COOKIE, Session, Sessions

SESSIONS = Sessions()
KNOWN = Session(cast("Any", None), time.monotonic() + 3600, [{"id": 1}], 1)
SESSIONS.add(KNOWN)


async def _behind(request: Any) -> PlainTextResponse:
    return PlainTextResponse("behind the door")


GUARDED = Doorman(Starlette(routes=[Route("/{path:path}", _behind, methods=["GET", "POST"])]), SESSIONS)


def ask(
    path: str, session_id: str | None = None, method: str = "GET", headers: dict[str, str] | None = None
) -> httpx.Response:
    async def go() -> httpx.Response:
        cookies = {} if session_id is None else {COOKIE: session_id}
        transport = httpx.ASGITransport(app=GUARDED)
        async with httpx.AsyncClient(transport=transport, base_url="http://sync.example", cookies=cookies) as browser:
            return await browser.request(method, path, headers=headers)

    return asyncio.run(go())


def close_code(session_id: str | None, origin: str) -> int | None:
    """How a websocket is closed that is opened on the pages' channel; None if it is let through."""
    said: list[Any] = []
    headers = [(b"host", b"sync.example"), (b"origin", origin.encode())]
    if session_id:
        headers.append((b"cookie", f"{COOKIE}={session_id}".encode()))
    scope = {"type": "websocket", "path": "/console/_nicegui_ws/socket.io/", "headers": headers, "query_string": b""}

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message)

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    asyncio.run(Doorman(behind, SESSIONS)(scope, receive, send))
    return said[0].get("code")


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/audit", "/console/%2e%2e/console/audit"])
@pytest.mark.parametrize("session_id", [None, "", "x", "forged"])
def test_without_a_session_everything_leads_to_the_sign_in(path: str, session_id: str | None) -> None:
    answer = ask(path, f"{KNOWN.id}x" if session_id == "forged" else session_id)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


@pytest.mark.parametrize(
    "path", ["/console/_nicegui/components/x.js", "/console/_nicegui_ws/socket.io/?EIO=4&transport=polling"]
)
def test_the_pages_own_channel_needs_a_session_too(path: str) -> None:
    assert ask(path).status_code == 403
    assert ask(path, KNOWN.id).text == "behind the door"


def test_a_websocket_needs_a_session_and_our_own_origin() -> None:
    assert close_code(None, "http://sync.example") == 1008
    assert close_code(KNOWN.id, "https://evil.example") == 1008
    assert close_code(KNOWN.id, "http://sync.example") is None


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"Origin": "http://sync.example"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://sync.example.evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://sync.example"}, True),
    ],
)
def test_another_site_cannot_use_a_session(headers: dict[str, str], passes: bool) -> None:
    answer = ask("/console/sign-out", KNOWN.id, "POST", headers)
    assert (answer.status_code == 200) is passes


def test_pages_say_what_they_may_load() -> None:
    assert ask("/console/", KNOWN.id).headers["content-security-policy"] == PAGE_POLICY
    assert ask("/console/sign-in").headers["content-security-policy"] == SIGN_IN_POLICY
    assert ask("/console/", KNOWN.id).headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/consolex", "/platform/x", "/docs"])
def test_other_paths_pass_untouched(path: str) -> None:
    answer = ask(path, headers={"Origin": "https://evil.example"})
    assert answer.text == "behind the door"
    assert "content-security-policy" not in answer.headers
