"""The service's numbers: who may read them, what they say, and that hostile requests do not make them grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from warehouse_sync.catalog import pipelines, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import RunCounts, RunKind, RunRequest, RunState
from warehouse_sync.metrics import MOST_PIPELINES, Metrics, PipelineFacts, Snapshot

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
TEMPLATE = BASE.replace("5328", "{workspaceId}")


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((f"warehouse_sync_{name}", frozenset(labels.items())))


def asked(plane: Any) -> str:
    answer = plane.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return str(answer.text)


def test_only_who_reads_all_workspaces_sees_numbers_about_all_of_them(plane: Any) -> None:
    assert plane.client.get("/metrics", headers=plane.headers("user")).status_code == 200
    for permission, workspaces in (("profile", None), ("user", [5328]), ("admin", [5328])):
        assert plane.client.get("/metrics", headers=plane.headers(permission, workspaces)).status_code == 403
    del plane.client.headers["Authorization"]
    assert plane.client.get("/metrics").status_code == 401


def test_requests_are_counted_by_template_and_status(plane: Any) -> None:
    for _ in range(3):
        plane.client.get(f"{BASE}/connections/nothing-{_}")
    plane.client.get("/oauth/token")
    del plane.client.headers["Authorization"]
    plane.client.get(f"{BASE}/connections/x")
    plane.client.headers.update(plane.headers())
    text = asked(plane)
    one = f"{TEMPLATE}/connections/{{connectionId}}"
    assert value(text, "api_requests_total", method="GET", route=one, status="404") == 3
    assert value(text, "api_request_duration_seconds_count", method="GET", route=one) == 3
    assert value(text, "api_requests_total", method="GET", route="none", status="401") == 1
    assert value(text, "info", version="1") == 1


def test_hostile_requests_make_no_new_labels(plane: Any) -> None:
    plane.client.request("GET", f"{BASE}/connections/first")
    plane.client.request("BREW", "/first")
    before = len(samples(asked(plane)))
    for number in range(50):
        plane.client.get(f"{BASE}/connections/id-{number}")
        plane.client.get(f"/nowhere/{number}")
        plane.client.request(f"M{number}", f"/{number}")
    assert (
        len(samples(asked(plane))) <= before + 60
    )  # the buckets of a method and a template that had not been asked before


def test_runs_and_pipelines_as_they_stand(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model(load_timestamp_field_time_offset=0)
    plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body())
    start, now = datetime(2023, 2, 7, 23, 5, tzinfo=UTC), plane.clock.now()
    labels = {"workspace": "5328", "pipeline": "crm-pipeline"}
    assert value(asked(plane), "pipeline_behind_seconds", **labels) is None
    with plane.database.write() as tx:
        request = RunRequest(RunKind.SCHEDULED, start, Interval(start, start + timedelta(hours=1)))
        runs.create(tx, pipelines.find(tx, 5328, "crm-pipeline"), request, created_by="scheduler", now=now)
    text = asked(plane)
    assert value(text, "queue_length") == 1
    assert value(text, "runs_unfinished", kind="scheduled", state="queued") == 1
    with plane.database.write() as tx:
        run = runs.claim_next(tx, holder="a", now=now, lease=timedelta(minutes=1))
        runs.finish(tx, run, state=RunState.SUCCESS, counts=RunCounts(), failure=None, now=now)
    plane.clock.advance(timedelta(minutes=30))
    text = asked(plane)
    assert value(text, "queue_length") == 0
    behind = (plane.clock.now() - start - timedelta(hours=1)).total_seconds()
    assert value(text, "pipeline_behind_seconds", **labels) == behind
    assert value(text, "pipeline_stale", **labels) == 0
    plane.clock.advance(timedelta(hours=2))
    assert value(asked(plane), "pipeline_stale", **labels) == 1


def test_counters_say_what_they_were_told() -> None:
    metrics = Metrics("2.0")
    metrics.run_ended(RunKind.BACKFILL, "success", seconds=2)
    metrics.run_ended(RunKind.BACKFILL, "retry")
    metrics.rows_read(RunCounts(extracted=5, rejected=1, changed=3, unchanged=1))
    metrics.lease_lost()
    metrics.step_failed("planner")
    metrics.step_ended("planner")
    text = metrics.text(Snapshot({}, ())).decode()
    assert value(text, "runs_total", kind="backfill", result="success") == 1
    assert value(text, "runs_total", kind="backfill", result="retry") == 1
    assert value(text, "run_duration_seconds_sum", kind="backfill", result="success") == 2
    assert [value(text, "rows_total", outcome=outcome) for outcome in ("extracted", "mapped", "rejected")] == [5, 4, 1]
    assert value(text, "lease_losses_total") == 1
    assert value(text, "scheduler_step_failures_total", thread="planner") == 1
    assert (value(text, "scheduler_last_step_timestamp_seconds", thread="planner") or 0) > 1e9
    assert "process_resident_memory_bytes" in text


def test_pipelines_beyond_the_most_are_only_counted() -> None:
    facts = tuple(PipelineFacts(1, f"p{number}", 1.0, False) for number in range(MOST_PIPELINES + 7))
    text = Metrics().text(Snapshot({}, facts)).decode()
    assert value(text, "pipelines_not_shown") == 7
    assert text.count("warehouse_sync_pipeline_stale{") == MOST_PIPELINES
