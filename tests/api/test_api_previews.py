"""Trying a data model, on a real DuckDB file through a real child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
URL = "/platform/extensions/workspaces/5328/data-models/preview"
QUERY = (
    "SELECT c.updated_at, c.customer_id, c.phone_number_2, c.score, c.tags, c.raw, c.born, c.doc "
    "FROM main.people AS c ORDER BY c.customer_id"
)
COLUMNS = ["updated_at", "customer_id", "phone_number_2", "score", "tags", "raw", "born", "doc"]


@pytest.fixture
def shop(plane: Any, tmp_path: Path) -> Any:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as file:
        file.execute(
            """CREATE TABLE people AS
               SELECT TIMESTAMP '2024-01-01 00:00:00.123456' + INTERVAL (i) SECOND AS updated_at, 'c' || lpad(i::VARCHAR, 3, '0')
                      AS customer_id, CASE WHEN i = 0 THEN NULL ELSE '+' || i END AS phone_number_2, (i * 0.5)::DECIMAL(9, 1) AS score,
                      ['a', NULL] AS tags, '\\xDE\\xAD'::BLOB AS raw, DATE '2000-02-29' AS born,
                      {'a': [1, 2]}::JSON AS doc, i AS customerid
               FROM range(50) AS numbers(i)"""
        )
    body = {"id": "file", "name": "File", "workspace_id": 5328, "type": "duckdb", "database": "shop.duckdb"}
    answer = plane.client.post(f"{BASE}/connections", json=body)
    assert answer.status_code == 200, answer.text
    return plane


def _body(**changes: Any) -> dict[str, Any]:
    body = {
        "connection_id": "file",
        "sql_query": QUERY,
        "load_timestamp_field_name": "UPDATED_AT",
        "load_timestamp_field_type": "timestamp_ntz",
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def test_columns_roles_and_rows(shop: Any) -> None:
    answer = shop.client.post(URL, json=_body(rows=2))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [column["name"] for column in found["columns"]] == COLUMNS
    assert [column["role"] for column in found["columns"]] == [
        "load_timestamp", "identity", "identity", *["attribute"] * 5
    ]  # fmt: skip
    assert [column["kind"] for column in found["columns"]] == [
        "timestamp", "string", "string", "decimal", "list", "binary", "date", "json"
    ]  # fmt: skip
    assert [column["identity_type"] for column in found["columns"]][:4] == [
        None, "customer_id", "phone_number_2", None
    ]  # fmt: skip
    assert [column["finds_profiles"] for column in found["columns"]][:4] == [False, True, False, False]
    assert [column["attribute_name"] for column in found["columns"]] == [None, None, None, *COLUMNS[3:]]
    assert found["rows"] == [
        {
            "updated_at": "2024-01-01 00:00:00.123",
            "customer_id": "c000",
            "phone_number_2": None,
            "score": "0.0",
            "tags": ["a", ""],
            "raw": "DEAD",
            "born": "2000-02-29",
            "doc": '{"a":[1,2]}',
        },
        found["rows"][1] | {"customer_id": "c001", "phone_number_2": "+1", "score": "0.5"},
    ]
    assert (found["errors"], found["warnings"]) == ([], [])
    assert "LIMIT 0" in found["generated_sql"]["probe"]
    assert "LIMIT 2" in found["generated_sql"]["rows"]


def test_a_stored_data_model(shop: Any, data_model: Any) -> None:
    shop.client.post(f"{BASE}/data-models", json=data_model(sql_query=QUERY, load_timestamp_field_name="updated_at"))
    found = shop.client.post(URL, json={"connection_id": "file", "data_model_id": "propensity-model"}).json()
    assert len(found["rows"]) == 20
    assert found["errors"] == []


def test_no_rows(shop: Any) -> None:
    found = shop.client.post(URL, json=_body(rows=0)).json()
    assert (found["rows"], found["generated_sql"]["rows"], len(found["columns"])) == ([], None, len(COLUMNS))


@pytest.mark.parametrize(("rows", "status"), [(20, 200), (21, 400), (-1, 400)])
def test_no_more_than_twenty_rows(shop: Any, rows: int, status: int) -> None:
    answer = shop.client.post(URL, json=_body(rows=rows))
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errors"][0]["field"] == "rows"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("SELECT score, customer_id FROM main.people", "load_timestamp_missing", "load_timestamp_field_name"),
        ("SELECT updated_at, score FROM main.people", "no_lookup_identity", "sql_query"),
        ("SELECT updated_at, customer_id, customerid FROM main.people", "repeated_identity", "sql_query"),
        (
            "SELECT born AS updated_at, customer_id FROM main.people",
            "load_timestamp_type_mismatch",
            "load_timestamp_field_type",
        ),
    ],
)
def test_what_cannot_be_mapped_is_shown_and_explained(shop: Any, query: str, code: str, field: str) -> None:
    answer = shop.client.post(URL, json=_body(sql_query=query))
    assert answer.status_code == 200
    (problem,) = answer.json()["errors"]
    assert (problem["code"], problem["field"]) == (code, field)
    assert len(answer.json()["rows"]) == 20
    assert answer.json()["columns"]


def test_warnings_are_of_the_connections_dialect(shop: Any) -> None:
    found = shop.client.post(
        URL, json=_body(sql_query="SELECT updated_at, customer_id, score AS score FROM people")
    ).json()
    assert [warning["code"] for warning in found["warnings"]] == ["table_not_qualified"]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"connection_id": "none"}, 400, "connection_id"),
        ({"sql_query": None, "data_model_id": "none"}, 400, "data_model_id"),
        ({"data_model_id": "none"}, 400, "sql_query"),
        ({"sql_query": None}, 400, "sql_query"),
        ({"load_timestamp_field_name": None}, 400, "load_timestamp_field_name"),
        ({"load_timestamp_field_type": None}, 400, "load_timestamp_field_type"),
        ({"load_timestamp_field_time_zone": "Mars"}, 400, "load_timestamp_field_time_zone"),
        ({"sql_query": "DROP TABLE people"}, 400, "sql_query"),
        ({"sql_query": "SELECT * FROM read_csv('/etc/passwd')"}, 400, "sql_query"),
    ],
)
def test_what_cannot_be_tried(shop: Any, changes: dict[str, Any], status: int, field: str) -> None:
    answer = shop.client.post(URL, json=_body(**changes))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field), answer.text


def test_the_warehouse_refuses_the_query(shop: Any) -> None:
    answer = shop.client.post(URL, json=_body(sql_query="SELECT updated_at FROM main.nobody"))
    assert (answer.status_code, answer.json()["errors"][0]["step"]) == (400, "query")


def test_rows_too_large_to_show(shop: Any) -> None:
    query = "SELECT updated_at, customer_id, repeat('x', 9000000) AS wide FROM main.people"
    answer = shop.client.post(URL, json=_body(sql_query=query))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "preview_too_large")


def test_a_long_text_is_cut(shop: Any) -> None:
    query = "SELECT updated_at, customer_id, repeat('x', 4096) AS fits, repeat('x', 4097) AS wide FROM main.people"
    (row,) = shop.client.post(URL, json=_body(sql_query=query, rows=1)).json()["rows"]
    assert row["fits"] == "x" * 4096
    assert row["wide"] == "x" * 4095 + "…"


def test_who_may_try(shop: Any) -> None:
    for permission in ("user", "profile"):
        assert shop.client.post(URL, json=_body(), headers=shop.headers(permission)).status_code == 403
    assert shop.client.post(URL, json=_body(), headers=shop.headers(workspaces=[7])).status_code == 404


def test_nothing_is_stored_but_the_deed(shop: Any) -> None:
    from warehouse_sync.catalog import audit

    shop.client.post(URL, json=_body(rows=1))
    assert shop.client.get(f"{BASE}/data-models").json() == []
    with shop.database.read() as tx:
        latest = audit.page(tx, 5328, page=1, size=1)[0]
    assert (latest.action, latest.object_kind, latest.object_id) == ("preview", "connection", "file")
