"""A service that is stopped or killed in the middle of a run finishes it at its next start, from what it had fetched."""

from __future__ import annotations

import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from emulators.snowflake import shop
from tests.e2e.stage import CUSTOMERS, connection, data_model, pipeline
from tests.fixtures.service import Access, RunningService, prepare_home, running_service
from tests.fixtures.snowflake import SnowflakeEmulator

CHUNK_ROWS = 50
NOBODY_ANSWERS = "http://127.0.0.1:9"
SOME = [f"C-{number:06d}" for number in range(1, CUSTOMERS + 1, 25)]
COUNTS = (
    "records_extracted",
    "records_mapped",
    "records_rejected",
    "event_batches_generated",
    "records_unchanged",
    "records_superseded",
    "profiles_matched",
    "profiles_created",
    "identity_conflicts",
    "profiles_orphaned",
)


def test_a_run_that_is_stopped_and_then_killed_is_finished_without_its_warehouse(
    tmp_path: Path, quiet_shop: SnowflakeEmulator
) -> None:
    home = tmp_path / "home"
    access = prepare_home(home)
    with serving(home, access, quiet_shop.url) as service:
        make_pipelines(service, access)
        undisturbed = service.run("undisturbed")
        expected = seen(service, "production")
        run_id = service.workspace.trigger("disturbed")
        stopped_at = wait_for_rows(service, run_id, more_than=0)
        end(service, signal.SIGTERM, status=0)
    with serving(home, access, NOBODY_ANSWERS) as service:
        wait_for_rows(service, run_id, more_than=stopped_at + CHUNK_ROWS)
        end(service, signal.SIGKILL, status=-signal.SIGKILL)
    with serving(home, access, NOBODY_ANSWERS) as service:
        run = service.wait_for_run("disturbed", run_id)
        assert run["pipeline_run_state"] == undisturbed["pipeline_run_state"] == "success", run["failure"]
        assert {name: run[name] for name in COUNTS} == {name: undisturbed[name] for name in COUNTS}
        assert run["rejects"] == undisturbed["rejects"]
        assert seen(service, "development") == expected
    assert list((home / "spool").iterdir()) == []


def serving(home: Path, access: Access, endpoint: str) -> AbstractContextManager[RunningService]:
    return running_service(home, access, snowflake_endpoint=endpoint, chunk_rows=str(CHUNK_ROWS))


def make_pipelines(service: RunningService, access: Access) -> None:
    """Two pipelines that do the same to two pools of profiles."""
    service.workspace.create("connections", connection("shop"))
    service.workspace.create("data-models", data_model("people", shop.DATA_MODEL_SQL))
    for name, environment in (("undisturbed", "production"), ("disturbed", "development")):
        changes = {"data_model_id": "people", "environment": environment}
        service.workspace.create("pipelines", pipeline(name, access, **changes))


def seen(service: RunningService, environment: str) -> list[dict[str, Any]]:
    """Who is who and what is known of them. A profile is named by the first of these people who has it: its number is the pool's."""
    asked = [("customer_id", name) for name in [*SOME, *shop.SHARED_EMAIL_IDS]] + [("email", shop.GRACE_EMAIL)]
    people = [service.resolve(kind, value, environment) for kind, value in asked]
    mpids = [person["mpid"] for person in people]
    told = ("user_identities", "user_attributes")
    return [{"who": mpids.index(person["mpid"]), **{name: person[name] for name in told}} for person in people]


def wait_for_rows(service: RunningService, run_id: int, *, more_than: int) -> int:
    """Waits until more than this many rows of an unfinished run are applied; gives how many are."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        run = service.workspace.run("disturbed", run_id)
        assert run["pipeline_run_state"] not in {"success", "failed"}, run
        applied = (run["progress"] or {"rows_applied": 0})["rows_applied"]
        if applied > more_than:
            return int(applied)
    raise AssertionError(f"no more than {more_than} rows were applied")


def end(service: RunningService, how: signal.Signals, *, status: int) -> None:
    began = time.monotonic()
    service.process.send_signal(how)
    assert service.wait_for_death(20) == status, "".join(service.log)
    assert time.monotonic() - began < 8
