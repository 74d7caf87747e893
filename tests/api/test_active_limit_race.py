"""R5: with four of five slots taken, exactly one of many activations at one moment wins."""

from __future__ import annotations

import threading
from typing import Any

URL = "/platform/experimental/workspaces/5328/inputs/warehouse/pipelines"
CALLERS = 50


def test_one_of_fifty_activations_wins(plane: Any) -> None:
    plane.with_pipeline()
    for number in range(3):
        assert plane.client.post(URL, json=plane.pipeline_body(id=f"active{number}")).status_code == 200
    for number in range(CALLERS):
        draft = plane.pipeline_body(id=f"p{number}", is_draft=True)
        assert plane.client.post(URL, json=draft).status_code == 200
    statuses: list[int] = []
    start = threading.Barrier(CALLERS)

    def activate(number: int) -> None:
        start.wait()
        answer = plane.client.put(f"{URL}/p{number}", json=plane.pipeline_body(id=f"p{number}"))
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=activate, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * (CALLERS - 1)
    active = [p for p in plane.client.get(URL).json() if p["is_active"] and not p["is_draft"]]
    assert len(active) == 5
