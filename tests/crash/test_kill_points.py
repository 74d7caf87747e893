"""Killed at every named commit point, the service comes back and every profile is as if nothing had happened (R1)."""

from __future__ import annotations

import shutil
import signal
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service
from warehouse_sync.crashpoints import VARIABLE as CRASH_VARIABLE
from warehouse_sync.domain.environment import Environment

pytestmark = pytest.mark.crash

POINTS = [
    "run_claimed",
    "epoch_raised",
    "probe_stored",
    "fetch_complete",
    "chunk_before_commit",
    "chunk_after_commit",
    "chunk_before_commit:3",
    "chunk_after_commit:3",
    "before_run_finished",
    "run_finished",
    "spool_removed",
]
ROWS = 2_000
CHUNK_ROWS = 400


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder with a shop and a home that has a pipeline on it, to be copied; and what its stores hold after an undisturbed run."""

    folder: Path
    access: Access
    undisturbed: dict[str, Any]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("prepared")
    access = prepare_home(folder / "home")
    make_shop(folder)
    with serving(folder, access) as service:
        make_pipeline(service, access)
    reference = tmp_path_factory.mktemp("undisturbed") / "copy"
    shutil.copytree(folder, reference)
    with serving(reference, access) as service:
        assert service.run("p")["pipeline_run_state"] == "success"
    return Prepared(folder, access, contents(reference))


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_service_finishes_its_run(point: str, tmp_path: Path, prepared: Prepared) -> None:
    folder, access = tmp_path / "copy", prepared.access
    shutil.copytree(prepared.folder, folder)
    with serving(folder, access, crash_at=point) as service:
        run_id = service.workspace.trigger("p")
        assert service.wait_for_death() == -signal.SIGKILL
    with serving(folder, access) as service:
        run = service.wait_for_run("p", run_id)
        assert run["pipeline_run_state"] == "success"
        assert run["records_extracted"] == ROWS
        assert run["records_mapped"] + run["records_rejected"] == ROWS
        again = service.run("p")
        assert again["records_extracted"] == 0
    assert contents(folder) == prepared.undisturbed
    assert list((folder / "home" / "spool").glob("*")) == []


def serving(folder: Path, access: Access, *, crash_at: str | None = None) -> AbstractContextManager[RunningService]:
    more = {CRASH_VARIABLE: crash_at} if crash_at else {}
    settings = {"duckdb_root": str(folder), "chunk_rows": str(CHUNK_ROWS)}
    return running_service(folder / "home", access, more=more, **settings)


def make_shop(folder: Path) -> None:
    """Customers with several rows each, people who share an e-mail, and rows without identity."""
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            f"""CREATE TABLE customers AS
                SELECT CASE WHEN i % 50 <> 0 THEN 'c-' || (i % 700) END AS customer_id,
                       CASE WHEN i % 90 <> 0 THEN 'p' || (i % 300) || '@example.com' END AS email,
                       i AS score, 'name ' || i AS name, ['a', 'b' || i] AS tags,
                       TIMESTAMP '2026-01-01' + INTERVAL (i * 7919 % 5000) SECOND AS updated_at
                FROM range({ROWS}) r(i)"""
        )


def make_pipeline(service: RunningService, access: Access) -> None:
    workspace = service.workspace
    common = {"workspace_id": WORKSPACE}
    workspace.create("connections", {**common, "id": "c", "name": "c", "type": "duckdb", "database": "shop.duckdb"})
    workspace.create(
        "data-models",
        {
            **common,
            "id": "m",
            "name": "m",
            "type": "sql",
            "sql_query": "SELECT * FROM customers",
            "load_timestamp_field_name": "updated_at",
            "load_timestamp_field_type": "timestamp_ntz",
        },
    )
    workspace.create(
        "pipelines",
        {
            **common,
            "id": "p",
            "name": "p",
            "connection_id": "c",
            "data_model_id": "m",
            "partner_feed_id": access.feed_id,
            "schedule_interval": "on_demand",
            "schedule_start_time": datetime(2026, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "environment": "development",
        },
    )


def contents(folder: Path) -> dict[str, Any]:
    """Everything that says who is who and what is known of them, without the numbers of runs."""
    path = folder / "home" / "profiles" / f"{WORKSPACE}-{Environment.DEVELOPMENT}.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            table: connection.execute(query).fetchall()
            for table, query in {
                "profiles": "SELECT profile FROM profiles ORDER BY ALL",
                "identities": "SELECT profile, type, value, seq FROM identities ORDER BY ALL",
                "lookup": "SELECT h, profile FROM lookup ORDER BY ALL",
                "rows": "SELECT * EXCLUDE (run) FROM m_1 ORDER BY ALL",
                "history": "SELECT profile, load_ts, seq FROM h_1 ORDER BY ALL",
                "recency": "SELECT * FROM recency ORDER BY ALL",
                "rejects": "SELECT reason, rows FROM reject_counts ORDER BY ALL",
                "counters": "SELECT * FROM counters",
            }.items()
        }
