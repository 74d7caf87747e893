"""Answers that do not arrive as they should: each gives half of its body, and then misbehaves."""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_TRANSPORT = "emulator.transport"


class _Half(Response):
    """Promises a whole body and sends half of it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body, headers={"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else None)
        self.rest = body[len(body) // 2 :]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) - len(self.rest)]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await self.misbehave(scope, receive, send)

    async def misbehave(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


class Reset(_Half):
    """Then the TCP connection is reset (RST, not FIN)."""

    async def misbehave(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        transport = scope[_TRANSPORT]
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class Hole(_Half):
    """Then nothing comes, until the client goes."""

    async def misbehave(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await _departure(receive)


class Trickle(_Half):
    """Then one byte a second."""

    async def misbehave(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        gone = asyncio.ensure_future(_departure(receive))
        for byte in self.rest:
            left, _ = await asyncio.wait([gone], timeout=1)
            if left:
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _departure(receive: Receive) -> None:
    """Ends when the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass


class WithTransport:
    """Hands each request its network connection, which ASGI hides and a reset needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        scope[_TRANSPORT] = getattr(cycle, "transport", None)
        await self._app(scope, receive, send)
