"""``/metrics``: the service's numbers for Prometheus, and the counting of requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.api.callers import CallerIn, ServicesIn
from warehouse_sync.api.responses import READ
from warehouse_sync.metrics import Metrics

router = APIRouter(tags=["Service"])

_NO_ROUTE: Final = "none"
_EXAMPLE: Final = (
    "# HELP warehouse_sync_queue_length Runs that wait to be executed.\n"
    "# TYPE warehouse_sync_queue_length gauge\n"
    "warehouse_sync_queue_length 0.0\n"
)


@router.get(
    "/metrics",
    summary="The service's numbers, for Prometheus",
    response_class=PlainTextResponse,
    responses={
        **READ,
        200: {
            "description": "Text format 0.0.4.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
    },
)
def metrics(caller: CallerIn, services: ServicesIn) -> Response:
    return Response(services.metrics.text(caller), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class Counted:
    """Counts every request by method, route template and status, and how long it took.

    Args:
        metrics: where.
        mounts: beginnings of paths of other applications; all below one of them is one route.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        mounts: tuple[str, ...] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._mounts = mounts
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = self._clock()
        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._metrics.request_answered(scope["method"], self._route(scope), status, seconds=self._clock() - began)

    def _route(self, scope: Scope) -> str:
        mount = next((mount for mount in self._mounts if scope["path"].startswith(mount)), None)
        # A route in an included router knows its own part of the path only; the framework keeps the whole beside it.
        matched = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
        return mount or str(getattr(matched, "path_format", _NO_ROUTE))
