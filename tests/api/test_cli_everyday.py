"""The everyday commands, as processes against the real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fixtures.service import WORKSPACE, Access
from tests.fixtures.terminal import Terminal, opened_terminal

QUERY = "SELECT id AS customer_id, email, score, updated_at FROM people"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with opened_terminal(tmp_path_factory.mktemp("everyday")) as opened:
        yield opened


def test_log_in_is_stored_for_this_user_alone_and_never_printed(terminal: Terminal) -> None:
    done = terminal.login()
    assert done.returncode == 0
    assert terminal.access.client_secret not in done.stdout + done.stderr
    [stored] = terminal.config.rglob("logins.json")
    assert stored.stat().st_mode & 0o777 == 0o600
    assert terminal.json("servers") == [{"server": "default", "url": terminal.service.url}]


def test_log_in_that_is_refused_is_not_stored(terminal: Terminal, tmp_path: Path) -> None:
    elsewhere = Terminal(terminal.service, Access(terminal.access.client_id, "wrong", 0, ""), tmp_path)
    done = elsewhere.login()
    assert (done.returncode, done.stdout) == (4, "")
    assert list(tmp_path.rglob("logins.json")) == []
    asked = elsewhere.run("pipeline", "list")
    assert asked.returncode == 1
    assert "warehouse-sync login" in asked.stderr


def test_variables_win_over_the_stored_log_in(terminal: Terminal) -> None:
    done = terminal.run("connection", "list", WAREHOUSE_SYNC_URL="http://127.0.0.1:9")
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr


def test_an_unknown_workspace_is_refused_by_the_service(terminal: Terminal) -> None:
    done = terminal.run("connection", "list", "--workspace", "1")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_main_job_from_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    for kind, body in {
        "connection": {"id": "shop", "name": "Shop", "type": "duckdb", "database": "shop.duckdb"},
        "data-model": {
            "id": "scores",
            "name": "Scores",
            "type": "sql",
            "sql_query": QUERY,
            "load_timestamp_field_name": "updated_at",
            "load_timestamp_field_type": "timestamp_ntz",
        },
        "pipeline": {
            "id": "nightly",
            "name": "Nightly",
            "connection_id": "shop",
            "data_model_id": "scores",
            "partner_feed_id": terminal.access.feed_id,
            "schedule_interval": "on_demand",
            "schedule_start_time": "2020-01-01T00:00:00Z",
            "environment": "development",
        },
    }.items():
        file = tmp_path / f"{kind}.yml"
        file.write_text(yaml.safe_dump(body))
        assert terminal.json(kind, "create", "--file", str(file))["id"] == body["id"]
        assert (
            terminal.json(kind, "create", "--file", "-", stdin=yaml.safe_dump({**body, "id": "other"}))["id"] == "other"
        )
        assert terminal.json(kind, "get", body["id"])["workspace_id"] == WORKSPACE
        assert {item["id"] for item in terminal.json(kind, "list")} == {body["id"], "other"}
        changed = tmp_path / f"{kind}-changed.json"
        changed.write_text(json.dumps({**body, "name": "Changed"}))
        assert terminal.json(kind, "update", "--file", str(changed))["name"] == "Changed"
    assert terminal.json("connection", "test", "shop")["status"] == "passed"
    roles = {
        c["name"]: c["role"]
        for c in terminal.json("data-model", "preview", "scores", "--connection", "shop")["columns"]
    }
    assert roles["customer_id"] == "identity"
    run = terminal.json("pipeline", "trigger", "nightly", "--wait")
    assert run["pipeline_run_state"] == "success"
    assert run["records_mapped"] > 0
    assert [item["pipeline_run_id"] for item in terminal.json("run", "list", "nightly")] == [run["pipeline_run_id"]]
    assert (
        terminal.json("run", "get", "nightly", str(run["pipeline_run_id"]))["records_mapped"] == run["records_mapped"]
    )
    assert terminal.json("pipeline", "status", "nightly")["latest_pipeline_run"]["pipeline_run_state"] == "success"
    assert terminal.json("pipeline", "pause", "nightly")["state"] == "paused"
    assert terminal.json("pipeline", "resume", "nightly")["state"] == "idle"
    [next_one] = terminal.json("schedule", "preview", "--pipeline", "nightly")
    assert (next_one["start"], next_one["due_at"]) == (run["data_interval_end"], None)
    assert terminal.json("pipeline", "resync", "nightly", "--wait")["run_kind"] == "resync"
    ten = ("2024-01-01T00:00:00Z", "2024-01-01T00:00:10Z")
    assert terminal.json("pipeline", "backfill", "nightly", *ten, "--wait")["records_unchanged"] == 10
    found = terminal.json("pipeline", "verify", "nightly", "--wait")["verification"]
    assert (found["rows_compared"] > 0, found["rows_missing"], found["rows_different"]) == (True, 0, 0)
    too_late = terminal.run("run", "cancel", "nightly", str(run["pipeline_run_id"]))
    assert (too_late.returncode, "nothing to cancel" in too_late.stderr) == (1, True)
    for kind in ("pipeline", "data-model", "connection"):
        assert terminal.json(kind, "delete", "other", "--yes") == {"deleted": "other"}


def test_a_profile_is_shown_with_what_its_attributes_came_from(terminal: Terminal) -> None:
    place = ("--environment", "development")
    [found] = terminal.json("profile", "search", "customer_id=1", *place)
    assert "email=" in str(found["identities"])
    shown = terminal.json("profile", "get", "customer_id=1", *place)
    assert str(shown["mpid"]) == found["mpid"]
    assert shown["attribute_origins"]["score"]["data_model_id"] == "scores"
    table = terminal.run("profile", "get", found["mpid"], COLUMNS="300").stdout
    for told in (
        found["mpid"],
        "customer_id=1",
        "score",
        "scores",
        shown["attribute_origins"]["score"]["load_timestamp"],
    ):
        assert told in table
    missing = terminal.run("profile", "get", "customer_id=nobody", *place)
    assert (missing.returncode, "No profile in development holds this identity" in missing.stderr) == (1, True)


def test_feeds_of_a_service_and_of_a_home_are_the_same(terminal: Terminal) -> None:
    made = terminal.json("feed", "create", "--name", "web", "--debug")
    assert set(made) == {"partner_feed_id", "partner_feed_key", "partner_feed_secret"}
    feed = str(made["partner_feed_id"])
    changed = terminal.json("feed", "update", feed, "--name", "site")
    assert (changed["name"], changed["is_debug"], changed["module_name"]) == ("site", True, "Warehouse")
    assert terminal.json("feed", "get", feed) == changed
    home = ("--home", str(terminal.config.parent / "home"), "--workspace", str(WORKSPACE))
    assert terminal.json("feed", "get", feed, *home) == changed
    assert terminal.json("feed", "list", *home) == terminal.json("feed", "list")
    again = terminal.json("feed", "update", feed, "--no-debug", *home)
    assert again == {**changed, "is_debug": False}
    foreign = terminal.run("feed", "get", "1", "--workspace", "1")
    assert (foreign.returncode, "does not reach workspace 1" in foreign.stderr) == (1, True)
    assert terminal.run("feed", "list", *home[:2]).returncode == 2


def test_a_run_that_fails_while_waited_for_ends_with_three(terminal: Terminal) -> None:
    model = {
        "id": "broken",
        "name": "Broken",
        "type": "sql",
        "sql_query": "SELECT id AS customer_id, updated_at, CAST(email AS INTEGER) AS broken FROM people",
        "load_timestamp_field_name": "updated_at",
        "load_timestamp_field_type": "timestamp_ntz",
    }
    made = terminal.run("data-model", "create", "--file", "-", stdin=json.dumps(model))
    assert made.returncode == 0, made.stderr
    connection = {"id": "b", "name": "B", "type": "duckdb", "database": "shop.duckdb"}
    assert terminal.run("connection", "create", "--file", "-", stdin=json.dumps(connection)).returncode == 0
    pipeline = {
        "id": "failing",
        "name": "Failing",
        "connection_id": "b",
        "data_model_id": "broken",
        "partner_feed_id": terminal.access.feed_id,
        "schedule_interval": "on_demand",
        "schedule_start_time": "2020-01-01T00:00:00Z",
        "environment": "development",
    }
    assert terminal.run("pipeline", "create", "--file", "-", stdin=json.dumps(pipeline)).returncode == 0
    done = terminal.run("pipeline", "trigger", "failing", "--wait")
    assert done.returncode == 3
    assert "failed" in done.stderr


def test_a_body_that_cannot_be_read_names_file_and_line(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_text("id: a\nname: [b\n")
    done = terminal.run("connection", "create", "--file", str(file))
    assert done.returncode == 1
    assert "bad.yml" in done.stderr
    assert "line 3" in done.stderr
    missing = terminal.run("connection", "create", "--file", str(tmp_path / "none.yml"))
    assert missing.returncode == 1
    assert "none.yml" in missing.stderr


def test_output_for_people_and_as_yaml(terminal: Terminal) -> None:
    assert "┃ id" in terminal.run("connection", "list").stdout
    listed = yaml.safe_load(terminal.run("connection", "list", "--output", "yaml").stdout)
    assert isinstance(listed, list)


def test_completion_is_offered() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warehouse_sync", "--show-completion", "bash"],
        capture_output=True,
        text=True,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "complete" in done.stdout
