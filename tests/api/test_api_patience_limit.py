"""Waiting for warehouses is bounded too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx

from warehouse_sync.api.app import create_app
from warehouse_sync.api.patience import WAITING_AT_MOST, WAREHOUSES_AT_ONCE

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"


def test_as_many_may_wait_as_fit_and_no_more(plane: Any, connection: Callable[..., dict[str, Any]]) -> None:
    release = threading.Event()

    class Slow:
        def check(self, _: object) -> None:
            release.wait(100)

    plane.services.connections._test = Slow()
    app = create_app(plane.services)
    headers = plane.headers()
    most = WAREHOUSES_AT_ONCE + WAITING_AT_MOST

    async def scenario() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
            bodies = [connection(id=f"c{number}") for number in range(most + 1)]
            calls = [asyncio.create_task(client.post(f"{BASE}/connections", json=body)) for body in bodies]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1
            release.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(scenario())
    refused = [answer for answer in answers if answer.status_code == 503]
    assert [answer.json()["errors"][0]["code"] for answer in refused] == ["too_busy"]
    assert refused[0].headers["retry-after"]
    assert len([answer for answer in answers if answer.status_code == 200]) == most
