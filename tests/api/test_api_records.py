"""Following records as they are applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.terminal import Terminal, opened_terminal

PIPELINE = {
    "schedule_interval": "on_demand",
    "schedule_start_time": "2020-01-01T00:00:00Z",
    "environment": "development",
    "workspace_id": 5328,
    "connection_id": "shop",
}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with opened_terminal(tmp_path_factory.mktemp("records")) as opened:
        workspace, feed = opened.service.workspace, opened.access.feed_id
        shop = {"id": "shop", "name": "Shop", "workspace_id": 5328, "type": "duckdb", "database": "shop.duckdb"}
        workspace.create("connections", shop)
        for name, query in (("a", "score"), ("b", "spent")):
            model = {"id": name, "name": name, "workspace_id": 5328, "type": "sql"}
            model |= {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"}
            model |= {"sql_query": f"SELECT id AS customer_id, {query}, updated_at FROM people WHERE id < 5"}
            workspace.create("data-models", model)
            workspace.create(
                "pipelines", {**PIPELINE, "id": name, "name": name, "data_model_id": name, "partner_feed_id": feed}
            )
            opened.service.run(name)
        yield opened


def records(terminal: Terminal, **query: Any) -> list[dict[str, Any]]:
    path = "/platform/extensions/workspaces/5328/records"
    return terminal.service.client.call("GET", path, query={"environment": "development", **query})["items"]


def test_the_latest_come_first_with_their_origin(terminal: Terminal) -> None:
    found = records(terminal)
    assert [record["pipeline_id"] for record in found] == ["b"] * 5 + ["a"] * 5
    sequences = [record["sequence"] for record in found]
    assert sequences == sorted(sequences, reverse=True)
    latest = found[0]
    assert (latest["data_model_id"], latest["partner_feed_id"]) == ("b", terminal.access.feed_id)
    assert latest["user_attributes"].keys() == {"spent"}
    profile = terminal.service.resolve("customer_id", latest["user_identities"]["customer_id"])
    assert profile["user_attributes"]["spent"] == latest["user_attributes"]["spent"]


def test_what_was_seen_is_not_shown_again(terminal: Terminal) -> None:
    found = records(terminal, limit=3)
    assert len(found) == 3
    assert records(terminal, after=found[0]["sequence"]) == []
    assert [r["sequence"] for r in records(terminal, after=found[2]["sequence"])] == [r["sequence"] for r in found[:2]]


def test_environments_are_apart(terminal: Terminal) -> None:
    assert records(terminal, environment="production") == []
