"""Killed while it undoes a run, the service comes back, and the run is undone, once (R1)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.crash.kill_points import Theatre, dies_of
from tests.crash.stage import Stage, wait_until
from tests.fixtures.service import WORKSPACE
from tests.oracle import files_of_a_home as files

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def twice(theatre: Theatre, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Any]:
    """A stage on which a second run has changed people and made some, and the people before it."""
    stage = theatre.untouched.copy(tmp_path_factory.mktemp("undo") / "twice")
    with stage.serving() as service:
        assert service.run("p")["pipeline_run_state"] == "success"
    before = files.people(stage.store)
    with duckdb.connect(str(stage.folder / "shop.duckdb")) as shop:
        shop.execute(
            """INSERT INTO customers BY NAME
               SELECT 'wrong ' || i AS token, 'c-' || (i * 10) AS customer_id, 'wrong' || i || '@example.com' AS email,
                      now()::TIMESTAMP AS updated_at FROM range(40) r(i)"""
        )
    time.sleep(1.1)  # a run ends at the whole second of its request
    with stage.serving() as service:
        assert service.run("p")["records_extracted"] == 40
    assert files.people(stage.store) != before
    return stage, before


@pytest.mark.parametrize("point", ["undo_before_commit", "undo_after_commit"])
def test_a_killed_undo_is_done_once(point: str, twice: tuple[Stage, Any], tmp_path: Path) -> None:
    untouched, before = twice
    with untouched.copied(tmp_path / "trial") as stage:
        wrong = files.runs_of(stage.home)[-1].id
        path = f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/p/runs/{wrong}/undo"
        with stage.serving(crash_at=point) as service:
            promised = service.client.call("GET", path)
            dies_of(service, lambda: service.client.call("POST", path))
        with stage.serving() as service:
            wait_until(lambda: [run.state for run in files.runs_of(stage.home)] == ["success"] * 3)
            done = service.client.call("GET", path)
        [undo] = [run.id for run in files.runs_of(stage.home) if run.kind == "undo"]
        assert done == promised | {"undone_by_run_id": undo, "examples": done["examples"]}
        assert files.damage_of(stage.home) == []
        assert files.people(stage.store) == before
