from __future__ import annotations

from typing import Any

import pytest

from warehouse_sync.catalog import pipelines, runs
from warehouse_sync.domain.run import RunFailure, RunState
from warehouse_sync.errors import InvalidRequest, WarehouseError, WarehouseFault, WarehouseStep

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
URL = f"{BASE}/pipelines"
ONE = f"{URL}/crm-pipeline"


def test_create_answers_in_the_published_shape(plane: Any) -> None:
    answer = plane.with_pipeline()
    assert answer == {
        "id": "crm-pipeline",
        "name": "CRM Pipeline",
        "workspace_id": 5328,
        "is_active": True,
        "is_draft": False,
        "is_faulted": False,
        "faulted_reason": None,
        "connection_id": "crm-connection",
        "data_model_id": "propensity-model",
        "partner_feed_id": plane.feed.feed.id,
        "partner_feed_key": "************",
        "schedule_start_time": "2023-02-01T00:05:00Z",
        "schedule_end_time": None,
        "schedule_interval": "hourly",
        "environment": "development",
        "created_on": "2023-02-08T00:05:31.23",
        "created_by": "ci",
        "last_modified_on": None,
        "last_modified_by": None,
    }
    assert list(answer) == [
        *("id", "name", "workspace_id", "is_active", "is_draft", "is_faulted", "faulted_reason", "connection_id"),
        *("data_model_id", "partner_feed_id", "partner_feed_key", "schedule_start_time", "schedule_end_time"),
        *("schedule_interval", "environment", "created_on", "created_by", "last_modified_on", "last_modified_by"),
    ]
    assert plane.wakes == [None]


def test_the_probe_gets_readable_secrets(plane: Any) -> None:
    plane.with_pipeline()
    (connection, data_model) = plane.warehouse.probed[0]
    assert connection.address.secrets["password"].reveal() == "s3cret"
    assert data_model.id == "propensity-model"


@pytest.mark.parametrize(
    ("interval", "start"),
    [
        ("hourly", "2023-02-01T00:05:00Z"),
        ("daily", "2022-08-08T00:05:00Z"),
        ("weekly", "2020-02-08T00:05:00Z"),
        ("monthly", "2018-02-08T00:05:00Z"),
        ("once", None),
    ],
)
def test_the_default_start(plane: Any, interval: str, start: str | None) -> None:
    assert plane.with_pipeline(schedule_interval=interval)["schedule_start_time"] == start


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule_interval": "on_demand"}, "schedule_start_time"),
        ({"schedule_interval": "yearly"}, "schedule_interval"),
        ({"schedule_start_time": "2023-03-1T:12:00:00Z"}, "schedule_start_time"),
        ({"schedule_end_time": "2023-01-01T00:00:00Z"}, "schedule_end_time"),
        ({"environment": "staging"}, "environment"),
        ({"connection_id": "none"}, "connection_id"),
        ({"data_model_id": "none"}, "data_model_id"),
        ({"partner_feed_key": "us1-0"}, "partner_feed_key"),
        ({"partner_feed_key": "************"}, "partner_feed_id"),
        ({"partner_feed_key": None}, "partner_feed_id"),
        ({"partner_feed_key": None, "partner_feed_id": 99}, "partner_feed_id"),
        ({"partner_feed_key": None, "partner_feed_id": 10**30}, "partner_feed_id"),
        ({"workspace_id": 7}, "workspace_id"),
        ({"id": "a/b"}, "id"),
        ({"schedul_interval": "hourly"}, "schedul_interval"),
        ({"is_draft": "no"}, "is_draft"),
    ],
)
def test_a_wrong_field_is_named(plane: Any, changes: dict[str, Any], field: str) -> None:
    plane.with_connection()
    plane.with_data_model()
    answer = plane.client.post(URL, json=plane.pipeline_body(**changes))
    assert answer.status_code == 400, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [field]
    assert plane.client.get(URL).json() == []


def test_the_feed_by_number_even_as_text(plane: Any) -> None:
    feed_id = plane.feed.feed.id
    assert plane.with_pipeline(partner_feed_key=None, partner_feed_id=str(feed_id))["partner_feed_id"] == feed_id


def test_a_feed_of_another_workspace_is_unknown(plane: Any) -> None:
    from warehouse_sync.services.caller import OPERATOR

    other = plane.services.feeds.create(OPERATOR, 7, name="x")
    plane.with_connection()
    plane.with_data_model()
    answer = plane.client.post(URL, json=plane.pipeline_body(partner_feed_key=other.key.reveal()))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "partner_feed_key")


def test_a_failed_probe_stores_nothing(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model()
    plane.warehouse.failure = InvalidRequest("No look-up identity.", field="sql_query", code="no_lookup_identity")
    answer = plane.client.post(URL, json=plane.pipeline_body())
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "no_lookup_identity")
    plane.warehouse.failure = WarehouseError("Away.", fault=WarehouseFault.UNREACHABLE, step=WarehouseStep.REACH)
    assert plane.client.post(URL, json=plane.pipeline_body()).status_code == 505
    assert plane.client.get(URL).json() == []


def test_put_replaces_clears_the_fault_and_keeps_the_masked_feed(plane: Any) -> None:
    created = plane.with_pipeline(schedule_end_time="2030-01-01T00:00:00Z")
    with plane.database.write() as tx:
        key = pipelines.find(tx, 5328, "crm-pipeline").key
        pipelines.set_fault(tx, key, "The query fails.")
    faulted = plane.client.get(ONE).json()
    assert (faulted["is_faulted"], faulted["faulted_reason"]) == (True, "The query fails.")
    body = {name: value for name, value in faulted.items() if name not in {"partner_feed_id", "schedule_end_time"}}
    answer = plane.client.put(ONE, json=body | {"schedule_interval": "weekly", "name": "Weekly"})
    assert answer.status_code == 200, answer.text
    replaced = answer.json()
    assert (replaced["is_faulted"], replaced["faulted_reason"]) == (False, None)
    assert (replaced["schedule_interval"], replaced["schedule_end_time"]) == ("weekly", None)
    assert replaced["schedule_start_time"] == created["schedule_start_time"]
    assert replaced["partner_feed_id"] == created["partner_feed_id"]
    assert (replaced["created_on"], replaced["last_modified_by"]) == (created["created_on"], "ci")


def test_a_start_left_out_of_a_put_stays_unless_the_interval_changes(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2022-10-30T11:00:16Z")
    same = plane.client.put(ONE, json=plane.pipeline_body()).json()
    assert same["schedule_start_time"] == "2022-10-30T11:00:16Z"
    other = plane.client.put(ONE, json=plane.pipeline_body(schedule_interval="daily")).json()
    assert other["schedule_start_time"] == "2022-08-08T00:05:00Z"


def test_list_and_delete(plane: Any) -> None:
    created = plane.with_pipeline()
    (listed,) = plane.client.get(URL).json()
    assert {name: listed[name] for name in created} == created
    assert listed == plane.client.get(ONE).json()
    assert plane.client.delete(ONE).status_code == 204
    assert plane.client.get(ONE).status_code == 404
    assert plane.client.put(ONE, json=plane.pipeline_body()).status_code == 404


def test_deleting_a_pipeline_cancels_its_unfinished_run(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    assert plane.client.delete(ONE).status_code == 204
    with plane.database.read() as tx:
        run = runs.get(tx, run_id)
    assert (run.state, run.failure.code) == (RunState.FAILED, "cancelled")


def test_the_sixth_active_pipeline_is_refused_but_not_as_a_draft(plane: Any) -> None:
    plane.with_pipeline()
    for number in range(4):
        assert plane.client.post(URL, json=plane.pipeline_body(id=f"p{number}")).status_code == 200
    refused = plane.client.post(URL, json=plane.pipeline_body(id="sixth"))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "too_many_active_pipelines")
    assert plane.client.post(URL, json=plane.pipeline_body(id="sixth", is_draft=True)).status_code == 200
    activated = plane.client.put(f"{URL}/sixth", json=plane.pipeline_body(id="sixth"))
    assert activated.status_code == 400
    plane.client.put(ONE, json=plane.pipeline_body(is_active=False))
    assert plane.client.put(f"{URL}/sixth", json=plane.pipeline_body(id="sixth")).status_code == 200


def test_a_recreated_pipeline_shows_no_old_runs(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    with plane.database.write() as tx:
        failure = RunFailure("cancelled", "x")
        assert runs.finish(
            tx, runs.get(tx, run_id), state=RunState.FAILED, counts=None, failure=failure, now=plane.clock.now()
        )
    assert plane.client.delete(ONE).status_code == 204
    body = plane.pipeline_body(schedule_interval="on_demand", schedule_start_time="2023-02-01T00:00:00Z")
    assert plane.client.post(URL, json=body).status_code == 200
    assert plane.client.get(f"{ONE}/status/runs").json() == {"items": []}
    assert plane.client.get(f"{ONE}/status/runs/{run_id}").status_code == 404
