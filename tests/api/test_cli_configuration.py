"""Configuration as code, from a terminal: the session that the documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fixtures.service import WORKSPACE
from tests.fixtures.terminal import Terminal, opened_terminal

FILE = """\
version: 1
workspace: 5328
feeds:
  crm:
connections:
  shop:
    type: duckdb
    database: ${SHOP_FILE}
data_models:
  scores:
    sql_file: scores.sql
    load_timestamp_field_name: updated_at
    load_timestamp_field_type: timestamp_ntz
pipelines:
  nightly:
    connection_id: shop
    data_model_id: scores
    feed: crm-feed
    schedule_interval: on_demand
    schedule_start_time: 2020-01-01T00:00:00Z
    environment: development
"""
QUERY = "SELECT id AS customer_id, updated_at FROM people\n"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with opened_terminal(tmp_path_factory.mktemp("configuration")) as opened:
        yield opened


def test_a_whole_session(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "scores.sql").write_text(QUERY)
    file = tmp_path / "warehouse-sync.yml"
    file.write_text(FILE.replace("  crm:", "  crm-feed:"))
    here = ("--file", str(file))

    def run(*words: str) -> str:
        done = terminal.run(*words, *here, SHOP_FILE="shop.duckdb")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert "pipelines" in run("validate")
    first = run("apply")
    names = ("feeds.crm-feed", "connections.shop", "data_models.scores", "pipelines.nightly")
    assert first.splitlines() == [f"+ create {name}" for name in names]
    assert run("apply") == "No changes. The server holds what the files declare.\n"
    (tmp_path / "scores.sql").write_text(QUERY.replace("updated_at", "score AS propensity, updated_at"))
    planned = run("plan")
    assert "~ change data_models.scores" in planned
    assert "column propensity → attribute propensity (decimal)" in planned
    assert "pipelines" not in planned
    assert run("apply").splitlines() == ["~ change data_models.scores"]
    run_made = terminal.json("pipeline", "trigger", "nightly", "--wait")
    assert run_made["records_mapped"] == 1000
    exported = yaml.safe_load(terminal.run("export").stdout)
    assert exported["pipelines"]["nightly"]["feed"] == "crm-feed"
    again = tmp_path / "exported.yml"
    again.write_text(yaml.safe_dump(exported))
    assert terminal.json("plan", "--file", str(again))["changes"] == []

    only_feeds = tmp_path / "empty.yml"
    only_feeds.write_text("version: 1\n")
    kept = terminal.json("plan", "--file", str(only_feeds))
    assert set(kept["undeclared"]) == {"pipelines.nightly", "data_models.scores", "connections.shop"}
    unconfirmed = terminal.run("apply", "--prune", "--file", str(only_feeds), stdin="n\n")
    assert unconfirmed.returncode == 1
    gone = terminal.json("apply", "--prune", "--yes", "--file", str(only_feeds))
    assert [change["id"] for change in gone["applied"]] == ["nightly", "scores", "shop"]
    assert terminal.json("pipeline", "list") == []


def test_a_refusal_names_the_object_and_stops_there(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_text("connections: {none: {type: duckdb, database: none.duckdb}}\n")
    done = terminal.run("apply", "--file", str(file))
    assert done.returncode == 1
    assert "connections.none" in done.stderr
    assert "no DuckDB file" in done.stderr


def test_another_workspace_than_the_command_means_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "other.yml"
    file.write_text("workspace: 7\n")
    done = terminal.run("plan", "--file", str(file), "--workspace", str(WORKSPACE))
    assert done.returncode == 1
    assert "workspace 7" in done.stderr


def test_no_file_says_where_it_was_sought(terminal: Terminal) -> None:
    done = terminal.run("validate")
    assert done.returncode == 1
    assert "warehouse-sync.yml does not exist" in done.stderr
