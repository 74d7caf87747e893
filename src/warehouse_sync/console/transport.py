"""Calls the service's own API without a network: the same application, the same checks, no socket and no certificate to trust."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
from starlette.types import ASGIApp

ADDRESS: Final = "http://console.internal"
"""What stands for the service's address in such calls; nothing is resolved."""


class InProcessTransport(httpx.BaseTransport):
    """A transport for a client on a worker thread; the application runs on the loop that serves everybody.

    Args:
        app: the whole application, with its middleware.
        loop: the running loop.
        peer: address and port of the browser that the call is made for, since log-in failures are counted by address.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop, peer: tuple[str, int]) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=peer)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        answer = await self._inner.handle_async_request(sent)
        body = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)
