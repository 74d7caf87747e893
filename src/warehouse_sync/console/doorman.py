"""Stands before the console: nobody passes without a session, nothing comes from another site, every page says what it may load."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.console.sessions import COOKIE, Sessions

PATH: Final = "/console"
SIGN_IN: Final = f"{PATH}/sign-in"
_OPEN: Final = frozenset({SIGN_IN, f"{PATH}/session"})
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        # The framework starts a page by inline scripts and compiles its templates in the browser.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SIGN_IN_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Doorman:
    """An ASGI middleware around the whole application; paths outside the console pass untouched."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not is_of_console(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not _is_same_site(headers):
            await _refuse(scope, receive, send, "This request comes from another site.")
            return
        if scope["path"] not in _OPEN and self._sessions.find(session_id_of(headers)) is None:
            await self._send_to_sign_in(scope, receive, send)
            return
        await self._app(scope, receive, _with_policy(scope, send))

    async def _send_to_sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        wants_page = scope["type"] == "http" and scope["method"] == "GET" and "/_nicegui" not in scope["path"]
        if wants_page:
            await RedirectResponse(SIGN_IN, status_code=303)(scope, receive, send)
        else:
            await _refuse(scope, receive, send, "Sign in first.")


def is_of_console(path: str) -> bool:
    """Whether a path belongs to the console."""
    return path == PATH or path.startswith(f"{PATH}/")


def session_id_of(headers: Headers) -> str | None:
    """The session id that a browser sends."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _is_same_site(headers: Headers) -> bool:
    """Whether a request that names its origin names ours. Old browsers name none for plain links, and then the cookie stays at home."""
    if headers.get("sec-fetch-site", "same-origin") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(sentence, status_code=403)(scope, receive, send)


def _with_policy(scope: Scope, send: Send) -> Send:
    policy = SIGN_IN_POLICY if scope["path"] in _OPEN else PAGE_POLICY

    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"
        await send(message)

    return send_with_policy
