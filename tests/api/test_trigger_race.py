"""R4: of many triggers at one moment exactly one makes a run; the others get the published refusal."""

from __future__ import annotations

import threading
from typing import Any

from warehouse_sync.catalog import runs

ONE = "/platform/experimental/workspaces/5328/inputs/warehouse/pipelines/crm-pipeline"
CALLERS = 100


def test_one_of_a_hundred_triggers_wins(plane: Any) -> None:
    plane.on_demand()
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(CALLERS)

    def trigger() -> None:
        start.wait()
        answer = plane.client.post(ONE)
        answers.append((answer.status_code, answer.json()))

    threads = [threading.Thread(target=trigger) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200] + [400] * (CALLERS - 1)
    (won,) = [body["pipeline_run_id"] for status, body in answers if status == 200]
    refused = [body["errors"][0] for status, body in answers if status == 400]
    assert {item["message"] for item in refused} == {"Pipeline crm-pipeline is already in progress."}
    assert {item["pipeline_run_id"] for item in refused} == {won}
    with plane.database.read() as tx:
        assert [run.id for run in runs.unfinished(tx)] == [won]
