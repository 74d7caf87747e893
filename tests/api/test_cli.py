"""The operator's commands, as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.service import clean_environment
from tests.fixtures.warm_process import run_warm
from warehouse_sync.catalog.database import open_database


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_warm(arguments, clean_environment(environment))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "a" / "home"
    done = _run("workspace", "create", "--home", str(made), "--id", "5328", "--name", "Shop", "--org-id", "3")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_workspaces_on_an_empty_home(home: Path) -> None:
    listed = _run("workspace", "list", "--output", "json", WAREHOUSE_SYNC_HOME=str(home))
    assert json.loads(listed.stdout) == [{"id": 5328, "name": "Shop", "org_id": 3, "account_id": 1}]
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "control.db").stat().st_mode & 0o077 == 0
    again = _run("workspace", "create", "--home", str(home), "--id", "5328", "--name", "Shop")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "Error: Workspace 5328 exists already. Choose another id.\n"


def test_credentials(home: Path) -> None:
    words = ("--home", str(home), "--output", "json")
    made = _run("credential", "create", *words, "--name", "ci", "--permission", "user", "--workspace", "5328")
    assert set(json.loads(made.stdout)) == {"client_id", "client_secret"}
    everywhere = _run("credential", "create", *words, "--name", "all", "--permission", "admin")
    assert everywhere.returncode == 0
    listed = _run("credential", "list", *words)
    found = json.loads(listed.stdout)
    assert [(c["name"], c["permission"], c["workspaces"]) for c in found] == [
        ("ci", "user", [5328]),
        ("all", "admin", "all"),
    ]
    assert json.loads(made.stdout)["client_secret"] not in listed.stdout
    unknown = _run("credential", "create", *words, "--name", "x", "--permission", "user", "--workspace", "1")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no workspace 1" in unknown.stderr
    assert _run("credential", "create", *words, "--name", "x", "--permission", "root").returncode == 2


def test_feeds_while_another_process_has_the_database_open(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'control.db'}")
    words = ("--home", str(home), "--workspace", "5328")
    with database.read():
        made = _run("feed", "create", *words, "--name", "crm", "--output", "json")
    database.close()
    feed = json.loads(made.stdout)
    assert set(feed) == {"partner_feed_id", "partner_feed_key", "partner_feed_secret"}
    table = _run("feed", "list", *words).stdout
    assert "crm" in table
    assert feed["partner_feed_key"] not in table
    assert _run("feed", "create", "--home", str(home), "--name", "x").returncode == 2


def test_a_mistyped_setting_is_refused(home: Path) -> None:
    done = _run("workspace", "list", "--home", str(home), WAREHOUSE_SYNC_PROT="1")
    assert done.returncode == 1
    assert "WAREHOUSE_SYNC_PROT is not a setting" in done.stderr


def test_a_home_of_a_newer_version_is_refused(home: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(home / "control.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = _run("workspace", "list", "--home", str(home))
    assert done.returncode == 1
    assert "newer Warehouse Sync" in done.stderr
