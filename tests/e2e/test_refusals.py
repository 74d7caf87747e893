"""What cannot work is refused at once, with a status, a code and a sentence that names the problem; nothing else is harmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.snowflake import shop
from tests.e2e.stage import Stage, connection, data_model, in_shop, pipeline, staged
from tests.fixtures.snowflake import SnowflakeEmulator

TABLE = shop.CUSTOMERS
GOOD = f"SELECT CUSTOMER_ID, EMAIL, ORDERS, UPDATED_AT FROM {TABLE}"
MANY_COLUMNS = ", ".join(f"ORDERS AS c{number}" for number in range(99))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, quiet_shop: SnowflakeEmulator) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("refusals"), quiet_shop) as opened:
        opened.pipeline("good", GOOD)
        assert opened.service.run("good")["pipeline_run_state"] == "success"
        yield opened


@pytest.fixture(autouse=True)
def unharmed(stage: Stage) -> Iterator[None]:
    """Whatever is refused leaves the service well, the shop whole and the profiles as they were."""
    before = stage.service.resolve("customer_id", shop.ADA_ID)
    yield
    assert stage.is_well()
    assert stage.service.resolve("customer_id", shop.ADA_ID) == before
    assert in_shop(stage.shop, f"SELECT COUNT(*) FROM {TABLE}") == [(shop.first_act_rows(1000),)]


def refusal(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["statusCode"] == status, answer
    (error,) = answer["errors"]
    assert error["code"]
    assert error["message"].endswith((".", ")")) or "The warehouse says:" in error["message"], error
    assert "demo-password" not in str(answer)
    return error


def refused_model(stage: Stage, sql: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Creates a data model and a pipeline on it; gives the first refusal. The data model goes again."""
    status, answer = stage.ask("POST", "data-models", data_model("refused", sql, **changes))
    if status >= 400:
        return status, refusal(status, answer)
    status, answer = stage.ask("POST", "pipelines", pipeline("refused", stage.access))
    if status < 400:
        stage.service.workspace.delete("pipelines", "refused")
    stage.service.workspace.delete("data-models", "refused")
    assert status >= 400, "the pipeline was made"
    return status, refusal(status, answer)


def test_a_wrong_password_is_refused_at_log_in(stage: Stage) -> None:
    status, answer = stage.ask("POST", "connections", connection("wrong", password="not-it"))
    error = refusal(505, answer)
    assert (status, error["step"], error["code"]) == (505, "login", "warehouse_credentials")
    assert "password" in error["message"]
    assert "not-it" not in str(answer)
    assert stage.ask("GET", "connections/wrong")[0] == 404


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (f"SELECT CUSTOMER_ID, UPDATED_AT FROM {shop.DATABASE}.PUBLIC.NOWHERE", "finds no such object"),
        (f"SELECT CUSTOMER_ID, MISSING, UPDATED_AT FROM {TABLE}", "MISSING"),
        (f"SELEC CUSTOMER_ID FROM {TABLE}", "SELECT"),
        (f"SELECT CUSTOMER_ID, FROM WHERE {TABLE}", ""),
        (f"SELECT (CUSTOMER_ID, UPDATED_AT FROM {TABLE}", ""),
        (f"SELECT CUSTOMER_ID, UPDATED_AT FROM {TABLE}) AS m; DROP TABLE {TABLE}; --", ""),
        (f"SELECT CUSTOMER_ID, UPDATED_AT FROM {TABLE}; DROP TABLE {TABLE}", ""),
        (f"DROP TABLE {TABLE}", ""),
        (f"SELECT CUSTOMER_ID, EMAIL, UPDATED_AT, {MANY_COLUMNS} FROM {TABLE}", "102 columns; at most 100"),
        (f"SELECT EMAIL, UPDATED_AT, {MANY_COLUMNS} FROM {TABLE}", "101 columns; at most 100"),
        (f"SELECT CUSTOMER_ID, EMAIL FROM {TABLE}", "load-timestamp column UPDATED_AT"),
        (f"SELECT ORDERS, UPDATED_AT FROM {TABLE}", "no column that can find a profile"),
        (f"SELECT CUSTOMER_ID, EMAIL AS customerid, UPDATED_AT FROM {TABLE}", "same identity, customer_id"),
        (f'SELECT CUSTOMER_ID, ORDERS AS "n", PROPENSITY AS "n", UPDATED_AT FROM {TABLE}', "same name"),
        (f"SELECT ARRAY_AGG(EMAIL) AS email, MAX(UPDATED_AT) AS updated_at FROM {TABLE}", "cannot be an identity"),
        (f"SELECT BIRTH_DATE AS customer_id, UPDATED_AT FROM {TABLE}", "cannot be an identity"),
    ],
)
def test_a_query_that_cannot_work_is_refused(stage: Stage, sql: str, says: str) -> None:
    status, error = refused_model(stage, sql)
    assert status == 400
    assert error.get("field") in (
        {None} if error["code"] == "warehouse_query" else {"sql_query", "load_timestamp_field_name"}
    )
    assert says in error["message"], error


@pytest.mark.parametrize(
    ("declared", "remedy"),
    [("timestamp_tz", "timestamp_ntz"), ("date", "timestamp_ntz"), ("timestamp_unixtime_s", "timestamp_ntz")],
)
def test_a_wrong_load_timestamp_type_is_refused(stage: Stage, declared: str, remedy: str) -> None:
    status, error = refused_model(stage, GOOD, load_timestamp_field_type=declared)
    assert (status, error["field"]) == (400, "load_timestamp_field_type")
    assert declared in error["message"]
    assert remedy in error["message"]


def test_a_second_trigger_is_refused_while_a_run_is_in_progress(stage: Stage) -> None:
    run_id = stage.service.workspace.trigger("good")
    status, answer = stage.ask("POST", "pipelines/good")
    error = refusal(400, answer)
    assert "already in progress" in error["message"]
    assert (status, error["pipeline_run_id"]) == (400, run_id)
    assert stage.service.wait_for_run("good", run_id)["pipeline_run_state"] == "success"


@pytest.mark.parametrize(
    ("name", "changes", "says"), [("paused", {"is_active": False}, "paused"), ("draft", {"is_draft": True}, "draft")]
)
def test_a_pipeline_that_may_not_run_is_not_triggered(
    stage: Stage, name: str, changes: dict[str, Any], says: str
) -> None:
    stage.pipeline(name, GOOD, **changes)
    status, answer = stage.ask("POST", f"pipelines/{name}")
    error = refusal(400, answer)
    assert (status, error["code"]) == (400, "not_triggerable")
    assert says in error["message"]
    assert stage.service.workspace.get(f"pipelines/{name}/status/runs")["items"] == []


def test_a_table_that_is_gone_faults_the_pipeline_until_the_next_trigger(stage: Stage) -> None:
    table = f"{shop.DATABASE}.PUBLIC.SHORT_LIVED"
    make = f"CREATE TABLE {table} AS SELECT 'short-1' AS CUSTOMER_ID, '2025-12-01'::TIMESTAMP_NTZ AS UPDATED_AT"
    in_shop(stage.shop, make)
    stage.pipeline("short", f"SELECT CUSTOMER_ID, UPDATED_AT FROM {table}")
    in_shop(stage.shop, f"DROP TABLE {table}")
    run = stage.service.run("short")
    assert run["pipeline_run_state"] == "failed"
    assert run["failure"]["code"] == "warehouse_query"
    assert "finds no such object" in run["failure"]["message"]
    status = stage.service.workspace.get("pipelines/short/status")
    assert (status["is_faulted"], status["is_connection_faulted"]) == (True, False)
    assert status["faulted_reason"] == run["failure"]["message"]

    in_shop(stage.shop, make)
    run_id = stage.service.workspace.trigger("short")
    assert stage.service.workspace.get("pipelines/short/status")["is_faulted"] is False
    again = stage.service.wait_for_run("short", run_id)
    assert (again["pipeline_run_state"], again["records_extracted"]) == ("success", 1)
    assert again["data_interval_start"] == run["data_interval_start"]
    assert stage.service.resolve("customer_id", "short-1")["user_attributes"] == {}
