"""What happens to every request before a route sees it: a number, a known caller, a bounded body."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Iterator
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.api.errors import TOKEN_PATH, BodyTooLarge, BodyTooSlow, error_response
from warehouse_sync.api.refusals import Refusals
from warehouse_sync.api.strict_json import refuse_ambiguous_json
from warehouse_sync.errors import InvalidRequest, Unauthenticated
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.tokens import TokenService

MAX_JSON_DEPTH: Final = 20
MAX_TOKEN_BODY_BYTES: Final = 64 * 1024
REQUEST_ID: Final = "X-Request-Id"
_PIECE_BYTES: Final = 64 * 1024
_HSTS: Final = "max-age=31536000"
_CACHEABLE: Final = frozenset({"/openapi.json", "/docs", "/.well-known/jwks.json", "/.well-known/openid-configuration"})
"""The same for everybody; all other answers are for their reader alone."""

_OPENING, _CLOSING, _QUOTE, _ESCAPE = b"[{", b"]}", 0x22, 0x5C


def request_id_of(scope: Scope) -> str:
    """The number of this request, also in its answer and in the log."""
    return str(scope.get("state", {}).get("request_id", "-"))


class Numbering:
    """Gives every request a number and every answer its safety headers; turns what nobody expected into a 500 that tells nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_numbered(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if scope["path"] not in _CACHEABLE:
                    headers.setdefault("Cache-Control", "no-store")
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", _HSTS)
            for piece in _pieces(message):
                await send(piece)

        try:
            await self._app(scope, receive, send_numbered)
        except Exception as error:  # noqa: BLE001 - the last place where it can be answered and logged
            response = error_response(error, path=scope["path"], request_id=request_id)
            if not started:
                await response(scope, receive, send_numbered)


def _pieces(message: Message) -> Iterator[Message]:
    """A long body in pieces, so that for a client that reads slowly no more of it waits in the server than one piece."""
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or len(body) <= _PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        more = end < len(body) or message.get("more_body", False)
        yield {"type": "http.response.body", "body": body[start:end], "more_body": more}


class Authentication:
    """Lets nobody in without a valid bearer token, whatever the path, but for the public ones (decision D20).

    Args:
        refusals: told of everybody who is not let in.
        public: exact paths.
        public_prefixes: beginnings of paths, for applications that have a sign-in of their own.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: TokenService,
        refusals: Refusals,
        public: Collection[str],
        public_prefixes: Collection[str],
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._refusals = refusals
        self._public = frozenset(public)
        self._prefixes = tuple(public_prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._public or scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        try:
            scope.setdefault("state", {})["caller"] = await self._caller(scope)
        except Exception as error:  # noqa: BLE001 - a store that is away must answer 503 here too
            await run_in_threadpool(self._refusals.note, Request(scope), error)
            response = error_response(error, path=scope["path"], request_id=request_id_of(scope))
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        given = Headers(scope=scope).getlist("authorization")
        scheme, _, token = given[0].partition(" ") if given else ("", "", "")
        if len(given) > 1 or scheme.casefold() != "bearer" or not token.strip():
            raise Unauthenticated(
                "Send an access token in the Authorization header: Bearer TOKEN. Request one from /oauth/token.",
                code="no_token",
            )
        return await run_in_threadpool(self._tokens.caller, token.strip())


class BoundedBody:
    """Reads the whole body, counting its bytes whatever its headers say; refuses what is too long, too slow, too deep or ambiguous.

    Args:
        max_bytes: the longest body; of a token request, which needs no token, at most ``MAX_TOKEN_BODY_BYTES``.
        seconds: until the body must be there.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float = 30) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._checked(scope, receive)
        except InvalidRequest as error:
            response = error_response(error, path=scope["path"], request_id=request_id_of(scope))
            await response(scope, receive, send)
            return
        if body is None:
            return
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)

    async def _checked(self, scope: Scope, receive: Receive) -> bytes | None:
        wants_token = scope["path"] == TOKEN_PATH
        most = min(self._max_bytes, MAX_TOKEN_BODY_BYTES) if wants_token else self._max_bytes
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive, most)
        except TimeoutError:
            raise BodyTooSlow(
                f"The body did not come within {self._seconds:g} seconds. Send it again, faster."
            ) from None
        if body and body.strip() and "caller" in scope.get("state", {}):  # the others' bodies need not be JSON
            refuse_ambiguous_json(body)
        return body

    async def _read(self, receive: Receive, max_bytes: int) -> bytes | None:
        """The body; None if the client went away."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise BodyTooLarge(f"The body is longer than {max_bytes} bytes. Send less.")
            if not message.get("more_body", False):
                break
        if json_depth(bytes(body)) > MAX_JSON_DEPTH:
            raise InvalidRequest(f"The body is nested more than {MAX_JSON_DEPTH} levels deep.")
        return bytes(body)


def json_depth(body: bytes) -> int:
    """How deeply arrays and objects are nested in a JSON text; brackets inside strings do not count."""
    if sum(body.count(bracket) for bracket in _OPENING) <= MAX_JSON_DEPTH:
        return 0  # the usual case: too few brackets to matter
    depth = deepest = 0
    in_text = escaped = False
    for byte in body:
        if in_text:
            in_text = escaped or byte != _QUOTE
            escaped = not escaped and byte == _ESCAPE
        elif byte == _QUOTE:
            in_text = True
        elif byte in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif byte in _CLOSING:
            depth -= 1
    return deepest
