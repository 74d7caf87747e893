"""One service per home: who is refused, what works beside it, and what settings are taken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.stage import connection
from tests.fixtures.service import (
    WORKSPACE,
    Access,
    RunningService,
    clean_environment,
    command,
    prepare_home,
    running_service,
)

NOBODY = Access("none", "none", 0, "none")
FOREIGN = {"notes.txt": "mine", "spool/of-somebody-else": "mine too", "profiles/readme.md": "and this"}


@dataclass(frozen=True, slots=True)
class Place:
    home: Path
    access: Access
    service: RunningService


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("serving") / "home"
    access = prepare_home(home)
    with running_service(home, access, snowflake_endpoint="http://127.0.0.1:9", login_timeout_seconds="3") as service:
        yield Place(home, access, service)


def put_foreign_files(home: Path) -> None:
    for name, text in FOREIGN.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


def serve(home: Path, *, port: str = "0", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs ``serve`` that is expected to refuse; one that serves is stopped by the timeout and fails the test."""
    line = [sys.executable, "-m", "warehouse_sync", "serve", "--home", str(home), "--port", port]
    return subprocess.run(
        line, capture_output=True, text=True, check=False, timeout=30, env=clean_environment(variables)
    )


def test_a_second_service_on_the_same_home_is_refused_and_told_by_whom(place: Place) -> None:
    done = serve(place.home)
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert str(place.service.process.pid) in done.stderr
    assert "Traceback" not in done.stderr
    assert httpx.get(f"{place.service.url}/health", timeout=10).status_code == 200


def test_the_issuer_and_the_lock_name_the_port_that_was_found(place: Place) -> None:
    url = place.service.url
    assert httpx.get(f"{url}/.well-known/openid-configuration", timeout=10).json()["issuer"] == url
    assert httpx.get(f"{url}/openapi.json", timeout=10).json()["servers"][0]["url"] == url
    assert json.loads((place.home / "serve.lock").read_text())["address"] == url


def test_a_port_that_is_taken_is_a_clear_refusal(place: Place, tmp_path: Path) -> None:
    port = place.service.url.rpartition(":")[2]
    done = serve(tmp_path / "home", port=port)
    assert done.returncode == 1
    assert f"cannot listen at 127.0.0.1, port {port}: address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_administrative_commands_work_while_it_serves(place: Place) -> None:
    made = command(place.home, "credential", "create", "--name", "second", "--permission", "admin")
    body = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    asked = {"audience": "https://api.mparticle.com", "grant_type": "client_credentials"}
    answer = httpx.post(f"{place.service.url}/oauth/token", json=body | asked, timeout=10)
    assert answer.status_code == 200
    feed = command(place.home, "feed", "create", "--workspace", str(WORKSPACE), "--name", "another")
    assert feed["partner_feed_id"] != place.access.feed_id


def test_a_warehouse_that_does_not_answer_is_refused(place: Place) -> None:
    url = f"{place.service.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections"
    headers = {"Authorization": f"Bearer {place.service.client._valid_token()}"}
    answer = httpx.post(url, json=connection("gone"), headers=headers, timeout=60)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["step"]) == (505, "warehouse_unreachable", "reach")
    assert "does not answer" in error["message"]
    assert httpx.get(f"{place.service.url}/health", timeout=10).status_code == 200


def test_an_unknown_setting_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    done = serve(tmp_path / "home", WAREHOUSE_SYNC_CHUNK_ROW="17-secret")
    assert done.returncode == 1
    assert "WAREHOUSE_SYNC_CHUNK_ROW is not a setting" in done.stderr
    assert "WAREHOUSE_SYNC_CHUNK_ROWS?" in done.stderr
    assert "17-secret" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_container_s_service_link_is_only_warned_about(place: Place) -> None:
    link = {"WAREHOUSE_SYNC_PORT": "tcp://10.0.0.1:8080", "WAREHOUSE_SYNC_SERVICE_HOST": "10.0.0.1"}
    line = [sys.executable, "-m", "warehouse_sync", "feed", "create", "--home", str(place.home)]
    options = ["--workspace", str(WORKSPACE), "--name", "linked", "--output", "json"]
    done = subprocess.run([*line, *options], capture_output=True, text=True, check=False, env=clean_environment(link))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["partner_feed_id"]
    for name in link:
        assert f"{name} looks like a container service link and was ignored" in done.stderr
    assert "10.0.0.1" not in done.stderr


def test_an_idle_service_stops_at_once_and_leaves_the_home_free_and_files_of_others_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    put_foreign_files(home)
    for _ in range(2):
        with running_service(home, NOBODY) as service:
            assert httpx.get(f"{service.url}/health", timeout=10).status_code == 200
            os.kill(service.process.pid, signal.SIGTERM)
            assert service.wait_for_death(10) == 0
    assert {name: (home / name).read_text() for name in FOREIGN} == FOREIGN
