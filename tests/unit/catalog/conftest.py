"""A real control database per test, and the objects a run needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fixtures.postgres import RunningPostgres, postgres
from warehouse_sync.catalog import connections, data_models, feeds, pipelines, workspaces
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import Pipeline, Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.domain.secret import Secret
from warehouse_sync.security.vault import KeyEncryptionKey, Vault

__all__ = ["postgres"]

NOW = datetime(2023, 2, 8, 0, 5, 31, 230000, tzinfo=UTC)
START = datetime(2023, 2, 1, tzinfo=UTC)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'control.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a control database without rows, of either kind. On PostgreSQL its tables may be there already."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: RunningPostgres = request.getfixturevalue("postgres")
    tables = server.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
    names = ", ".join(name for (name,) in tables if name != "alembic_version")
    if names:  # making them anew for every test would take half of the time of all of them
        server.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    yield server.url(scheme="postgresql+psycopg")


@pytest.fixture
def empty_postgres_url(postgres: RunningPostgres) -> Iterator[str]:
    """The address of a PostgreSQL database without tables."""
    with postgres.database() as name:
        yield postgres.url(name, scheme="postgresql+psycopg")


only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""For what is said of SQLite alone."""


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault([KeyEncryptionKey(bytes(range(32)))])


@pytest.fixture
def definition(database: Database, vault: Vault) -> PipelineDefinition:
    """Workspace 5328 with a feed, a connection and a data model, and a pipeline definition that joins them."""
    with database.write() as tx:
        workspaces.create(tx, workspaces.Workspace(5328, "Shop", 1, 1, NOW))
        feed = feeds.create(tx, feeds.NewFeed(5328, "crm", "Snowflake", "unbound", False, b"k", b"s", NOW))
        connection = connections.create(
            tx,
            workspace_id=5328,
            id="crm",
            name="CRM",
            address=WarehouseAddress("snowflake", {"user": "u"}, {"password": Secret("hunter2")}),
            is_active=True,
            vault=vault,
            now=NOW,
            by="ann",
        )
        model = data_models.create(
            tx,
            workspace_id=5328,
            id="scores",
            name="Scores",
            sql_query="SELECT 1",
            load_timestamp=LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ),
            is_active=True,
            now=NOW,
            by="ann",
        )
    return PipelineDefinition(
        name="P",
        connection_key=connection.key,
        data_model_key=model.key,
        partner_feed_id=feed.id,
        environment=Environment.DEVELOPMENT,
        schedule=Schedule(ScheduleInterval.ON_DEMAND, START),
        is_active=True,
        is_draft=False,
    )


@pytest.fixture
def pipeline(database: Database, definition: PipelineDefinition) -> Pipeline:
    with database.write() as tx:
        return pipelines.create(tx, 5328, "p", definition, max_active=5, now=NOW, by="ann")
