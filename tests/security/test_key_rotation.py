"""Keys are replaced while the service runs, and a rotation that is killed anywhere loses nothing and can be gone on with (S8)."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.service import clean_environment, command, prepare_home, running_service
from tests.fixtures.warm_process import run_warm
from warehouse_sync.catalog import connections, home_facts
from warehouse_sync.catalog.database import Database, open_database, url_of_home
from warehouse_sync.crashpoints import VARIABLE
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.security.keyring import read_master_keys
from warehouse_sync.security.vault import Vault, key_id

ISSUER = "http://sync.example.com"
pytestmark = pytest.mark.crash

WORKSPACE, SECRETS, NOW = 5328, 150, datetime(2026, 3, 1, tzinfo=UTC)
POINTS = [
    "master_key_added",
    "secret_rewrapping:1",
    "secret_rewrapped:1",
    "secret_rewrapped:77",
    "secret_rewrapping:101",
    f"secret_rewrapped:{SECRETS}",
    "sentinel_rewrapping",
]


@contextmanager
def opened(home: Path) -> Iterator[tuple[Database, Vault]]:
    """The control database, and a vault with the keys that lie in the home now."""
    database = open_database(url_of_home(home))
    try:
        yield database, Vault(read_master_keys(home), lambda: read_master_keys(home))
    finally:
        database.close()


def add_connection(database: Database, vault: Vault, number: int) -> None:
    address = WarehouseAddress("snowflake", {"user": "u"}, {"password": Secret(f"secret {number}")})
    with database.write() as tx:
        connections.create(
            tx,
            workspace_id=WORKSPACE,
            id=f"c{number}",
            name="c",
            address=address,
            is_active=True,
            vault=vault,
            now=NOW,
            by="ci",
        )


def secrets_of(database: Database, vault: Vault) -> dict[str, str]:
    with database.read() as tx:
        found = [connections.opened(tx, found, vault) for found in connections.all_of(tx, WORKSPACE)]
    return {connection.id: connection.address.secrets["password"].reveal() for connection in found}


def expected(count: int) -> dict[str, str]:
    return {f"c{number}": f"secret {number}" for number in range(count)}


def rotate(home: Path, crash_at: str | None = None) -> subprocess.CompletedProcess[str]:
    line = ["keys", "rotate", "--home", str(home), "--output", "json"]
    return run_warm(line, clean_environment({VARIABLE: crash_at} if crash_at else {}))


def master_keys(home: Path) -> list[dict[str, Any]]:
    return [key for key in command(home, "keys", "list") if key["kind"] == "master"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with many secrets and a sentinel, as after the service's first start."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    command(home, "workspace", "create", "--id", str(WORKSPACE), "--name", "Shop")
    with opened(home) as (database, vault):
        for number in range(SECRETS):
            add_connection(database, vault, number)
        with database.write() as tx:
            home_facts.put(tx, home_facts.VAULT_SENTINEL, vault.sentinel())
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "home"))


def test_a_rotation_moves_everything_and_deletes_nothing(home: Path) -> None:
    (old,) = master_keys(home)
    assert (old["secrets"], old["state"]) == (SECRETS, "current")
    done = json.loads(rotate(home).stdout)
    new, retired = master_keys(home)
    assert done == {"current": new["id"], "continued": False, "rewrapped": SECRETS}
    assert (new["file"], new["secrets"], new["state"]) == ("keys/master-0002.key", SECRETS, "current")
    assert (retired["id"], retired["secrets"], retired["state"]) == (old["id"], 0, "unused, may be removed")
    assert (home / "keys" / "master-0001.key").exists()
    without_the_old_key(home)


def without_the_old_key(home: Path) -> None:
    (home / "keys" / "master-0001.key").unlink()
    with opened(home) as (database, vault):
        assert secrets_of(database, vault) == expected(SECRETS)
        with database.read() as tx:
            sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
        assert sentinel is not None
        vault.check_sentinel(sentinel)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_rotation_loses_nothing_and_is_gone_on_with(point: str, home: Path) -> None:
    assert rotate(home, point).returncode == -signal.SIGKILL
    with opened(home) as (database, vault):
        assert secrets_of(database, vault) == expected(SECRETS)
    current, old = master_keys(home)
    assert current["secrets"] + old["secrets"] == SECRETS
    assert old["state"] == "in use"  # by the sentinel at least
    done = json.loads(rotate(home).stdout)
    assert (done["continued"], done["rewrapped"]) == (True, old["secrets"])
    assert [key["state"] for key in master_keys(home)] == ["current", "unused, may be removed"]
    without_the_old_key(home)


def test_killed_again_and_again_it_comes_to_its_end(home: Path) -> None:
    kills = 0
    while (done := rotate(home, "secret_rewrapped:40")).returncode == -signal.SIGKILL:
        kills += 1
        with opened(home) as (database, vault):
            assert secrets_of(database, vault) == expected(SECRETS)
    assert (done.returncode, kills) == (0, 3)
    assert len(master_keys(home)) == 2
    without_the_old_key(home)


def test_a_vault_in_use_meets_no_gap(home: Path) -> None:
    """What a running service does: it opens and seals with the keys it read at its start, while another process rotates."""
    failures: list[BaseException] = []
    stop, added = threading.Event(), 0
    with opened(home) as (database, vault):

        def read() -> None:
            try:
                while not stop.is_set():
                    assert secrets_of(database, vault).items() >= expected(SECRETS).items()
            except BaseException as error:  # noqa: BLE001 - told by the test
                failures.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        rotation = subprocess.Popen(
            [sys.executable, "-m", "warehouse_sync", "keys", "rotate", "--home", str(home)],
            env=clean_environment({}),
            stdout=subprocess.DEVNULL,
        )
        while rotation.poll() is None:
            add_connection(database, vault, SECRETS + added)
            added += 1
        stop.set()
        reader.join()
        assert (rotation.returncode, failures) == (0, [])
        assert added > 5
        assert secrets_of(database, vault) == expected(SECRETS + added)
    new, old = master_keys(home)
    assert (new["secrets"], old["secrets"], old["state"]) == (SECRETS + added, 0, "unused, may be removed")


def test_a_damaged_secret_is_told_and_the_others_are_moved(home: Path) -> None:
    with opened(home) as (database, _), database.write() as tx:
        (sealed,) = tx.exec_driver_sql("SELECT sealed FROM connection_secrets WHERE connection_key = 3").scalars()
        tx.exec_driver_sql("UPDATE connection_secrets SET sealed = ? WHERE connection_key = 3", (sealed[:-1] + b"!",))
    done = rotate(home)
    assert done.returncode == 1
    assert json.loads(done.stdout)["rewrapped"] == SECRETS - 1
    assert "password of connection number 3 in workspace 5328 cannot be opened" in done.stderr
    assert [key["state"] for key in master_keys(home)] == ["current", "in use"]


def test_nothing_is_changed_when_the_keys_are_not_those_of_the_database(home: Path) -> None:
    (home / "keys" / "master-0001.key").unlink()
    done = rotate(home)
    assert (done.returncode, done.stdout) == (1, "")
    assert "was sealed with master key" in done.stderr
    assert len(list((home / "keys").glob("master-*.key"))) == 1


def test_a_running_service_needs_no_restart_for_a_master_key_but_for_a_signing_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    access = prepare_home(home)
    with running_service(home, access, issuer=ISSUER) as service:
        bearer = {"Authorization": f"Bearer {token(service.url, access)}"}
        before = httpx.get(f"{service.url}/.well-known/jwks.json").json()["keys"]
        command(home, "keys", "rotate")
        added = command(home, "keys", "rotate", "--token-signing")
        assert service.client.call("GET", "/v1/workspace")["data"]
        assert httpx.get(f"{service.url}/.well-known/jwks.json").json()["keys"] == before
    (home / "keys" / "master-0001.key").unlink()
    with running_service(home, access, issuer=ISSUER) as service:
        keys = httpx.get(f"{service.url}/.well-known/jwks.json").json()["keys"]
        assert [key["kid"] for key in keys] == [added["id"], before[0]["kid"]]
        assert httpx.get(f"{service.url}/v1/workspace", headers=bearer).status_code == 200
        assert service.client.call("GET", "/v1/workspace")["data"]
    with opened(home) as (database, _), database.read() as tx:
        sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
    assert sentinel is not None
    assert key_id(sentinel) == master_keys(home)[0]["id"]


def token(url: str, access: Any) -> str:
    body = {"client_id": access.client_id, "client_secret": access.client_secret, "grant_type": "client_credentials"}
    return str(httpx.post(f"{url}/oauth/token", data=body).json()["access_token"])
