"""How often one credential may ask: a bucket that a second's requests fill and that time empties (specification §6, §7.5)."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse_sync.api.errors import plain_error
from warehouse_sync.services.caller import Caller

PROFILE_API: Final = "/userprofile/"
_EXCEEDED: Final = "X-mp-rate-limit-exceeded"
_PERCENTAGE: Final = "X-mp-rate-limit-percentage-used"
_MOST_CLIENTS: Final = 10_000


class RequestRate:
    """The buckets of all credentials. Not shared between threads: the event loop alone asks it.

    Args:
        per_second: what a bucket holds, and loses every second.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client_id: str, now: float) -> float:
        """Seconds until the client may ask; 0 counts this request."""
        level, since = self._filled.get(client_id, (0.0, now))
        level = max(0.0, level - (now - since) * self._per_second)
        if level + 1 > self._per_second + 1e-9:
            return (level + 1 - self._per_second) / self._per_second
        self._filled[client_id] = (level + 1, now)
        self._filled.move_to_end(client_id)
        if len(self._filled) > _MOST_CLIENTS:
            self._filled.popitem(last=False)
        return 0.0

    def percentage(self, client_id: str) -> int:
        """How full the bucket was after the latest request, in whole percent."""
        level, _ = self._filled.get(client_id, (0.0, 0.0))
        return math.ceil(100 * level / self._per_second)


class RateLimited:
    """Refuses what a credential asks too often; tells with every other answer how near that is."""

    def __init__(
        self, app: ASGIApp, *, control: int, profile: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._control = RequestRate(control)
        self._profile = RequestRate(profile)
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope.get("state", {}).get("caller")
        if scope["type"] != "http" or not isinstance(caller, Caller):
            await self._app(scope, receive, send)
            return
        rate = self._profile if scope["path"].startswith(PROFILE_API) else self._control
        wait = rate.wait(caller.client_id, self._monotonic())
        if wait > 0:
            seconds = math.ceil(wait)
            headers = {"Retry-After": str(seconds), _EXCEEDED: "account"}
            message = f"This credential asks too often. Try again in {seconds} s, and then more slowly."
            refusal = plain_error(429, message, path=scope["path"], code="rate_limited", headers=headers)
            await refusal(scope, receive, send)
            return
        percentage = str(rate.percentage(caller.client_id))

        async def send_with_percentage(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[_PERCENTAGE] = percentage
            await send(message)

        await self._app(scope, receive, send_with_percentage)
