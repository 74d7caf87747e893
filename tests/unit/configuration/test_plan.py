"""Comparing what is declared with what a server holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.configuration.test_files import MODEL, PIPELINE, SNOWFLAKE, WHOLE, declared
from warehouse_sync.configuration.declared import Section
from warehouse_sync.configuration.export import document_of
from warehouse_sync.configuration.plan import Action, Plan, ServerState, make_plan
from warehouse_sync.configuration.schema import json_schema
from warehouse_sync.domain.secret import MASK
from warehouse_sync.errors import InvalidRequest

AUDIT = {
    "created_on": "2023-02-03T23:53:08.413",
    "created_by": "ci",
    "last_modified_on": None,
    "last_modified_by": None,
}
EMPTY = ServerState({section: {} for section in Section}, {})


def held(**changes: Any) -> ServerState:
    """A server that holds what ``WHOLE`` declares, with changes to its pipeline."""
    connection = {
        **SNOWFLAKE,
        "id": "crm",
        "name": "crm",
        "workspace_id": 5328,
        "password": MASK,
        "is_active": True,
        **AUDIT,
    }
    model = {**MODEL, "id": "scores", "name": "scores", "type": "sql", "is_active": True, "warnings": [], **AUDIT}
    model |= {"load_timestamp_field_time_zone": None, "load_timestamp_field_time_offset": 0}
    pipeline = {key: value for key, value in PIPELINE.items() if key != "feed"}
    pipeline |= {
        "id": "hourly",
        "name": "hourly",
        "is_active": True,
        "is_draft": False,
        "partner_feed_id": 3,
        "partner_feed_key": MASK,
    }
    pipeline |= {
        "schedule_start_time": "2023-02-01T00:05:00Z",
        "schedule_end_time": None,
        "state": "idle",
        **AUDIT,
        **changes,
    }
    feed = {"id": 3, "name": "crm feed", "module_name": "Warehouse", "os": "Unbound", "is_debug": False, "settings": []}
    objects = {
        Section.FEEDS: {"crm feed": feed},
        Section.CONNECTIONS: {"crm": connection},
        Section.DATA_MODELS: {"scores": model},
        Section.PIPELINES: {"hourly": pipeline},
    }
    return ServerState(objects, {"crm feed": [3]})


def plan(folder: Path, server: ServerState, document: Any = WHOLE, **how: bool) -> Plan:
    return make_plan(declared(folder, document), server, prune=how.pop("prune", False), **how)


def test_an_empty_server_gets_everything_in_the_order_of_dependence(tmp_path: Path) -> None:
    made = plan(tmp_path, EMPTY)
    assert [(change.action, change.section) for change in made.changes] == [
        (Action.CREATE, section) for section in Section
    ]
    shown = {field.field: field.after for field in made.changes[1].fields}
    assert shown["password"] == MASK
    assert shown["warehouse"] == "WH"


def test_a_server_that_holds_it_gets_nothing(tmp_path: Path) -> None:
    assert plan(tmp_path, held()) == Plan((), ())


@pytest.mark.parametrize(
    ("field", "value", "differs"),
    [
        ("schedule_interval", "daily", True),
        ("is_active", False, True),
        ("schedule_start_time", "2020-01-01T00:00:00Z", False),  # not declared: the server's stays
        ("schedule_end_time", "2030-01-01T00:00:00Z", True),  # not declared: a replacement removes it
        ("partner_feed_id", 4, True),
        ("state", "faulted", False),
    ],
)
def test_only_what_differs_is_changed(tmp_path: Path, field: str, value: Any, differs: bool) -> None:
    changes = plan(tmp_path, held(**{field: value})).changes
    assert [(change.id, change.action) for change in changes] == ([("hourly", Action.CHANGE)] if differs else [])


def test_the_same_moment_in_another_spelling_is_no_change(tmp_path: Path) -> None:
    document = {**WHOLE, "pipelines": {"hourly": {**PIPELINE, "schedule_start_time": "2023-02-01T01:05:00+01:00"}}}
    assert plan(tmp_path, held(), document).changes == ()


def test_secrets_are_sent_again_only_when_asked(tmp_path: Path) -> None:
    [change] = plan(tmp_path, held(), renew_secrets=True).changes
    assert [(field.field, field.after) for field in change.fields] == [("password", MASK)]


def test_what_is_not_declared_is_deleted_only_when_asked_dependants_first(tmp_path: Path) -> None:
    document = {"version": 1}
    kept = plan(tmp_path, held(), document)
    assert kept.changes == ()
    names = [(Section.PIPELINES, "hourly"), (Section.DATA_MODELS, "scores"), (Section.CONNECTIONS, "crm")]
    assert list(kept.undeclared) == names
    pruned = plan(tmp_path, held(), document, prune=True)
    assert [(change.section, change.id) for change in pruned.changes] == names


def test_feeds_that_are_missing_or_of_one_name_are_refused(tmp_path: Path) -> None:
    document = {key: value for key, value in WHOLE.items() if key != "feeds"}
    with pytest.raises(InvalidRequest, match="there is no feed crm feed"):
        plan(tmp_path, EMPTY, document)
    twice = ServerState(held().objects, {"crm feed": [3, 4]})
    with pytest.raises(InvalidRequest, match=r"2 feeds are called crm feed.*3, 4"):
        plan(tmp_path, twice, document)


def test_what_is_exported_declares_the_same(tmp_path: Path) -> None:
    document = document_of(held(), 5328)
    password = document["connections"]["crm"]["password"]
    assert password == "${CRM_PASSWORD}"
    document["connections"]["crm"]["password"] = "${SECRET}"
    assert plan(tmp_path, held(), document) == Plan((), ())


def test_the_schema_accepts_what_declares_and_refuses_a_typo() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    assert list(check.iter_errors(WHOLE)) == []
    assert list(check.iter_errors({**WHOLE, "pipelnes": {}}))
    assert list(check.iter_errors({"pipelines": {"p": {**PIPELINE, "schedule_intervall": "hourly"}}}))
