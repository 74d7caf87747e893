"""What one request and all requests together may take: bytes of its head, time, places. Each ceiling answers in our own shape."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.api.errors import plain_error

MAX_HEAD_BYTES: Final = 16 * 1024
_VERSION_AND_SPACES: Final = len("  HTTP/1.1\r\n")
_PER_HEADER: Final = len(": \r\n")
_LONGEST_SEGMENT: Final = 1024
_ALWAYS_ANSWERED: Final = frozenset({"/health"})


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What requests may take.

    Attributes:
        body_bytes: of one request's body.
        body_seconds: until a body is there.
        seconds: until an answer begins.
        at_once: requests that are worked on at the same time.
        control_per_second: requests of one credential, but for the Profile API.
        profile_per_second: requests of one credential to the Profile API.
    """

    body_bytes: int = 1_048_576
    body_seconds: float = 30
    seconds: float = 300
    at_once: int = 200
    control_per_second: int = 500
    profile_per_second: int = 15


class BoundedHead:
    """Refuses a request line and headers that are together too long, and paths that name nothing in any database."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif head_bytes(scope) > MAX_HEAD_BYTES:
            message = f"The request line and the headers are together longer than {MAX_HEAD_BYTES} bytes. Send less."
            close = {"Connection": "close"}
            refusal = plain_error(431, message, path=scope["path"], code="headers_too_large", headers=close)
            await refusal(scope, receive, send)
        elif names_nothing(scope["path"]):
            message = "There is nothing at this address."
            await plain_error(404, message, path=scope["path"], code="not_found")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def names_nothing(path: str) -> bool:
    """Whether no object can be meant: no database holds a NUL, and nothing has so long a name."""
    return "\0" in path or any(len(segment) > _LONGEST_SEGMENT for segment in path.split("/"))


def head_bytes(scope: Scope) -> int:
    """The length of the request line and the headers, as a client writes them."""
    target = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
    target += 1 if scope["query_string"] else 0
    headers = sum(len(name) + len(value) + _PER_HEADER for name, value in scope["headers"])
    return len(scope["method"]) + target + _VERSION_AND_SPACES + headers + len("\r\n")


class Patience:
    """Answers 504 when an answer takes too long to begin. The work itself goes on: a thread cannot be stopped."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._left_behind: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        gate = _Gate(send)
        work = asyncio.ensure_future(self._work(scope, receive, gate))
        try:
            done, _ = await asyncio.wait({work}, timeout=self._seconds)
            if done or not gate.shut():
                await work  # the server hangs up on an answer that its caller leaves before the end
                return
        except asyncio.CancelledError:
            work.cancel()
            raise
        self._left_behind.add(work)
        work.add_done_callback(self._forget)
        message = (
            f"The request was not answered within {self._seconds:g} seconds. What it asked for may still be done: look before "
            "you send it again."
        )
        await plain_error(504, message, path=scope["path"], code="request_timed_out")(scope, receive, send)

    async def _work(self, scope: Scope, receive: Receive, gate: _Gate) -> None:
        await self._app(scope, receive, gate)

    def _forget(self, work: asyncio.Task[None]) -> None:
        self._left_behind.discard(work)
        if not work.cancelled():
            work.exception()  # it was answered with 504; nobody else waits for this


class _Gate:
    """Lets an answer through until it is shut; an answer that has begun goes on."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self._is_shut = False

    async def __call__(self, message: Message) -> None:
        if self._is_shut:
            return
        self._begun = True
        await self._send(message)

    def shut(self) -> bool:
        """Whether it could be shut before the answer began."""
        self._is_shut = not self._begun
        return self._is_shut


class Turnstile:
    """Lets so many requests be worked on at once; the others are told to come again. Work that was given up on still counts."""

    def __init__(self, app: ASGIApp, at_once: int) -> None:
        self._app = app
        self._at_once = at_once
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._at_once:
            message = "The service works on as many requests as it may. Try again in a moment."
            wait = {"Retry-After": "1"}
            refusal = plain_error(503, message, path=scope["path"], code="too_busy", headers=wait)
            await refusal(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
