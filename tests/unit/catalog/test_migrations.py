"""Databases of earlier versions, made by the very steps that made them then, with work in flight."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from warehouse_sync.catalog import database as database_module
from warehouse_sync.catalog import high_water, pipelines, runs
from warehouse_sync.catalog.database import open_database
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.pipeline import OnFailedInterval, RunPolicy
from warehouse_sync.domain.run import RunKind, RunRequest, RunState

MIGRATIONS = Path(database_module.__file__).parent / "migrations"
FIRST_VERSION = """
INSERT INTO workspaces VALUES (5328, 'Shop', 1, 1, NULL, '2023-02-01 00:00:00');
INSERT INTO feeds VALUES (1, 5328, 'crm', x'00', x'00', 'Snowflake', 'unbound', 0, '2023-02-01 00:00:00');
INSERT INTO connections VALUES (1, 5328, 'c', 'C', 'snowflake', '{}', 1, 0, '2023-02-01 00:00:00', 'ann', NULL, NULL, NULL);
INSERT INTO data_models VALUES
    (1, 5328, 'm', 'M', 'SELECT 1', 'ts', 'timestamp_ntz', NULL, 0, 1, '2023-02-01 00:00:00', 'ann', NULL, NULL, NULL);
INSERT INTO pipelines (key, workspace_id, id, name, connection_key, data_model_key, partner_feed_id, environment, schedule_interval,
                       schedule_start, is_active, is_draft, active_slot, created_on, created_by)
VALUES (1, 5328, 'p', 'P', 1, 1, 1, 'production', 'hourly', '2023-02-01 00:00:00', 1, 0, 1, '2023-02-01 00:00:00', 'ann'),
       (2, 5328, 'q', 'Q', 1, 1, 1, 'production', 'on_demand', '2023-02-01 00:00:00', 1, 0, 2, '2023-02-01 00:00:00', 'ann');
INSERT INTO runs (id, workspace_id, pipeline_key, environment, run_type, state, logical_date, interval_start, interval_end, attempt,
                  epoch, deaths, holder, lease_until, retry_on, started_on, finished_on, counts, failure_code, failure_message,
                  created_on, created_by)
VALUES (7, 5328, 1, 'production', 'scheduled', 'success', '2023-02-01 00:00:00', '2023-02-01 00:00:00', '2023-02-01 01:00:00', 1, 1,
        0, NULL, NULL, NULL, '2023-02-01 01:00:01', '2023-02-01 01:00:02', '{"extracted": 3, "changed": 3}', NULL, NULL,
        '2023-02-01 01:00:00', 'scheduler'),
       (8, 5328, 1, 'production', 'scheduled', 'running', '2023-02-01 01:00:00', '2023-02-01 01:00:00', '2023-02-01 02:00:00', 2, 5,
        1, 'run-1', '2023-02-01 02:01:00', NULL, '2023-02-01 02:00:01', NULL, NULL, NULL, NULL, '2023-02-01 02:00:00', 'scheduler'),
       (9, 5328, 2, 'production', 'manual', 'failed', '2023-02-01 00:00:00', '2023-02-01 00:00:00', '2023-02-01 03:00:00', 2, 2, 0,
        NULL, NULL, '2023-02-01 03:05:00', '2023-02-01 03:00:01', '2023-02-01 03:00:02', NULL, 'warehouse_dropped', 'lost',
        '2023-02-01 03:00:00', 'ann');
"""
NOW = datetime(2023, 2, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def first_version(tmp_path: Path) -> str:
    """A control database as version 1 left it, its service killed while it executed run 8."""
    url = f"sqlite:///{tmp_path / 'control.db'}"
    engine = sa.create_engine(url)
    with engine.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(tmp_path / "control.db") as connection:
        connection.executescript(FIRST_VERSION)
    connection.close()
    return url


def test_runs_keep_what_they_are(first_version: str) -> None:
    database = open_database(first_version)
    with database.read() as tx:
        done, running, failed = (runs.get(tx, number) for number in (7, 8, 9))
        assert [run.kind for run in (done, running, failed)] == [RunKind.SCHEDULED, RunKind.SCHEDULED, RunKind.MANUAL]
        assert done.counts is not None
        assert done.counts.extracted == 3
        assert (running.state, running.attempt, running.epoch) == (RunState.RUNNING, 2, 5)
        assert high_water.last_success_end(tx, 1) == datetime(2023, 2, 1, 1, tzinfo=UTC)
        assert pipelines.by_key(tx, 1).policy == RunPolicy(on_failed_interval=OnFailedInterval.WAIT)
        assert [run.id for run in runs.due_retries(tx, now=NOW, longest_pause=24 * HOUR)] == [9]
    database.close()


def test_a_run_in_flight_is_finished_by_the_new_version(first_version: str) -> None:
    database = open_database(first_version)
    with database.write() as tx:
        runs.void_leases(tx)
        run = runs.claim_next(tx, holder="new", now=NOW, lease=HOUR)
        assert run is not None
        assert (run.id, run.epoch) == (8, 6)
        assert runs.finish(tx, run, state=RunState.SUCCESS, counts=None, failure=None, now=NOW)
        assert high_water.last_success_end(tx, 1) == datetime(2023, 2, 1, 2, tzinfo=UTC)
    database.close()


def test_numbers_of_runs_go_on_and_constraints_still_decide(first_version: str) -> None:
    database = open_database(first_version)
    taken = RunRequest(RunKind.SCHEDULED, datetime(2023, 2, 1, tzinfo=UTC), Interval(NOW, NOW + HOUR))
    with database.write() as tx:
        assert runs.create(tx, pipelines.by_key(tx, 1), taken, created_by="scheduler", now=NOW) is None
        free = RunRequest(RunKind.MANUAL, NOW, Interval(NOW, NOW + HOUR))
        made = runs.create(tx, pipelines.by_key(tx, 2), free, created_by="ann", now=NOW)
        assert made is not None
        assert made.id == 10
        with pytest.raises(sa.exc.IntegrityError), tx.begin_nested():
            tx.execute(sa.text("UPDATE runs SET run_kind = 'other' WHERE id = 7"))
    database.close()


def test_the_last_attempt_of_finished_runs_is_kept(first_version: str) -> None:
    database = open_database(first_version)
    with database.read() as tx:
        kept = tx.execute(sa.text("SELECT run_id, attempt, failure_code FROM run_attempts ORDER BY run_id")).fetchall()
    assert [tuple(row) for row in kept] == [(7, 1, None), (9, 2, "warehouse_dropped")]
    database.close()
