"""Undoing a run over HTTP: what it would do, asking for it, and what cannot be undone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.profiles.applying import DEVELOPMENT, Home
from warehouse_sync.catalog import runs
from warehouse_sync.domain.identity import IdentityRules
from warehouse_sync.domain.run import RunKind
from warehouse_sync.sync.undo import undo_run

BASE = "/platform/extensions/workspaces/5328/pipelines/crm-pipeline/runs"
BASE_PATH = "/platform/experimental/workspaces/5328/inputs/warehouse"


@pytest.fixture
def run_id(plane: Any) -> int:
    """A run that has failed after it had committed something."""
    plane.on_demand()
    made = int(plane.client.post(BASE_PATH + "/pipelines/crm-pipeline").json()["pipeline_run_id"])
    end(plane, made, "failed")
    home = Home(plane.stores)
    home.runs = 1000
    home.sync({"customer_id": "c", "tier": "silver"})
    home.runs = made - 1
    home.sync({"customer_id": "c", "tier": "gold", "t": 60})
    return made


def end(plane: Any, run_id: int, state: str) -> None:
    with plane.database.write() as tx:
        tx.exec_driver_sql(f"UPDATE runs SET state = '{state}' WHERE id = {run_id}")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_what_it_would_do_is_shown_first(plane: Any, run_id: int) -> None:
    found = plane.client.get(f"{BASE}/{run_id}/undo").json()
    mpid = str(Home(plane.stores).mpid(1))
    change = {"data_model_id": None, "attribute": "tier", "value": "gold", "becomes": "silver"}
    assert found == {
        "pipeline_run_id": run_id,
        "undone_by_run_id": None,
        "contributions_restored": 1,
        "contributions_removed": 0,
        "contributions_kept": 0,
        "identities_detached": 0,
        "identities_returned": 0,
        "identities_kept": 0,
        "profiles_removed": 0,
        "examples": [
            {
                "mpid": mpid,
                "attributes": [change],
                "identities_detached": [],
                "identities_returned": [],
                "is_removed": False,
            }
        ],
    }


def test_it_is_a_run_of_its_own_kind_which_moves_no_progress(plane: Any, run_id: int) -> None:
    status = plane.client.get(BASE_PATH + "/pipelines/crm-pipeline/status").json()
    made = plane.client.post(f"{BASE}/{run_id}/undo").json()["pipeline_run_id"]
    shown = plane.client.get(f"{BASE_PATH}/pipelines/crm-pipeline/status/runs/{made}").json()
    assert (shown["run_kind"], shown["target_run_id"]) == ("undo", run_id)
    assert len(plane.wakes) > 0
    assert code(plane.client.post(f"{BASE}/{run_id}/undo")) == (400, "busy")
    with plane.database.read() as tx:
        run = runs.get(tx, made)
    assert run.kind is RunKind.UNDO
    undo_run(plane.stores, run.key, run_id, IdentityRules(), now=plane.clock.now())
    end(plane, made, "success")
    assert code(plane.client.post(f"{BASE}/{run_id}/undo")) == (400, "not_undoable")
    assert plane.client.get(f"{BASE}/{run_id}/undo").json()["undone_by_run_id"] == made
    assert code(plane.client.get(f"{BASE}/{made}/undo")) == (400, "not_undoable")
    after = plane.client.get(BASE_PATH + "/pipelines/crm-pipeline/status").json()
    assert after["latest_pipeline_run"]["pipeline_run_id"] == status["latest_pipeline_run"]["pipeline_run_id"]
    assert Home(plane.stores).values(1) == {"tier": "silver"}


@pytest.mark.parametrize("state", ["triggered", "running"])
def test_a_run_that_has_not_ended(plane: Any, run_id: int, state: str) -> None:
    end(plane, run_id, state)
    assert code(plane.client.get(f"{BASE}/{run_id}/undo")) == (400, "not_undoable")


def test_a_run_that_has_committed_nothing(plane: Any) -> None:
    plane.on_demand()
    made = plane.client.post(BASE_PATH + "/pipelines/crm-pipeline").json()["pipeline_run_id"]
    end(plane, made, "failed")
    assert code(plane.client.post(f"{BASE}/{made}/undo")) == (400, "not_undoable")
    assert Home(plane.stores).reader.profile_count(5328, DEVELOPMENT) == 0
