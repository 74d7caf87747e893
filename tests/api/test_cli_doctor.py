"""``warehouse-sync doctor``: each thing that can be wrong is found, with its remedy, and nothing is made on the way."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.fixtures.service import clean_environment
from tests.fixtures.terminal import Terminal, opened_terminal
from warehouse_sync.catalog.database import open_database, url_of_home
from warehouse_sync.catalog.schema import audit_log

HOME = "home"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with opened_terminal(tmp_path_factory.mktemp("doctor")) as opened:
        connection = {"id": "shop", "name": "Shop", "type": "duckdb", "database": "shop.duckdb"}
        opened.json("connection", "create", "--file", "-", stdin=json.dumps(connection))
        yield opened


def examined(
    home: Path, *words: str, user: int | None = None, **settings: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by check."""
    # Another user may not be able to start this Python: the process becomes that user when everything is loaded, by a first examination.
    first = f"CliRunner().invoke(app, ['doctor', '--output', 'json', '--home', {str(home.parent / 'first')!r}])"
    become = f"; import os; from typer.testing import CliRunner; from warehouse_sync.cli.main import app; {first}; os.setuid({user})"
    become = "" if user is None else become
    line = f"from warehouse_sync.cli.main import run{become}; run()"
    done = subprocess.run(
        [sys.executable, "-c", line, "doctor", "--home", str(home), "--output", "json", *words],
        capture_output=True,
        text=True,
        env=clean_environment({"XDG_CONFIG_HOME": str(home.parent / "nobody"), **settings}),
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}


def of(terminal: Terminal) -> tuple[Path, dict[str, str]]:
    folder = terminal.config.parent
    return folder / HOME, {"WAREHOUSE_SYNC_DUCKDB_ROOT": str(folder / "warehouses")}


def test_all_is_well_beside_a_running_service(terminal: Terminal) -> None:
    home, settings = of(terminal)
    code, found = examined(home, **settings)
    assert code == 0, found
    assert {row["outcome"] for row in found.values()} <= {"ok", "warning"}
    assert {"home", "disk", "profile stores", "keys", "clock", "connection 5328/shop"} == set(found)


def test_a_dead_connection_is_named_with_its_step(terminal: Terminal) -> None:
    home, settings = of(terminal)
    shop = terminal.config.parent / "warehouses" / "shop.duckdb"
    shop.rename(shop.with_suffix(".gone"))
    try:
        code, found = examined(home, **settings)
    finally:
        shop.with_suffix(".gone").rename(shop)
    assert code == 1
    assert found["connection 5328/shop"]["outcome"] == "problem"
    assert "Step database" in found["connection 5328/shop"]["found"]
    assert found["connection 5328/shop"]["remedy"]


def test_a_wrong_key(terminal: Terminal) -> None:
    home, settings = of(terminal)
    key = base64.b64encode(bytes(range(7, 39))).decode()
    other = home.parent / "elsewhere"
    other.mkdir(exist_ok=True)
    url = url_of_home(home)
    code, found = examined(other, WAREHOUSE_SYNC_DATABASE_URL=url, WAREHOUSE_SYNC_MASTER_KEY=key, **settings)
    assert code == 1
    assert found["keys"]["outcome"] == "problem"
    assert "backup" in found["keys"]["remedy"]
    assert found["connection 5328/shop"]["outcome"] == "ok"  # it has no secret


def test_a_disk_without_room(terminal: Terminal) -> None:
    home, settings = of(terminal)
    code, found = examined(home, "--no-connections", WAREHOUSE_SYNC_SPOOL_FREE_MB="1048576", **settings)
    assert code == 1
    assert found["disk"]["outcome"] == "problem"
    assert "WAREHOUSE_SYNC_SPOOL_FREE_MB" in found["disk"]["remedy"]


def test_a_clock_that_went_back(terminal: Terminal) -> None:
    home, settings = of(terminal)
    database = open_database(url_of_home(home))
    ahead = datetime.now(UTC) + timedelta(hours=3)
    entry = {"at": ahead, "client_id": "x", "action": "x", "object_kind": "x", "object_id": "x"}
    with database.write() as tx:
        made = tx.execute(sa.insert(audit_log).values(entry)).inserted_primary_key[0]
    try:
        code, found = examined(home, "--no-connections", **settings)
    finally:
        with database.write() as tx:
            tx.execute(sa.delete(audit_log).where(audit_log.c.id == made))
        database.close()
    assert code == 1
    assert found["clock"]["outcome"] == "problem"
    assert "time server" in found["clock"]["remedy"]


def test_no_home_is_told_and_none_is_made(tmp_path: Path) -> None:
    code, found = examined(tmp_path / "none")
    assert (code, set(found)) == (1, {"home"})
    assert not (tmp_path / "none").exists()


def test_a_home_that_cannot_be_read(tmp_path: Path) -> None:
    home = tmp_path / "locked"
    home.mkdir()
    (home / "control.db").touch()
    (home / "control.db").chmod(0)
    code, found = examined(home, user=65_534 if os.geteuid() == 0 else None)
    assert code == 1
    assert found["home"]["outcome"] == "problem"
    assert "cannot be" in found["home"]["found"]
    assert "chown" in found["home"]["remedy"]


def test_a_home_that_others_can_look_into(tmp_path: Path) -> None:
    home = tmp_path / "open"
    home.mkdir(mode=0o755)
    _, found = examined(home)
    assert found["home"]["outcome"] == "warning"
    assert found["home"]["remedy"].startswith("chmod 700")


def test_a_damaged_profile_store(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "profiles").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    (home / "profiles" / "1-development.duckdb").write_bytes(b"no database" * 1000)
    code, found = examined(home)
    assert code == 1
    assert "1-development.duckdb cannot be opened" in found["profile stores"]["found"]
