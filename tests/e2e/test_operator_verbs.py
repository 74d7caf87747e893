"""An operator stops runs of the real service in the middle, and has rows read again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.fixtures.service import WORKSPACE, RunningService, prepare_home, running_service

ROWS = 1_200
FEW = 100
CHUNK_ROWS = 20
FOR_EVER = "SELECT count(*) FROM people a, people b, people c, people d WHERE a.n + b.n + c.n + d.n = -1"
START = "2026-01-01T00:00:00Z"
SECONDS = 15
"""Within this time a run is to stop, on a machine that has much else to do."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("verbs")
    with duckdb.connect(str(folder / "shop.duckdb")) as shop:
        shop.execute(
            f"""CREATE TABLE people AS SELECT range AS n, 'c-' || range AS customer_id,
                TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * range AS updated_at FROM range({ROWS})"""
        )
    access = prepare_home(folder / "home")
    settings = {"duckdb_root": str(folder), "chunk_rows": str(CHUNK_ROWS)}
    with running_service(folder / "home", access, **settings) as running:
        make("connections", running, "shop", type="duckdb", database="shop.duckdb")
        people = "SELECT n, customer_id, updated_at FROM people"
        for name, sql in (
            ("people", people),
            ("few", f"{people} WHERE n < {FEW}"),
            ("slow", f"{people} WHERE n >= ({FOR_EVER})"),
        ):
            stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"}
            make("data-models", running, name, type="sql", sql_query=sql, **stamp)
            schedule = {"schedule_interval": "on_demand", "schedule_start_time": START, "environment": "development"}
            parts = {"connection_id": "shop", "data_model_id": name, "partner_feed_id": access.feed_id}
            make("pipelines", running, name, **parts, **schedule)
        yield running


def test_a_run_stops_in_the_middle_of_its_chunks_and_is_then_run_again(service: RunningService) -> None:
    run_id = service.workspace.trigger("people")
    wait_for(service, "people", run_id, lambda run: (run["progress"] or {"rows_applied": 0})["rows_applied"] > 0)
    assert verb(service, f"people/runs/{run_id}/cancel")["status"] == "cancel_requested"
    stopped = service.wait_for_run("people", run_id, SECONDS)
    assert (stopped["pipeline_run_state"], stopped["failure"]["code"]) == ("failed", "cancelled")
    assert 0 < stopped["records_extracted"] < ROWS
    assert stopped["records_extracted"] % CHUNK_ROWS == 0
    assert service.workspace.get("pipelines/people/status")["synced_until"] is None
    verb(service, f"people/runs/{run_id}/run-again")
    done = service.wait_for_run("people", run_id)
    assert (done["pipeline_run_state"], done["attempt"], done["records_extracted"]) == ("success", 2, ROWS)
    assert [attempt["attempt"] for attempt in done["attempts"]] == [2, 1]


def test_a_statement_that_would_never_end_is_stopped_with_its_process(service: RunningService) -> None:
    run_id = service.workspace.trigger("slow")
    wait_for(service, "slow", run_id, lambda run: run["generated_sql"] is not None)
    until(lambda: children(service.process.pid) != [])
    time.sleep(0.3)  # it counts now
    verb(service, f"slow/runs/{run_id}/cancel")
    assert service.wait_for_run("slow", run_id, SECONDS)["failure"]["code"] == "cancelled"
    until(lambda: children(service.process.pid) == [], SECONDS)


def test_deleting_a_pipeline_stops_its_run(service: RunningService) -> None:
    service.workspace.trigger("slow")
    until(lambda: children(service.process.pid) != [])
    service.workspace.delete("pipelines", "slow")
    until(lambda: children(service.process.pid) == [], SECONDS)


def test_what_is_read_again_is_merged_once_and_moves_nothing(service: RunningService) -> None:
    assert service.run("few")["records_extracted"] == FEW
    before = service.workspace.get("pipelines/few/status")
    part = {"start_time": "2026-01-01T00:00:10Z", "end_time": "2026-01-01T00:01:00Z"}
    for path, body, rows in (("resync", None, FEW), ("backfill", part, 50)):
        made = verb(service, f"few/{path}", body)
        done = service.wait_for_run("few", made["pipeline_run_id"])
        counts = [done[f"records_{name}"] for name in ("extracted", "unchanged", "superseded")]
        assert counts == [rows, rows, 0], done
        assert (done["run_kind"], done["profiles_created"]) == (path, 0)
    after = service.workspace.get("pipelines/few/status")
    assert after["synced_until"] == before["synced_until"]
    assert after["latest_pipeline_run"] == before["latest_pipeline_run"]


def make(kind: str, service: RunningService, name: str, **fields: Any) -> None:
    service.workspace.create(kind, {"id": name, "name": name, "workspace_id": WORKSPACE, **fields})


def verb(service: RunningService, path: str, body: Any = None) -> dict[str, Any]:
    url = f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/{path}"
    answer: dict[str, Any] = service.client.call("POST", url, body=body)
    return answer


def wait_for(service: RunningService, pipeline: str, run_id: int, is_so: Any) -> None:
    until(lambda: is_so(service.workspace.run(pipeline, run_id)))


def until(is_so: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are not gone."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listed in lists for child in listed.read_text().split()]
