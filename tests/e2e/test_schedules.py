"""Scheduled pipelines on the real service: missed intervals are caught up, one run each, in order."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.fixtures.service import WORKSPACE, RunningService, prepare_home, running_service


def test_an_hourly_pipeline_catches_up_one_run_per_missed_interval(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    start = (now - timedelta(hours=5, minutes=1)).replace(second=0, microsecond=0)
    make_shop(tmp_path, [start + timedelta(minutes=minutes) for minutes in range(0, 301, 30)])
    access = prepare_home(tmp_path / "home")
    with running_service(tmp_path / "home", access, duckdb_root=str(tmp_path)) as service:
        make_pipeline(service, access.feed_id, schedule_interval="hourly", schedule_start_time=text(start))
        runs = wait_for_runs(service, 5)
        status = service.workspace.get("pipelines/p/status")
    assert [run["data_interval_start"] for run in runs] == [text(start + timedelta(hours=hour)) for hour in range(5)]
    assert [run["data_interval_end"] for run in runs] == [text(start + timedelta(hours=hour + 1)) for hour in range(5)]
    assert [run["records_extracted"] for run in runs] == [2] * 5  # a row on the hour belongs to the later interval
    assert {run["pipeline_run_type"] for run in runs} == {"scheduled"}
    assert [run["pipeline_run_id"] for run in runs] == sorted(run["pipeline_run_id"] for run in runs)
    assert status["next_run_at"] == text(start + timedelta(hours=6))


def test_a_pipeline_that_begins_thirty_days_back_reads_seven_and_says_what_it_skips(tmp_path: Path) -> None:
    """168 hours are due at once. That all of them run is shown without a warehouse in ``unit/scheduler/test_runner.py``."""
    now = datetime.now(UTC)
    start = (now - timedelta(days=30, minutes=1)).replace(second=0, microsecond=0)
    first = start + timedelta(days=23)
    make_shop(tmp_path, [start, first, first + timedelta(minutes=59)])
    access = prepare_home(tmp_path / "home")
    verbs = f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/p"
    with running_service(tmp_path / "home", access, duckdb_root=str(tmp_path)) as service:
        schedule = {"schedule_interval": "hourly", "schedule_start_time": text(start), "is_active": False}
        make_pipeline(service, access.feed_id, **schedule)
        ahead = service.client.call("GET", f"{verbs}/schedule", query={"count": 200})
        due = [interval for interval in ahead["intervals"] if interval["due_at"] <= text(now)]
        assert (len(due), due[0]["start"], due[-1]["end"]) == (168, text(first), text(first + timedelta(days=7)))
        assert ahead["skipped_interval"] == {"start": text(start), "end": text(first)}
        service.client.call("POST", f"{verbs}/resume")
        runs = wait_for_runs(service, 2, all_of_them=False)
        status = service.workspace.get("pipelines/p/status")
    assert [(run["data_interval_start"], run["records_extracted"]) for run in runs[:2]] == [
        (text(first), 2),
        (text(first + timedelta(hours=1)), 0),
    ]
    assert status["skipped_interval"] == ahead["skipped_interval"]  # it lies behind now, and stays to be seen
    assert status["synced_until"] >= text(first + timedelta(hours=2))


def test_a_pipeline_that_runs_once_reads_everything_up_to_its_creation(tmp_path: Path) -> None:
    make_shop(tmp_path, [datetime(1999, 1, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(minutes=1)])
    access = prepare_home(tmp_path / "home")
    with running_service(tmp_path / "home", access, duckdb_root=str(tmp_path)) as service:
        make_pipeline(service, access.feed_id, schedule_interval="once")
        [run] = wait_for_runs(service, 1)
        time.sleep(1.5)
        assert len(service.workspace.get("pipelines/p/status/runs")["items"]) == 1
    assert run["data_interval_start"] == "0001-01-01T00:00:00Z"
    assert run["records_extracted"] == 2


def wait_for_runs(
    service: RunningService, count: int, seconds: float = 60, *, all_of_them: bool = True
) -> list[dict[str, Any]]:
    """The successful runs, oldest interval first, once there are so many and, where it matters, no others."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        runs = service.workspace.get("pipelines/p/status/runs")["items"]
        done = [run for run in runs if run["pipeline_run_state"] == "success"]
        if len(done) >= count and (len(done) == len(runs) or not all_of_them):
            return sorted(done, key=lambda run: str(run["logical_date"]))
        time.sleep(0.2)
    raise AssertionError(f"not {count} successful runs after {seconds} s: {runs}\n{''.join(service.log)}")


def make_shop(folder: Path, stamps: list[datetime]) -> None:
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE customers (customer_id VARCHAR, updated_at TIMESTAMP)")
        for number, stamp in enumerate(stamps):
            connection.execute("INSERT INTO customers VALUES (?, ?)", [f"c-{number}", stamp.replace(tzinfo=None)])


def make_pipeline(service: RunningService, feed_id: int, **schedule: Any) -> None:
    common = {"workspace_id": WORKSPACE}
    create = service.workspace.create
    create("connections", {**common, "id": "c", "name": "c", "type": "duckdb", "database": "shop.duckdb"})
    create(
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
    create(
        "pipelines",
        {
            **common,
            "id": "p",
            "name": "p",
            "connection_id": "c",
            "data_model_id": "m",
            "partner_feed_id": feed_id,
            "environment": "development",
            **schedule,
        },
    )


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
