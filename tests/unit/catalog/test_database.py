from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tests.unit.catalog.conftest import only_sqlite
from warehouse_sync.catalog import home_facts
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.catalog.schema import metadata
from warehouse_sync.errors import StoreError


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@only_sqlite
def test_migrations_make_exactly_the_declared_tables(url: str, tmp_path: Path) -> None:
    open_database(url).close()
    declared = sa.create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    declared.dispose()

    def statements(path: Path) -> set[tuple[str, ...]]:
        """Words, sorted: a column that was added later stands at the end of its table."""
        with sqlite3.connect(path) as connection:
            rows = connection.execute(
                "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL"
            )
            found = {tuple(sorted(re.findall(r"[^\s,\"]+", row[0]))) for row in rows}
        connection.close()
        return found

    assert statements(_path(url)) == statements(tmp_path / "declared.db")


def test_migrations_make_the_declared_tables_on_postgresql_too(empty_postgres_url: str) -> None:
    open_database(empty_postgres_url).close()
    engine = sa.create_engine(empty_postgres_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_opening_again_changes_nothing(url: str) -> None:
    first = open_database(url)
    with first.write() as tx:
        home_facts.put(tx, "sentinel", b"1")
    first.close()
    second = open_database(url)
    with second.read() as tx:
        assert home_facts.get(tx, "sentinel") == b"1"
        assert home_facts.get(tx, "other") is None
    second.close()


@only_sqlite
def test_a_newer_version_is_refused(url: str) -> None:
    database = open_database(url)
    with database.write() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match="newer Warehouse Sync") as caught:
        open_database(url)
    assert caught.value.code == "store_too_new"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="cannot be used now"):
        open_database(f"sqlite:///{path}")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used now"):
        open_database(f"sqlite:///{tmp_path / 'no' / 'control.db'}")


@only_sqlite
def test_sqlite_is_durable_and_checks_references(database: Database) -> None:
    with database.read() as tx:
        settings = [
            tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


@pytest.mark.parametrize("place", ["sqlite_url", "empty_postgres_url"])
def test_many_processes_open_an_empty_home_at_once(place: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(place)
    program = (
        "import sys; from warehouse_sync.catalog.database import open_database; open_database(sys.argv[1]).close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [child.communicate()[1] for child in children] == [""] * 4
    assert [child.returncode for child in children] == [0] * 4


def test_a_failed_block_leaves_nothing_behind(database: Database) -> None:
    def half() -> None:
        with database.write() as tx:
            home_facts.put(tx, "half", b"1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with database.read() as tx:
        assert home_facts.get(tx, "half") is None


def test_a_reader_sees_one_state_while_another_writes(database: Database) -> None:
    with database.read() as reading:
        assert home_facts.get(reading, "x") is None
        with database.write() as writing:
            home_facts.put(writing, "x", b"1")
        assert home_facts.get(reading, "x") is None


def test_writers_wait_for_each_other(database: Database) -> None:
    with database.write() as tx:
        home_facts.put(tx, "n", b"0")

    def add_one() -> None:
        for _ in range(5):
            with database.write() as tx:
                before = int(home_facts.get(tx, "n") or b"0")
                home_facts.put(tx, "n", str(before + 1).encode())

    threads = [threading.Thread(target=add_one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        assert home_facts.get(tx, "n") == b"100"


def test_a_postgres_address_needs_no_driver_in_it(empty_postgres_url: str) -> None:
    open_database(empty_postgres_url.replace("+psycopg", "")).close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:hidden@127.0.0.1:1/d", "cannot be used now"),
        ("not an address", "cannot be read"),
        ("postgresql://u:hidden@h:port/d", "cannot be read"),
        ("oracle://u:hidden@h/d", "is not installed"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        open_database(url)
    assert "hidden" not in caught.value.message
