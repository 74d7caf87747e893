"""The webhook from outside: the real service, killed and started again, and a real receiver that fails, is slow, or is forbidden."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.crash.stage import wait_until
from tests.e2e.stage import data_model, pipeline
from tests.fixtures.receiver import SECRET, Received, TestReceiver, running_receiver
from tests.fixtures.service import (
    WORKSPACE,
    Access,
    RunningService,
    clean_environment,
    command,
    prepare_home,
    running_service,
)
from tests.fixtures.warm_process import run_warm
from tests.unit.domain.test_webhook_secret import example
from warehouse_sync.crashpoints import VARIABLE as CRASH_VARIABLE

QUERY = "SELECT customer_id, score, updated_at FROM {}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A home whose service has two pipelines: ``well``, and ``broken``, whose table is gone."""

    home: Path
    warehouses: Path
    access: Access
    receiver: TestReceiver

    def settings(self, **changes: str) -> dict[str, Any]:
        return {"duckdb_root": str(self.warehouses), "warm": True, **self.receiver.settings, **changes}

    def tables(self, *statements: str) -> None:
        with duckdb.connect(str(self.warehouses / "shop.duckdb")) as session:
            for statement in statements:
                session.execute(statement)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("webhook")
    (folder / "warehouses").mkdir()
    access = prepare_home(folder / "home")
    with running_receiver() as receiver:
        made = Scene(folder / "home", folder / "warehouses", access, receiver)
        row = "AS SELECT 'c1' AS customer_id, 41 AS score, TIMESTAMP '2025-12-01' AS updated_at"
        made.tables(f"CREATE TABLE well {row}", f"CREATE TABLE broken {row}")
        with running_service(made.home, access, **made.settings()) as service:
            duck = {"workspace_id": WORKSPACE, "type": "duckdb", "database": "shop.duckdb"}
            service.workspace.create("connections", {"id": "files", "name": "files", **duck})
            for name in ("well", "broken"):
                model = data_model(name, QUERY.format(name), load_timestamp_field_name="updated_at")
                service.workspace.create("data-models", model)
                service.workspace.create("pipelines", pipeline(name, access, connection_id="files"))
        made.tables("DROP TABLE broken")
        yield made


@pytest.fixture(autouse=True)
def fresh(scene: Scene) -> None:
    scene.receiver.received.clear()
    scene.receiver.statuses.clear()
    scene.receiver.gate.set()


def by_type(came: list[Received]) -> dict[str, Received]:
    return {one.told["type"]: one for one in came}


def break_it(service: RunningService) -> dict[str, Any]:
    run = service.run("broken")
    assert run["failure"]["code"] == "warehouse_query"
    return run


def test_a_failed_run_is_told_to_a_receiver_that_fails_at_first_and_no_run_waits_for_it(scene: Scene) -> None:
    scene.receiver.statuses = [503]
    scene.receiver.gate.clear()
    with running_service(scene.home, scene.access, **scene.settings()) as service:
        failed = break_it(service)
        scene.receiver.wait_for(1)
        assert service.run("well")["pipeline_run_state"] == "success"  # while the receiver takes its time
        scene.receiver.gate.set()
        came = scene.receiver.wait_for(3, seconds=30)
        verify = example()["verify"]
        assert callable(verify)
        assert all(verify(SECRET, one.headers, one.body) for one in came)
        assert len({one.headers["webhook-id"] for one in came}) == 2  # the first came twice
        told = by_type(came)
        assert set(told) == {"pipeline.run_failed", "pipeline.faulted"}
        data = told["pipeline.run_failed"].told["data"]
        assert (data["pipeline_id"], data["pipeline_run_id"]) == ("broken", failed["pipeline_run_id"])
        assert data["failure"]["code"] == "warehouse_query"
        assert "warehouse says" in failed["failure"]["message"]
        assert "broken does not exist" not in json.dumps(data)  # those are the warehouse's words
        for link in data["links"].values():
            assert link.startswith(service.url)
            assert service.client.call("GET", link.removeprefix(service.url))
        metrics = "".join(service.log)
        assert "notice could not be delivered" in metrics
        assert SECRET not in metrics
    outcomes = {(row["type"], row["outcome"], row["attempts"]) for row in listed(scene)[:2]}
    assert sorted(attempts for _, _, attempts in outcomes) == [1, 2]
    assert {outcome for _, outcome, _ in outcomes} == {"delivered"}


def listed(scene: Scene) -> list[dict[str, Any]]:
    return list(command(scene.home, "webhook", "list"))  # type: ignore[arg-type]


def test_killed_between_the_failure_and_its_delivery_it_is_delivered_by_the_next_start(scene: Scene) -> None:
    more = {CRASH_VARIABLE: "run_finished"}
    with running_service(scene.home, scene.access, more=more, **scene.settings()) as service:
        run_id = service.workspace.trigger("broken")
        service.wait_for_death()
    assert scene.receiver.received == []
    with running_service(scene.home, scene.access, **scene.settings()):
        [failed] = [one.told for one in scene.receiver.wait_for(1) if one.told["type"] == "pipeline.run_failed"]
        assert failed["data"]["pipeline_run_id"] == run_id


@pytest.mark.parametrize(("point", "came"), [("notice_claimed", 0), ("notice_sent", 1)])
def test_killed_in_an_attempt_it_owes_another(scene: Scene, point: str, came: int) -> None:
    with running_service(
        scene.home, scene.access, more={CRASH_VARIABLE: "run_finished"}, **scene.settings()
    ) as service:
        service.workspace.trigger("broken")
        service.wait_for_death()
    before = owed(scene)
    scene.receiver.received.clear()
    settings = {f"WAREHOUSE_SYNC_{name.upper()}": text for name, text in scene.settings(warm="").items()}
    del settings["WAREHOUSE_SYNC_WARM"]
    served = run_warm(
        ["serve", "--home", str(scene.home), "--port", "0"], clean_environment({**settings, CRASH_VARIABLE: point})
    )
    assert served.returncode == -signal.SIGKILL
    assert len(scene.receiver.received) == came
    assert len(owed(scene) - before) == 1


def owed(scene: Scene) -> set[str]:
    """The notices that an attempt was made at, and are not settled."""
    return {row["id"] for row in listed(scene) if row["attempts"] and row["outcome"] == "waiting"}


def test_a_receiver_that_is_not_allowed_gets_no_packet_and_is_told_by_all(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"https://127.0.0.1:{trap.getsockname()[1]}/hooks"
        settings = scene.settings(webhook_url=url, allowed_hosts="")
        del settings["allowed_hosts"]
        with running_service(scene.home, scene.access, **settings) as service:
            break_it(service)
        settings.pop("warm")
        environment = clean_environment({f"WAREHOUSE_SYNC_{name.upper()}": text for name, text in settings.items()})
        words = ["--home", str(scene.home), "--output", "json"]
        tried = run_warm(["webhook", "test", *words], environment)
        looked = run_warm(["doctor", "--no-connections", *words], environment)
        trap.settimeout(0.05)
        with pytest.raises(TimeoutError):
            trap.accept()
    assert (tried.returncode, json.loads(tried.stdout)["is_delivered"]) == (1, False)
    [finding] = [row for row in json.loads(looked.stdout) if row["check"] == "webhook"]
    assert finding["outcome"] == "problem"
    assert "WAREHOUSE_SYNC_ALLOWED_HOSTS" in finding["found"]


def test_what_was_given_up_is_sent_again_by_command(scene: Scene) -> None:
    scene.receiver.statuses = [410, 410]
    with running_service(scene.home, scene.access, **scene.settings()) as service:
        break_it(service)
        scene.receiver.wait_for(1)
        wait_until(lambda: "notice given up" in "".join(service.log))
        lost = next(row for row in listed(scene) if row["outcome"] == "given_up")
        scene.receiver.statuses.clear()
        assert command(scene.home, "webhook", "resend", lost["id"]) == [{"id": lost["id"], "outcome": "waiting"}]

        def came() -> list[Received]:
            return [one for one in scene.receiver.received if one.headers["webhook-id"] == lost["id"]]

        wait_until(lambda: len(came()) == 2)
        assert came()[0].body == came()[1].body
    again = run_warm(["webhook", "resend", "msg_0", "--home", str(scene.home)], clean_environment({}))
    assert again.returncode == 1
    assert "was not given up" in again.stdout


def test_the_command_that_tries_it(scene: Scene) -> None:
    environment = {f"WAREHOUSE_SYNC_{name.upper()}": text for name, text in scene.receiver.settings.items()}
    done = command(scene.home, "webhook", "test", more=environment)
    [came] = scene.receiver.received
    assert done == {"id": came.headers["webhook-id"], "is_delivered": True, "answer": "It answered 204."}
    assert came.told["type"] == "webhook.test"
