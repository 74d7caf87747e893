"""The documented examples of the published API, replayed: what was sent is sent, and what was answered is answered.

Where two sources contradict each other the example is adapted as the specification reads it (§1.13): the workspace of request and answer
is the same one, and a data model selects its own load timestamp. A field of ours may stand between published ones, never in their place.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warehouse_sync.catalog import pipelines, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import RunCounts, RunFailure, RunKind, RunRequest, RunState
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ONE = f"{BASE}/pipelines/crm-pipeline"
CONNECTION = {
    "id": "crm-connection", "name": "CRM Connection", "workspace_id": 5328, "is_faulted": False, "type": "snowflake",
    "source_account_id": "gd1234", "region": "us-central1.gcp", "warehouse": "compute_wh", "database": "mp", "role": "mp_role",
    "user": "mp_user", "password": "************", "snowflake_aws_iam_user_arn": "arn:aws:iam::123456:user/externalstages/abc",
    "snowflake_aws_external_id": "GD1234=2_abc=", "created_on": "2023-02-03T23:53:08.413", "created_by": "ci",
    "last_modified_on": None, "last_modified_by": None,
}  # fmt: skip
PIPELINE = {
    "id": "crm-pipeline", "name": "CRM Pipeline", "workspace_id": 5328, "is_active": True, "is_draft": False, "is_faulted": False,
    "faulted_reason": None, "connection_id": "crm-connection", "data_model_id": "propensity-model", "partner_feed_id": 1,
    "partner_feed_key": "************", "schedule_start_time": "2023-02-01T00:05:00Z", "schedule_end_time": None,
    "schedule_interval": "hourly", "environment": "development", "created_on": "2023-02-08T00:05:31.23", "created_by": "ci",
    "last_modified_on": None, "last_modified_by": None,
}  # fmt: skip
RUN_FIELDS = [
    "pipeline_run_id", "id", "workspace_id", "logical_date", "start_date", "end_date", "data_interval_start", "data_interval_end",
    "pipeline_run_type", "pipeline_run_state", "is_externally_triggered", "records_extracted", "records_mapped",
    "event_batches_generated", "created_on", "created_by", "last_modified_on", "last_modified_by",
]  # fmt: skip
COUNTS = RunCounts(extracted=1376, rejected=0, changed=1376, unchanged=0, superseded=0, profiles_created=1376)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is(answer: Any, status: int, expected: dict[str, Any]) -> dict[str, Any]:
    """The published fields, with their values and in their order, as JSON with the number of the request."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    published = {name: value for name, value in body.items() if name in expected}
    assert published == expected
    assert list(published) == list(expected)
    return dict(body)


def _execute(plane: Any, *, state: RunState = RunState.SUCCESS, seconds: float = 12) -> None:
    failure = RunFailure("warehouse_query", "The query was refused.") if state is RunState.FAILED else None
    with plane.database.write() as tx:
        run = runs.claim_next(tx, holder="t", now=plane.clock.now(), lease=timedelta(minutes=1))
        plane.clock.advance(timedelta(seconds=seconds))
        counts = None if failure else COUNTS
        assert runs.finish(tx, run, state=state, counts=counts, failure=failure, now=plane.clock.now())


def _schedule(plane: Any, start: datetime) -> None:
    request = RunRequest(RunKind.SCHEDULED, start, Interval(start, start + timedelta(hours=1)))
    with plane.database.write() as tx:
        pipeline = pipelines.find(tx, 5328, "crm-pipeline")
        assert runs.create(tx, pipeline, request, created_by="scheduler", now=plane.clock.now())


# --- §1.4 and §1.5: connections ---------------------------------------------------------------------------------------------------


def test_the_connection_of_the_documentation(plane: Any, connection: Any) -> None:
    plane.clock.set(_at("2023-02-03T23:53:08.413"))
    plane.client.headers.update(plane.headers())
    made = _is(plane.client.post(f"{BASE}/connections", json=connection()), 200, CONNECTION)
    assert set(made) - CONNECTION.keys() == {"is_active"}
    _is(plane.client.get(f"{BASE}/connections/crm-connection"), 200, CONNECTION)
    listed = plane.client.get(f"{BASE}/connections", params={"type": "snowflake"})
    assert (listed.status_code, listed.json()) == (200, [made])


def test_the_documented_put_of_a_connection(plane: Any, connection: Any) -> None:
    plane.with_connection()
    sent = connection(name="Renamed", password="************")
    changed = CONNECTION | {
        "name": "Renamed",
        "created_on": "2023-02-08T00:05:31.23",
        "last_modified_on": "2023-02-08T00:05:31.23",
        "last_modified_by": "ci",
    }
    _is(plane.client.put(f"{BASE}/connections/crm-connection", json=sent), 200, changed)


@pytest.mark.parametrize(
    "kind", ["pipelines/crm-pipeline", "data-models/propensity-model", "connections/crm-connection"]
)
def test_deleting_answers_204_without_a_body(plane: Any, kind: str) -> None:
    plane.with_pipeline()
    for url in ("pipelines/crm-pipeline", "data-models/propensity-model", "connections/crm-connection"):
        answer = plane.client.delete(f"{BASE}/{url}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers
        if url == kind:
            break
    assert plane.client.get(f"{BASE}/{kind}").status_code == 404


def test_the_tutorials_mixed_case_id_is_taken(plane: Any, connection: Any) -> None:
    name = "mP-warehouse-sync-early-access-TJW-connection"
    assert plane.client.post(f"{BASE}/connections", json=connection(id=name)).json()["id"] == name
    assert plane.client.get(f"{BASE}/connections/{name}").status_code == 200


# --- §1.6: data models ------------------------------------------------------------------------------------------------------------


def test_the_data_model_of_the_documentation(plane: Any, data_model: Any) -> None:
    stamp = {
        "created_on": "2023-02-07T20:36:00",
        "created_by": "ci",
        "last_modified_on": None,
        "last_modified_by": None,
    }
    plane.clock.set(_at("2023-02-07T20:36:00"))
    plane.client.headers.update(plane.headers())
    expected = data_model() | stamp
    made = _is(plane.client.post(f"{BASE}/data-models", json=data_model()), 200, expected)
    assert set(made) - expected.keys() == {"is_active", "warnings"}
    _is(plane.client.get(f"{BASE}/data-models/propensity-model"), 200, expected)
    put = plane.client.put(f"{BASE}/data-models/propensity-model", json=data_model(name="Renamed"))
    changed = {"name": "Renamed", "last_modified_on": "2023-02-07T20:36:00", "last_modified_by": "ci"}
    _is(put, 200, expected | changed)


# --- §1.7: pipelines --------------------------------------------------------------------------------------------------------------


def test_the_pipeline_of_the_documentation(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model()
    expected = PIPELINE | {"partner_feed_id": plane.feed.feed.id}
    made = _is(plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body()), 200, expected)
    assert set(made) == set(expected)
    _is(plane.client.get(ONE), 200, expected)
    (listed,) = plane.client.get(f"{BASE}/pipelines").json()
    assert {name: listed[name] for name in expected} == expected


def test_the_documented_put_from_hourly_to_weekly(plane: Any) -> None:
    plane.with_pipeline(schedule_end_time="2024-01-01T00:00:00Z")
    body = plane.pipeline_body(schedule_interval="weekly", schedule_start_time="2023-02-01T00:05:00Z")
    expected = PIPELINE | {
        "partner_feed_id": plane.feed.feed.id,
        "schedule_interval": "weekly",
        "last_modified_on": "2023-02-08T00:05:31.23",
        "last_modified_by": "ci",
    }
    _is(plane.client.put(ONE, json=body), 200, expected)


def test_the_documented_answers_to_a_trigger(plane: Any) -> None:
    body = {"id": "example-pipeline", "schedule_interval": "on_demand", "schedule_start_time": "2023-02-01T00:00:00Z"}
    plane.with_pipeline(**body)
    url = f"{BASE}/pipelines/example-pipeline"
    started = plane.client.post(url)
    run_id = started.json()["pipeline_run_id"]
    assert set(_is(started, 200, {"pipeline_run_id": run_id, "status": "trigger_requested"})) == {
        "pipeline_run_id",
        "status",
    }
    busy = plane.client.post(url)
    assert busy.status_code == 400
    assert list(busy.json()) == ["statusCode", "errors"]
    assert busy.json()["statusCode"] == 400
    assert [item["message"] for item in busy.json()["errors"]] == ["Pipeline example-pipeline is already in progress."]


def test_the_documented_status_and_run_of_an_hourly_pipeline(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2023-02-07T21:00:00Z")
    plane.clock.set(_at("2023-02-07T22:00:06.98"))
    plane.client.headers.update(plane.headers())
    _schedule(plane, _at("2023-02-07T21:00:00"))
    _execute(plane)
    status = _is(
        plane.client.get(f"{ONE}/status"),
        200,
        {
            "pipeline_id": "crm-pipeline",
            "workspace_id": 5328,
            "is_faulted": False,
            "is_connection_faulted": False,
            "is_connection_active": True,
            "is_active": True,
            "latest_pipeline_run": plane.client.get(f"{ONE}/status/runs").json()["items"][0],
        },
    )
    run = status["latest_pipeline_run"]
    assert [name for name in run if name in RUN_FIELDS] == RUN_FIELDS
    assert (
        run
        | {
            "id": "crm-pipeline",
            "workspace_id": 5328,
            "logical_date": "2023-02-07T21:00:00Z",
            "start_date": "2023-02-07T22:00:06Z",
            "end_date": "2023-02-07T22:00:18Z",
            "data_interval_start": "2023-02-07T21:00:00Z",
            "data_interval_end": "2023-02-07T22:00:00Z",
            "pipeline_run_type": "scheduled",
            "pipeline_run_state": "success",
            "is_externally_triggered": False,
            "records_extracted": 1376,
            "records_mapped": 1376,
            "event_batches_generated": 1376,
            "created_on": "2023-02-07T22:00:06.98",
        }
        == run
    )
    one = plane.client.get(f"{ONE}/status/runs/{run['pipeline_run_id']}").json()
    assert {name: one[name] for name in RUN_FIELDS} == {name: run[name] for name in RUN_FIELDS}


def test_the_documented_list_has_the_later_logical_date_first(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2022-10-17T00:00:00Z")
    for hour in (1, 0):
        _schedule(plane, _at(f"2022-10-17T0{hour}:00:00"))
        _execute(plane)
    listed = plane.client.get(f"{ONE}/status/runs", params={"currentPage": 1, "pageSize": 10})
    assert list(listed.json()) == ["items"]
    items = listed.json()["items"]
    assert [run["logical_date"] for run in items] == ["2022-10-17T01:00:00Z", "2022-10-17T00:00:00Z"]
    assert [run["pipeline_run_id"] for run in items] == sorted(run["pipeline_run_id"] for run in items)
    assert {run["id"] for run in items} == {"crm-pipeline"}


def test_a_failed_run_keeps_its_number_and_dates(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2022-10-17T00:00:00Z")
    _schedule(plane, _at("2022-10-17T00:00:00"))
    _execute(plane, state=RunState.FAILED)
    (before,) = plane.client.get(f"{ONE}/status/runs").json()["items"]
    assert (before["pipeline_run_state"], before["records_extracted"]) == ("failed", None)
    number = before["pipeline_run_id"]
    again = f"/platform/extensions/workspaces/5328/pipelines/crm-pipeline/runs/{number}/run-again"
    assert plane.client.post(again).status_code == 200
    _execute(plane)
    (after,) = plane.client.get(f"{ONE}/status/runs").json()["items"]
    assert (after["pipeline_run_id"], after["created_on"]) == (number, before["created_on"])
    assert after["pipeline_run_state"] == "success"
    assert after["start_date"] > before["start_date"]


# --- §1.11: failures --------------------------------------------------------------------------------------------------------------


def test_an_unreachable_warehouse_is_505_in_the_documented_shape(plane: Any, connection: Any) -> None:
    plane.warehouse.failure = WarehouseError(
        "The host cannot be reached.", fault=WarehouseFault.UNREACHABLE, step=WarehouseStep.REACH
    )
    answer = plane.client.post(f"{BASE}/connections", json=connection())
    assert answer.status_code == 505
    assert list(answer.json()) == ["statusCode", "errors"]
    assert answer.json()["statusCode"] == 505
    assert answer.json()["errors"][0]["message"] == "The host cannot be reached."
    assert plane.client.get(f"{BASE}/connections").json() == []


# --- §1.8: schedules that the documentation wrote down wrongly ----------------------------------------------------------------------


def test_the_malformed_end_of_the_documented_daily_schedule_is_refused(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model()
    body = plane.pipeline_body(
        schedule_interval="daily", schedule_start_time="2023-02-01T12:00:00Z", schedule_end_time="2023-03-1T:12:00:00Z"
    )
    answer = plane.client.post(f"{BASE}/pipelines", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "schedule_end_time")
    mended = plane.client.post(f"{BASE}/pipelines", json=body | {"schedule_end_time": "2023-03-01T12:00:00Z"})
    assert (mended.status_code, mended.json()["schedule_end_time"]) == (200, "2023-03-01T12:00:00Z")


@pytest.mark.parametrize("interval", ["hourly", "daily", "weekly", "monthly", "on_demand", "once"])
def test_every_interval_that_any_page_names_is_accepted(plane: Any, interval: str) -> None:
    answer = plane.with_pipeline(schedule_interval=interval, schedule_start_time="2023-02-01T00:00:00Z")
    assert answer["schedule_interval"] == interval


# --- what is published in a corner --------------------------------------------------------------------------------------------------


def test_a_body_is_read_without_a_content_type(plane: Any, data_model: Any) -> None:
    answer = plane.client.post(f"{BASE}/data-models", content=json.dumps(data_model()).encode())
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


def test_fields_that_only_screenshots_show_are_taken_and_not_answered(plane: Any) -> None:
    answer = plane.with_pipeline(mapping_id=None)
    assert "mapping_id" not in answer
    _schedule(plane, _at("2023-02-07T21:00:00"))
    (run,) = plane.client.get(f"{ONE}/status/runs").json()["items"]
    assert "airflow_dag_id" not in run


def test_the_fields_of_a_bigquery_connection(plane: Any) -> None:
    body = {
        "id": "bq", "name": "BQ", "workspace_id": 5328, "is_faulted": False, "type": "bigquery", "region": "us-east4",
        "project_id": "mp-project", "dataset_id": "mp_dataset", "service_account_id": "mp-robot@mp-project.iam.gserviceaccount.com",
        "service_account_key": "{}",
    }  # fmt: skip
    made = plane.client.post(f"{BASE}/connections", json=body)
    _is(made, 200, body | {"service_account_key": "************"})
    listed = plane.client.get(f"{BASE}/connections", params={"type": "bigquery"})
    assert (listed.status_code, listed.json()) == (200, [made.json()])
