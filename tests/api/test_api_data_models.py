from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
URL = f"{BASE}/data-models"
ONE = f"{URL}/propensity-model"
Body = Callable[..., dict[str, Any]]


def test_create_echoes_what_was_sent(plane: Any, data_model: Body) -> None:
    answer = plane.client.post(URL, json=data_model())
    assert answer.status_code == 200
    assert answer.json() == data_model() | {
        "is_active": True,
        "created_on": "2023-02-08T00:05:31.23",
        "created_by": "ci",
        "last_modified_on": None,
        "last_modified_by": None,
        "warnings": [],
    }


def test_the_other_spellings_are_read_and_the_main_one_wins(plane: Any, data_model: Body) -> None:
    body = data_model()
    del body["load_timestamp_field_time_zone"], body["load_timestamp_field_time_offset"]
    other = {"load_timestamp_field_tz": "Europe/Berlin", "load_timestamp_field_offset_seconds": "-60"}
    answer = plane.client.post(URL, json=body | other).json()
    assert (answer["load_timestamp_field_time_zone"], answer["load_timestamp_field_time_offset"]) == (
        "Europe/Berlin",
        -60,
    )
    answer = plane.client.put(ONE, json=data_model() | other).json()
    assert (answer["load_timestamp_field_time_zone"], answer["load_timestamp_field_time_offset"]) == (
        "America/New_York",
        1800,
    )


def test_zone_and_offset_have_defaults(plane: Any, data_model: Body) -> None:
    answer = plane.client.post(
        URL, json=data_model(load_timestamp_field_time_zone=None, load_timestamp_field_time_offset=None)
    ).json()
    assert (answer["load_timestamp_field_time_zone"], answer["load_timestamp_field_time_offset"]) == (None, 0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sql_query": "DELETE FROM users"}, "sql_query"),
        ({"sql_query": "SELECT 1; SELECT 2"}, "sql_query"),
        ({"sql_query": ""}, "sql_query"),
        ({"sql_query": "(" * 3000 + "SELECT 1" + ")" * 3000}, "sql_query"),
        ({"type": "table"}, "type"),
        ({"load_timestamp_field_type": "time"}, "load_timestamp_field_type"),
        ({"load_timestamp_field_name": ""}, "load_timestamp_field_name"),
        ({"load_timestamp_field_time_zone": "Mars/Olympus"}, "load_timestamp_field_time_zone"),
        ({"load_timestamp_field_time_zone": "../../etc/passwd"}, "load_timestamp_field_time_zone"),
        ({"load_timestamp_field_time_zone": "America"}, "load_timestamp_field_time_zone"),
        ({"load_timestamp_field_time_offset": 10**18}, "load_timestamp_field_time_offset"),
        ({"load_timestamp_field_time_offset": "soon"}, "load_timestamp_field_time_offset"),
        ({"load_timestamp_field_time_offset": True}, "load_timestamp_field_time_offset"),
        ({"load_timestamp_field_nmae": "x"}, "load_timestamp_field_nmae"),
    ],
)
def test_a_wrong_field_is_named(plane: Any, data_model: Body, changes: dict[str, Any], field: str) -> None:
    answer = plane.client.post(URL, json=data_model(**changes))
    assert answer.status_code == 400
    assert [item["field"] for item in answer.json()["errors"]] == [field]
    assert plane.client.get(URL).json() == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t;",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        'SELECT date_updated, "update" FROM t -- all rows',
        "SELECT ARRAY_AGG(a) WITHIN GROUP (ORDER BY a) FROM t",
    ],
)
def test_one_read_only_query_is_accepted(plane: Any, data_model: Body, query: str) -> None:
    answer = plane.client.post(URL, json=data_model(sql_query=query))
    assert (answer.status_code, answer.json().get("sql_query")) == (200, query)


def test_read_replace_and_delete(plane: Any, data_model: Body) -> None:
    created = plane.with_data_model()
    del created["warnings"]
    assert plane.client.get(ONE).json() == created
    assert plane.client.get(URL).json() == [created]
    replaced = plane.client.put(ONE, json=data_model(name="Second", is_active=False)).json()
    assert (replaced["name"], replaced["is_active"], replaced["created_on"]) == ("Second", False, created["created_on"])
    assert replaced["last_modified_on"] == "2023-02-08T00:05:31.23"
    assert plane.client.post(URL, json=data_model()).status_code == 400
    assert plane.client.put(ONE, json=data_model(id="other")).status_code == 400
    assert plane.client.put(f"{URL}/other", json=data_model(id="other")).status_code == 404
    assert plane.client.delete(ONE).status_code == 204
    assert plane.client.get(ONE).status_code == 404


def test_one_in_use_is_not_deleted(plane: Any) -> None:
    plane.with_pipeline()
    answer = plane.client.delete(ONE)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "in_use"
    assert "crm-pipeline" in answer.json()["errors"][0]["message"]


def test_warnings_come_with_what_is_stored_and_block_nothing(plane: Any, data_model: Any) -> None:
    query = "SELECT u.score AS SCORE FROM mp.demo.users u"
    made = plane.client.post(URL, json=data_model(sql_query=query))
    assert made.status_code == 200
    assert [warning["code"] for warning in made.json()["warnings"]] == ["no_identity", "no_load_timestamp"]
    assert "customer_id" in made.json()["warnings"][0]["message"]
    stored = plane.client.get(f"{URL}/propensity-model").json()
    assert "warnings" not in stored
    better = plane.client.put(f"{URL}/propensity-model", json=made.json() | {"sql_query": data_model()["sql_query"]})
    assert (better.status_code, better.json()["warnings"]) == (200, [])
