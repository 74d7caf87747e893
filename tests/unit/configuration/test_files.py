"""Reading configuration files: what stands in them, and every way in which they can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from warehouse_sync.configuration.declared import Declaration, Section, declare
from warehouse_sync.configuration.files import read_files
from warehouse_sync.errors import InvalidRequest

MODEL = {
    "sql_query": "SELECT 1",
    "load_timestamp_field_name": "UPDATED_AT",
    "load_timestamp_field_type": "timestamp_ntz",
}
SNOWFLAKE = {
    "type": "snowflake",
    "source_account_id": "gd1234",
    "region": "us-central1.gcp",
    "warehouse": "WH",
    "database": "DB",
    "role": "R",
    "user": "u",
    "password": "${SECRET}",
}
PIPELINE = {
    "connection_id": "crm",
    "data_model_id": "scores",
    "feed": "crm feed",
    "schedule_interval": "hourly",
    "environment": "development",
}
WHOLE = {
    "version": 1,
    "workspace": 5328,
    "feeds": {"crm feed": None},
    "connections": {"crm": SNOWFLAKE},
    "data_models": {"scores": MODEL},
    "pipelines": {"hourly": PIPELINE},
}
ENVIRON = {"SECRET": "s3cret"}


def written(folder: Path, document: Any, name: str = "warehouse-sync.yml") -> Path:
    file = folder / name
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return file


def declared(folder: Path, document: Any) -> Declaration:
    return declare(read_files([written(folder, document)], ENVIRON))


def refusal(folder: Path, document: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        declared(folder, document)
    return caught.value.message.replace(str(folder), "")


def test_a_whole_file(tmp_path: Path) -> None:
    found = declared(tmp_path, WHOLE)
    assert found.workspace_id == 5328
    assert found.objects[Section.FEEDS]["crm feed"].body["name"] == "crm feed"
    connection = found.objects[Section.CONNECTIONS]["crm"]
    assert (connection.body["password"], connection.secrets >= {"password"}) == ("s3cret", True)
    assert connection.body["name"] == "crm"  # the id, where nothing else is said
    assert found.objects[Section.DATA_MODELS]["scores"].body["type"] == "sql"
    pipeline = found.objects[Section.PIPELINES]["hourly"]
    assert (pipeline.feed, pipeline.body["is_active"]) == ("crm feed", True)


def test_times_need_no_quotes(tmp_path: Path) -> None:
    text = yaml.safe_dump(WHOLE).replace(
        "schedule_interval: hourly", "schedule_start_time: 2023-02-01T00:05:00Z\n    schedule_interval: hourly"
    )
    found = declared(tmp_path, text)
    assert found.objects[Section.PIPELINES]["hourly"].body["schedule_start_time"] == "2023-02-01T00:05:00Z"


def test_several_files_and_folders_add_up(tmp_path: Path) -> None:
    written(tmp_path, {"connections": {"crm": SNOWFLAKE}}, "a.yml")
    written(tmp_path, {"data_models": {"scores": MODEL}, "workspace": 1}, "b.yaml")
    found = declare(read_files([tmp_path], ENVIRON))
    assert set(found.objects[Section.CONNECTIONS]) | set(found.objects[Section.DATA_MODELS]) == {"crm", "scores"}
    assert found.workspace_id == 1


def test_a_query_in_a_file_of_its_own_keeps_its_braces(tmp_path: Path) -> None:
    (tmp_path / "scores.sql").write_text("SELECT '${SECRET}' AS x\n")
    model = {**MODEL, "sql_file": "scores.sql"}
    del model["sql_query"]
    body = declared(tmp_path, {"data_models": {"scores": model}}).objects[Section.DATA_MODELS]["scores"].body
    assert body["sql_query"] == "SELECT '${SECRET}' AS x"
    assert "sql_file" not in body


def test_a_doubled_dollar_is_a_text(tmp_path: Path) -> None:
    found = declared(tmp_path, {"connections": {"crm": {**SNOWFLAKE, "name": "a $${SECRET} b ${SECRET}"}}})
    assert found.objects[Section.CONNECTIONS]["crm"].body["name"] == "a ${SECRET} b s3cret"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("a: [b\n", "/warehouse-sync.yml is neither JSON nor YAML, in line 2."),
        ({"connection": {}}, "unknown section connection"),
        ({"version": 2}, "/warehouse-sync.yml: version must be 1"),
        ({"workspace": "x"}, "workspace must be the workspace's number"),
        ({"connections": []}, "connections must be a mapping"),
        ({"connections": {"crm": "x"}}, "connections.crm must be a mapping"),
        ({"connections": {"crm": {**SNOWFLAKE, "password": "${MISSING}"}}}, "crm.password names the variable MISSING"),
        ({"connections": {"crm": {**SNOWFLAKE, "passwrd": "x"}}}, "passwrd"),
        ({"connections": {"crm": {**SNOWFLAKE, "sql_query": "x"}}}, "connections.crm.sql_query is not a field of it"),
        ({"connections": {"crm": {"type": "oracle"}}}, "connections.crm cannot be used"),
        ({"data_models": {"scores": {**MODEL, "sql_file": "x"}}}, "both sql_query and sql_file"),
        ({"data_models": {"s": {"sql_file": "none.sql"}}}, "data_models.s.sql_file cannot be read"),
        ({"data_models": {"s": {**MODEL, "load_timestamp_field_type": "when"}}}, "load_timestamp_field_type"),
        ({"data_models": {7: MODEL}}, "data_models.7 must be a text"),
        ({"pipelines": {"p": {**PIPELINE, "partner_feed_id": 1}}}, "pipelines.p names its feed twice"),
        ({"pipelines": {"p": {k: v for k, v in PIPELINE.items() if k != "feed"}}}, "pipelines.p names no feed"),
        ({"pipelines": {"p": {**PIPELINE, "schedule_interval": "yearly"}}}, "schedule_interval"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, document: Any, said: str) -> None:
    assert said in refusal(tmp_path, document)


def test_all_that_is_wrong_is_said_at_once_and_no_secret_is(tmp_path: Path) -> None:
    bad = {**SNOWFLAKE, "region": 7, "password": "${SECRET}"}
    message = refusal(tmp_path, {"connections": {"a": bad, "b": bad}})
    assert "connections.a" in message
    assert "connections.b" in message
    assert "s3cret" not in message


def test_two_declarations_of_one_id_are_refused(tmp_path: Path) -> None:
    written(tmp_path, {"connections": {"crm": SNOWFLAKE}}, "a.yml")
    written(tmp_path, {"connections": {"crm": SNOWFLAKE}}, "b.yml")
    with pytest.raises(InvalidRequest, match=r"b\.yml: connections\.crm is declared already in .*a\.yml"):
        read_files([tmp_path], ENVIRON)


# --- dbt ----------------------------------------------------------------------------------------------------------------------------

_META = {"load_timestamp_field_name": "UPDATED_AT", "load_timestamp_field_type": "timestamp_ntz"}


def _node(name: str, **more: Any) -> dict[str, Any]:
    node = {
        "resource_type": "model",
        "name": name,
        "tags": ["warehouse_sync"],
        "relation_name": f'"db"."marts"."{name}"',
        "original_file_path": f"models/marts/{name}.sql",
        "config": {"meta": {"warehouse_sync": _META}},
    }
    return {**node, **more}


def _from_dbt(folder: Path, nodes: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    (folder / "manifest.json").write_text(json.dumps({"nodes": {str(i): node for i, node in enumerate(nodes)}}))
    return {"data_models": {"from_dbt": {"manifest": "manifest.json", "select": "tag:warehouse_sync", **fields}}}


def test_dbt_models_become_data_models(tmp_path: Path) -> None:
    columns = {"warehouse_sync": {**_META, "columns": ["CUSTOMER_ID", "net worth", "UPDATED_AT"]}}
    nodes = [
        _node("scores"),
        _node("other", tags=[]),
        _node("wide", config={"meta": columns}),
        {"resource_type": "test"},
    ]
    found = declared(tmp_path, _from_dbt(tmp_path, nodes)).objects[Section.DATA_MODELS]
    assert {name: model.body["sql_query"] for name, model in found.items()} == {
        "scores": 'SELECT * FROM "db"."marts"."scores"',
        "wide": 'SELECT CUSTOMER_ID, "net worth", UPDATED_AT FROM "db"."marts"."wide"',
    }


@pytest.mark.parametrize(
    ("select", "names"),
    [
        ("tag:warehouse_sync", {"scores", "orders"}),
        ("path:models/marts", {"scores"}),
        ("score*", {"scores"}),
        ("orders path:models/marts", {"scores", "orders"}),
    ],
)
def test_selection_is_dbt_s_notation(tmp_path: Path, select: str, names: set[str]) -> None:
    nodes = [_node("scores"), _node("orders", original_file_path="models/marts_old/orders.sql")]
    assert set(declared(tmp_path, _from_dbt(tmp_path, nodes, select=select)).objects[Section.DATA_MODELS]) == names


@pytest.mark.parametrize(
    ("fields", "nodes", "said"),
    [
        ({"select": "tag:none"}, [_node("a")], "selects no model"),
        ({"select": 1}, [_node("a")], "must say which models"),
        ({"manifest": "none.json"}, [_node("a")], "Run dbt compile first"),
        ({"selct": "x"}, [_node("a")], "from_dbt.selct is unknown"),
        ({}, [_node("a", relation_name=None)], "has no relation"),
        ({}, [_node("a", config={}, meta={"warehouse_sync": 7})], "must be a mapping"),
        ({}, [_node("a", config={})], "load_timestamp_field_name"),
    ],
)
def test_what_is_wrong_with_dbt_is_named(tmp_path: Path, fields: Any, nodes: Any, said: str) -> None:
    assert said in refusal(tmp_path, _from_dbt(tmp_path, nodes, **fields))


def test_defaults_serve_models_without_meta(tmp_path: Path) -> None:
    found = declared(tmp_path, _from_dbt(tmp_path, [_node("a", config={})], defaults=_META))
    assert found.objects[Section.DATA_MODELS]["a"].body["load_timestamp_field_name"] == "UPDATED_AT"
