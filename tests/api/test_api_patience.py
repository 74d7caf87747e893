"""Slow warehouses hold up nobody else; over a real server, because it is about its threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx

from warehouse_sync.api.app import create_app
from warehouse_sync.api.patience import WAREHOUSES_AT_ONCE

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"


def test_more_slow_warehouses_than_threads_leave_the_api_free(
    plane: Any, connection: Callable[..., dict[str, Any]]
) -> None:
    release = threading.Event()
    entered: list[None] = []

    class Slow:
        def check(self, _: object) -> None:
            entered.append(None)
            release.wait(30)

    plane.services.connections._test = Slow()
    app = create_app(plane.services)
    headers = plane.headers()

    async def scenario() -> tuple[int, int, list[int]]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://t", headers=headers
        ) as client:
            bodies = [connection(id=f"c{number}") for number in range(60)]
            slow = [asyncio.create_task(client.post(f"{BASE}/connections", json=body)) for body in bodies]
            while len(entered) < WAREHOUSES_AT_ONCE:  # noqa: ASYNC110 - it is set in another thread
                await asyncio.sleep(0.01)
            free = await asyncio.wait_for(client.get(f"{BASE}/pipelines"), 10)
            inside = len(entered)
            release.set()
            return free.status_code, inside, [answer.status_code for answer in await asyncio.gather(*slow)]

    status, inside, statuses = asyncio.run(scenario())
    assert (status, inside) == (200, WAREHOUSES_AT_ONCE)
    assert statuses == [200] * 60
