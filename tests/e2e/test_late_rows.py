"""Rows that come late, on the real service (figure R23): within the settle delay read in time, later found by the next run."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from tests.e2e.test_schedules import make_pipeline, make_shop, text, wait_for_runs
from tests.fixtures.service import WORKSPACE, prepare_home, running_service

SETTLE_SECONDS = 6


def test_late_rows_are_applied_and_counted(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ends_on = now - timedelta(seconds=1)
    make_shop(tmp_path, [now - timedelta(minutes=30)])
    access = prepare_home(tmp_path / "home")
    settings = {"duckdb_root": str(tmp_path), "settle_delay_seconds": str(SETTLE_SECONDS)}
    with running_service(tmp_path / "home", access, **settings) as service:
        # An interval has ended, and a row of it is committed after that, before the settle delay is over.
        insert(tmp_path, "within", ends_on - timedelta(seconds=1))
        start = text(ends_on - timedelta(hours=1))
        make_pipeline(service, access.feed_id, schedule_interval="hourly", schedule_start_time=start)
        [run] = wait_for_runs(service, 1)
        assert (run["records_extracted"], run["records_late"]) == (2, 0)
        assert run["start_date"] >= text(ends_on + timedelta(seconds=SETTLE_SECONDS))

        # On demand: the row comes after its interval was read, two others can never be read.
        policy = {"repair_late_rows": True, "count_unread_rows": True}
        body = {
            "id": "q",
            "name": "q",
            "workspace_id": WORKSPACE,
            "connection_id": "c",
            "data_model_id": "m",
            "partner_feed_id": access.feed_id,
            "environment": "production",
            "schedule_interval": "on_demand",
            "schedule_start_time": text(now - timedelta(days=1)),
        }
        service.workspace.create("pipelines", body | policy)
        first = service.run("q")
        assert (first["records_extracted"], first["unread_rows"]) == (2, {"without_load_timestamp": 0, "in_future": 0})
        insert(tmp_path, "late", now - timedelta(hours=3))
        insert(tmp_path, "never", None)
        insert(tmp_path, "in a century", now + timedelta(days=36_500))
        time.sleep(1)  # an interval of no length reads nothing
        second = service.run("q")
        assert (second["records_extracted"], second["records_late"]) == (1, 1)
        assert second["unread_rows"] == {"without_load_timestamp": 1, "in_future": 1}
        assert second["data_interval_end"] <= text(datetime.now(UTC))  # nothing drags progress forward
        time.sleep(1)
        assert service.run("q")["records_extracted"] == 0
        assert service.resolve("customer_id", "late", "production")["mpid"]


def insert(folder: Path, customer: str, stamp: datetime | None) -> None:
    with duckdb.connect(str(folder / "shop.duckdb")) as shop:
        naive = None if stamp is None else stamp.replace(tzinfo=None)
        shop.execute("INSERT INTO customers VALUES (?, ?)", [customer, naive])
