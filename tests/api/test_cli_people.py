"""A run is undone and a person deleted from the command line: three runs of a real service, against the model that remembers everything."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.fixtures.service import WORKSPACE
from tests.fixtures.terminal import Terminal, opened_terminal
from tests.oracle.one_row_at_a_time import Rules
from tests.oracle.undoing import UndoModel

PLACE = ("--environment", "development")
RUNS = [
    [("ann", "ann@x", "gold"), ("bob", "bob@x", "iron"), (None, "eve@x", "none")],
    [("ann", "wrong@x", "wrong"), ("bob", None, "wrong"), ("cleo", "eve@x", "wrong"), ("dora", "dora@x", "wrong")],
    [("bob", None, "silver"), ("fay", "fay@x", "gold"), ("dora", None, "wrong")],
]


@dataclass(frozen=True, slots=True)
class Story:
    """Three runs, and what the model says became of people."""

    terminal: Terminal
    model: UndoModel
    runs: list[int]
    folder: Path

    def people(self) -> Counter[tuple[Any, ...]]:
        """Everybody, by an export."""
        file = self.folder / "people.jsonl"
        told = self.terminal.json("profile", "export", str(file), *PLACE)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert told == {"file": str(file), "bytes": file.stat().st_size}
        return Counter(
            (
                frozenset(
                    {*line["identities"].items(), *((i["type"], i["value"]) for i in line.get("more_identities", ()))}
                ),
                line["attributes"].get("tier"),
            )
            for line in lines
        )

    def expected(self) -> Counter[tuple[Any, ...]]:
        return Counter(
            (frozenset(person.pairs), self.model.current[number, "m"].attributes["tier"])
            for number, person in self.model.people.items()
        )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("people")
    with opened_terminal(folder) as terminal:
        insert(folder, None, [])
        make(terminal)
        model, runs = UndoModel(Rules()), []
        for number, rows in enumerate(RUNS):
            insert(folder, datetime.now(UTC), rows)
            time.sleep(1.1)  # a run ends at the whole second of its request
            run = terminal.json("pipeline", "trigger", "crm", "--wait")
            assert run["records_extracted"] == len(rows)
            runs.append(run["pipeline_run_id"])
            model.begin_run()
            model.chunk(runs[-1], [row_of(row, number) for row in rows], "m")
        yield Story(terminal, model, runs, folder)


def row_of(row: tuple[str | None, str | None, str], time_: int) -> dict[str, Any]:
    customer_id, email, tier = row
    return {"identities": {"customer_id": customer_id, "email": email}, "time": time_, "attributes": {"tier": tier}}


def insert(folder: Path, moment: datetime | None, rows: list[tuple[str | None, str | None, str]]) -> None:
    with duckdb.connect(str(folder / "warehouses" / "shop.duckdb")) as shop:
        shop.execute("CREATE TABLE IF NOT EXISTS crm (customer_id TEXT, email TEXT, tier TEXT, updated_at TIMESTAMP)")
        for row in rows:
            shop.execute("INSERT INTO crm VALUES (?, ?, ?, ?)", [*row, moment.replace(tzinfo=None) if moment else None])


def make(terminal: Terminal) -> None:
    of = {"workspace_id": WORKSPACE}
    workspace = terminal.service.workspace
    workspace.create("connections", of | {"id": "shop", "name": "Shop", "type": "duckdb", "database": "shop.duckdb"})
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"}
    query = "SELECT customer_id, email, tier, updated_at FROM crm"
    workspace.create("data-models", of | {"id": "crm", "name": "CRM", "type": "sql", "sql_query": query, **stamp})
    schedule = {"schedule_interval": "on_demand", "schedule_start_time": "2020-01-01T00:00:00Z"}
    parts = {"connection_id": "shop", "data_model_id": "crm", "partner_feed_id": terminal.access.feed_id}
    workspace.create("pipelines", of | {"id": "crm", "name": "CRM", "environment": "development", **parts, **schedule})


def test_undoing_the_second_of_three_runs_leaves_what_the_model_says(story: Story) -> None:
    assert story.people() == story.expected()
    wrong = str(story.runs[1])
    shown = story.terminal.json("run", "undo", "crm", wrong, "--preview")
    assert shown["undone_by_run_id"] is None
    undone = story.terminal.json("run", "undo", "crm", wrong, "--yes", "--wait")
    assert (undone["run_kind"], undone["target_run_id"]) == ("undo", story.runs[1])
    story.model.undo(story.runs[1])
    assert story.people() == story.expected()
    changes = story.terminal.json("profile", "history", "customer_id=ann", "--attribute", "tier", *PLACE)
    assert [(change["value"], change["is_current"]) for change in changes] == [
        ("gold", True),
        ("wrong", False),
        ("gold", False),
    ]
    again = story.terminal.run("run", "undo", "crm", wrong, "--yes")
    assert (again.returncode, "undone already" in again.stderr) == (1, True)


def test_a_deleted_person_stays_deleted_through_a_full_read_until_the_tombstone_is_lifted(story: Story) -> None:
    terminal = story.terminal
    before = terminal.json("profile", "explain", "customer_id=ann", *PLACE)
    [gone] = terminal.json("profile", "delete", "customer_id=ann", *PLACE, "--yes")
    [tombstone] = terminal.json("tombstone", "list", "--identity", "customer_id=ann", *PLACE)
    run = terminal.json("pipeline", "resync", "crm", "--wait")
    assert {found["reason"]: found["count"] for found in run["rejects"]} == {"deleted_person": 2}
    missing = terminal.run("profile", "explain", "customer_id=ann", *PLACE)
    assert (missing.returncode, "No profile in development" in missing.stderr) == (1, True)
    assert all(("customer_id", "ann") not in identities for identities, _ in story.people())
    assert terminal.json("tombstone", "lift", tombstone["id"]) == {"lifted": tombstone["id"]}
    terminal.json("pipeline", "resync", "crm", "--wait")
    after = terminal.json("profile", "explain", "customer_id=ann", *PLACE)
    assert before["mpid"] != after["mpid"]
    assert gone["id"] == tombstone["id"]


def test_an_export_that_is_refused_leaves_no_file(story: Story) -> None:
    file = story.folder / "none.parquet"
    refused = story.terminal.run("profile", "export", str(file), *PLACE, "--since-run", "99")
    assert (refused.returncode, "Run 99 has committed nothing" in refused.stderr) == (1, True)
    assert list(story.folder.glob("none*")) == []
