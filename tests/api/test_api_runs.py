from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warehouse_sync.catalog import pipelines, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import GeneratedSql, RunCounts, RunFailure, RunKind, RunRequest, RunState

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ONE = f"{BASE}/pipelines/crm-pipeline"
COUNTS = RunCounts(extracted=10, rejected=2, changed=5, unchanged=2, superseded=1, profiles_created=4)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _execute(plane: Any, state: RunState = RunState.SUCCESS) -> None:
    """What the scheduler does with the oldest waiting run."""
    failure = RunFailure("warehouse_query", "The query was refused.") if state is RunState.FAILED else None
    with plane.database.write() as tx:
        run = runs.claim_next(tx, holder="t", now=plane.clock.now(), lease=timedelta(minutes=1))
        runs.record_sql(tx, run, GeneratedSql("probe", "count", "extract"))
        assert runs.finish(tx, run, state=state, counts=COUNTS, failure=failure, now=plane.clock.now())


def _scheduled(plane: Any, hours: range) -> None:
    for hour in hours:
        start = _at("2023-02-01T00:05:00") + timedelta(hours=hour)
        request = RunRequest(RunKind.SCHEDULED, start, Interval(start, start + timedelta(hours=1)))
        with plane.database.write() as tx:
            pipeline = pipelines.find(tx, 5328, "crm-pipeline")
            assert runs.create(tx, pipeline, request, created_by="scheduler", now=plane.clock.now())
        _execute(plane)


def test_the_published_table_of_triggers(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model(load_timestamp_field_time_offset=0)
    plane.clock.set(_at("2023-02-01T15:13:22"))
    body = plane.pipeline_body(schedule_interval="on_demand", schedule_start_time="2023-02-01T00:00:00Z")
    assert plane.client.post(f"{BASE}/pipelines", json=body, headers=plane.headers()).status_code == 200
    intervals = []
    for moment in ("2023-02-04T08:30:17.9", "2023-02-08T12:05:45"):
        plane.clock.set(_at(moment))
        triggered = plane.client.post(ONE, headers=plane.headers())
        assert triggered.status_code == 200
        assert set(triggered.json()) == {"pipeline_run_id", "status"}
        assert triggered.json()["status"] == "trigger_requested"
        run = plane.client.get(
            f"{ONE}/status/runs/{triggered.json()['pipeline_run_id']}", headers=plane.headers()
        ).json()
        intervals.append((run["data_interval_start"], run["data_interval_end"], run["logical_date"]))
        _execute(plane)
    assert intervals == [
        ("2023-02-01T00:00:00Z", "2023-02-04T08:30:17Z", "2023-02-01T00:00:00Z"),
        ("2023-02-04T08:30:17Z", "2023-02-08T12:05:45Z", "2023-02-04T08:30:17Z"),
    ]


def test_a_failed_run_does_not_move_the_start(plane: Any) -> None:
    plane.on_demand()
    for _ in range(2):
        run_id = plane.client.post(ONE).json()["pipeline_run_id"]
        run = plane.client.get(f"{ONE}/status/runs/{run_id}").json()
        assert run["data_interval_start"] == "2023-01-31T23:30:00Z"
        _execute(plane, RunState.FAILED)


def test_a_busy_pipeline_refuses_a_trigger_in_the_published_words(plane: Any) -> None:
    plane.on_demand()
    first = plane.client.post(ONE).json()["pipeline_run_id"]
    answer = plane.client.post(ONE)
    assert answer.status_code == 400
    assert answer.json() == {
        "statusCode": 400,
        "errors": [
            {"message": "Pipeline crm-pipeline is already in progress.", "code": "busy", "pipeline_run_id": first}
        ],
    }
    assert plane.wakes == [None, None]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule_interval": "hourly"}, "schedule_interval"),
        ({"schedule_interval": "once"}, "schedule_interval"),
        ({"is_draft": True}, "is_draft"),
        ({"is_active": False}, "is_active"),
        ({"schedule_start_time": "2099-01-01T00:00:00Z"}, "schedule_start_time"),
    ],
)
def test_what_cannot_be_triggered_says_why(plane: Any, changes: dict[str, Any], field: str) -> None:
    plane.on_demand(**changes)
    answer = plane.client.post(ONE)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert plane.client.get(f"{ONE}/status/runs").json() == {"items": []}


def test_a_paused_connection_is_not_read(plane: Any, connection: Any) -> None:
    plane.on_demand()
    plane.client.put(f"{BASE}/connections/crm-connection", json=connection(is_active=False))
    answer = plane.client.post(ONE)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "connection_id")
    assert plane.client.get(f"{ONE}/status").json()["is_connection_active"] is False


def test_a_trigger_clears_the_fault(plane: Any) -> None:
    plane.on_demand()
    with plane.database.write() as tx:
        pipelines.set_fault(tx, pipelines.find(tx, 5328, "crm-pipeline").key, "No.")
    assert plane.client.get(f"{ONE}/status").json()["is_faulted"] is True
    assert plane.client.post(ONE).status_code == 200
    assert plane.client.get(f"{ONE}/status").json()["is_faulted"] is False


def test_the_run_in_the_published_shape(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    waiting = plane.client.get(f"{ONE}/status/runs/{run_id}").json()
    assert (waiting["pipeline_run_state"], waiting["records_extracted"], waiting["start_date"]) == (
        "triggered",
        None,
        None,
    )
    _execute(plane)
    run = plane.client.get(f"{ONE}/status/runs/{run_id}").json()
    assert list(run)[:15] == [
        *("pipeline_run_id", "id", "workspace_id", "logical_date", "start_date", "end_date", "data_interval_start"),
        *("data_interval_end", "pipeline_run_type", "pipeline_run_state", "is_externally_triggered"),
        *("records_extracted", "records_mapped", "event_batches_generated", "created_on"),
    ]
    assert (
        run
        | {
            "pipeline_run_id": run_id,
            "id": "crm-pipeline",
            "workspace_id": 5328,
            "start_date": "2023-02-08T00:05:31Z",
            "end_date": "2023-02-08T00:05:31Z",
            "pipeline_run_type": "manual",
            "pipeline_run_state": "success",
            "is_externally_triggered": True,
            "records_extracted": 10,
            "records_mapped": 8,
            "event_batches_generated": 5,
            "records_rejected": 2,
            "records_unchanged": 2,
            "records_superseded": 1,
            "environment": "development",
            "failure": None,
            "generated_sql": {
                "probe": "probe",
                "count": "count",
                "extract": "extract",
                "count_without_load_timestamp": None,
                "count_in_future": None,
            },
            "created_on": "2023-02-08T00:05:31.23",
            "created_by": "ci",
        }
        == run
    )


def test_a_failed_run_says_why(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    _execute(plane, RunState.FAILED)
    run = plane.client.get(f"{ONE}/status/runs/{run_id}").json()
    assert run["pipeline_run_state"] == "failed"
    assert run["failure"] == {"code": "warehouse_query", "message": "The query was refused."}


def test_the_status_in_the_published_shape(plane: Any) -> None:
    plane.with_pipeline()
    status = plane.client.get(f"{ONE}/status").json()
    assert list(status)[:7] == [
        *("pipeline_id", "workspace_id", "is_faulted", "is_connection_faulted", "is_connection_active", "is_active"),
        "latest_pipeline_run",
    ]
    assert status["latest_pipeline_run"] is None
    _scheduled(plane, range(2))
    status = plane.client.get(f"{ONE}/status").json()
    assert status["latest_pipeline_run"]["logical_date"] == "2023-02-01T01:05:00Z"
    assert status["latest_pipeline_run"]["pipeline_run_type"] == "scheduled"
    assert status["synced_until"] == "2023-02-01T02:05:00Z"
    assert status["next_run_at"] is not None


def test_what_the_catch_up_limit_skips_is_visible(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2023-01-09T00:00:00Z")
    status = plane.client.get(f"{ONE}/status").json()
    assert status["skipped_interval"] == {"start": "2023-01-08T23:30:00Z", "end": "2023-01-31T23:30:00Z"}
    assert status["next_run_at"] == "2023-02-01T01:00:00Z"


def test_pages_of_runs(plane: Any) -> None:
    plane.with_pipeline()
    _scheduled(plane, range(4))
    url = f"{ONE}/status/runs"

    def hours(**query: Any) -> list[str]:
        answer = plane.client.get(url, params=query)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["items"]
        return [run["logical_date"][11:13] for run in answer.json()["items"]]

    assert hours() == ["03", "02", "01", "00"]
    assert hours(currentPage=2, pageSize=3) == ["00"]
    assert hours(currentPage=1_000_000_000, pageSize=1000) == []
    assert hours(startDate="2023-02-01T01:05:00Z", endDate="2023-02-01T02:05:00Z") == ["02", "01"]
    for query in ({"currentPage": 0}, {"pageSize": 1001}, {"pageSize": "x"}, {"startDate": "soon"}, {"endDate": "1"}):
        answer = plane.client.get(url, params=query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, next(iter(query)))


@pytest.mark.parametrize("number", ["0", "-1", "99", str(2**63), str(10**40)])
def test_unknown_runs_are_not_found_however_large_their_number(plane: Any, number: str) -> None:
    plane.with_pipeline()
    answer = plane.client.get(f"{ONE}/status/runs/{number}")
    assert answer.status_code == 404
    assert answer.json()["statusCode"] == 404


def test_a_run_is_found_under_its_own_pipeline_only(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    other = plane.pipeline_body(id="other")
    assert plane.client.post(f"{BASE}/pipelines", json=other).status_code == 200
    assert plane.client.get(f"{BASE}/pipelines/other/status/runs/{run_id}").status_code == 404
