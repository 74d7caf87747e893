"""A service that is killed or stopped in the middle of a run finishes it at its next start, from what it had fetched."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulators.snowflake import shop
from tests.e2e.stage import CUSTOMERS, connection, data_model, pipeline
from tests.fixtures.service import Access, RunningService, prepare_home, running_service
from tests.fixtures.snowflake import running_snowflake

CHUNK_ROWS = 50
NOBODY_ANSWERS = "http://127.0.0.1:9"
SOME = [f"C-{number:06d}" for number in range(1, CUSTOMERS + 1, 25)]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A home with a pipeline, to be copied; the shop's address; and what an undisturbed run makes of it."""

    home: Path
    access: Access
    endpoint: str
    run: dict[str, Any]
    people: list[dict[str, Any]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("interruptions")
    home = folder / "home"
    access = prepare_home(home)
    with running_snowflake(sample=CUSTOMERS) as server:
        with serving(home, access, server.url) as service:
            service.workspace.create("connections", connection("shop"))
            service.workspace.create("data-models", data_model("people", shop.DATA_MODEL_SQL))
            service.workspace.create("pipelines", pipeline("people", access))
        shutil.copytree(home, folder / "undisturbed")
        with serving(folder / "undisturbed", access, server.url) as service:
            run = service.run("people")
            people = seen(service)
        yield Prepared(home, access, server.url, run, people)


def serving(home: Path, access: Access, endpoint: str) -> AbstractContextManager[RunningService]:
    return running_service(home, access, snowflake_endpoint=endpoint, chunk_rows=str(CHUNK_ROWS))


def seen(service: RunningService) -> list[dict[str, Any]]:
    """Who is who and what is known of them, without the moments of writing."""
    people = [service.resolve("customer_id", name) for name in [*SOME, *shop.SHARED_EMAIL_IDS]]
    people.append(service.resolve("email", shop.GRACE_EMAIL))
    return [{name: person[name] for name in ("mpid", "user_identities", "user_attributes")} for person in people]


def in_the_middle(service: RunningService) -> int:
    """Triggers the pipeline and waits until some of its rows are applied; gives the run's number."""
    run_id = service.workspace.trigger("people")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        run = service.workspace.run("people", run_id)
        assert run["pipeline_run_state"] not in {"success", "failed"}, run
        if (run["progress"] or {"rows_applied": 0})["rows_applied"]:
            return run_id
    raise AssertionError("no row was applied")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_run_is_finished_without_its_warehouse(
    prepared: Prepared, tmp_path: Path, how: signal.Signals
) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home)
    with serving(home, prepared.access, prepared.endpoint) as service:
        run_id = in_the_middle(service)
        began = time.monotonic()
        service.process.send_signal(how)
        status = service.wait_for_death(20)
    assert status == (-how if how is signal.SIGKILL else 0), "".join(service.log)
    assert time.monotonic() - began < 8
    with serving(home, prepared.access, NOBODY_ANSWERS) as service:
        run = service.wait_for_run("people", run_id)
        assert run["pipeline_run_state"] == "success", run["failure"]
        told = ("records_extracted", "records_mapped", "records_rejected", "profiles_created", "identity_conflicts")
        assert {name: run[name] for name in told} == {name: prepared.run[name] for name in told}
        assert seen(service) == prepared.people
    assert list((home / "spool").iterdir()) == []
