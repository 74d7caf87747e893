"""The verbs of an operator: pause and resume, cancel, read again. What each does while a run waits or is executed (figure R26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warehouse_sync.catalog import pipelines, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import Run, RunCounts, RunFailure, RunKind, RunRequest, RunState

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ONE = f"{BASE}/pipelines/crm-pipeline"
VERBS = "/platform/extensions/workspaces/5328/pipelines/crm-pipeline"
LEASE = timedelta(minutes=1)
LOST = RunFailure("warehouse_dropped", "The connection was lost.")
HOUR = timedelta(hours=1)
FIRST = datetime(2023, 2, 7, 22, 5, tzinfo=UTC)


def _create(plane: Any, start: datetime, kind: RunKind = RunKind.SCHEDULED) -> Run:
    request = RunRequest(kind, start, Interval(start, start + HOUR))
    with plane.database.write() as tx:
        pipeline = pipelines.find(tx, 5328, "crm-pipeline")
        made = runs.create(tx, pipeline, request, created_by="scheduler", now=plane.clock.now())
    assert made is not None
    return made


def _claim(plane: Any) -> Run | None:
    with plane.database.write() as tx:
        return runs.claim_next(tx, holder="a", now=plane.clock.now(), lease=LEASE)


def _finish(plane: Any, run: Run, failure: RunFailure | None = None, retry_on: datetime | None = None) -> bool:
    state = RunState.SUCCESS if failure is None else RunState.FAILED
    with plane.database.write() as tx:
        return runs.finish(
            tx, run, state=state, counts=RunCounts(), failure=failure, now=plane.clock.now(), retry_on=retry_on
        )


def _read(plane: Any, start: datetime = FIRST) -> Run:
    """One hour that was read with success."""
    _create(plane, start)
    run = _claim(plane)
    assert run is not None
    assert _finish(plane, run)
    return run


def _hourly(plane: Any, **changes: Any) -> None:
    plane.with_connection()
    plane.with_data_model(load_timestamp_field_time_offset=0)
    answer = plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body(**changes))
    assert answer.status_code == 200, answer.text


def _run(plane: Any, run_id: int) -> dict[str, Any]:
    return plane.client.get(f"{ONE}/status/runs/{run_id}").json()


def _post(plane: Any, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = plane.client.post(f"{VERBS}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.json()["errors"][0]


# --- cancel ------------------------------------------------------------------------------------------------------------------------


def test_a_waiting_run_is_cancelled_at_once(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    assert _post(plane, f"runs/{run_id}/cancel") == {"pipeline_run_id": run_id, "status": "cancelled"}
    run = _run(plane, run_id)
    assert (run["pipeline_run_state"], run["failure"]["code"]) == ("failed", "cancelled")
    assert "by ci" in run["failure"]["message"]
    assert run["cancel_requested_on"] is not None
    assert _claim(plane) is None
    again = plane.client.post(ONE)  # what it would have read comes with the next trigger
    assert again.status_code == 200
    assert _run(plane, again.json()["pipeline_run_id"])["data_interval_start"] == run["data_interval_start"]


def test_the_holder_of_a_running_run_is_asked_to_stop(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    _claim(plane)
    for _ in range(2):  # asking again changes nothing
        assert _post(plane, f"runs/{run_id}/cancel")["status"] == "cancel_requested"
    run = _run(plane, run_id)
    assert run["pipeline_run_state"] == "running"
    assert run["cancel_requested_on"] is not None


def test_a_run_that_waits_to_be_tried_again_is_not_tried_again_once_it_is_cancelled(plane: Any) -> None:
    _hourly(plane)
    _create(plane, FIRST)
    run = _claim(plane)
    assert run is not None
    _finish(plane, run, LOST, retry_on=plane.clock.now())
    assert _post(plane, f"runs/{run.id}/cancel")["status"] == "cancelled"
    with plane.database.read() as tx:
        assert runs.due_retries(tx, now=plane.clock.now() + HOUR, longest_pause=24 * HOUR) == []
    shown = _run(plane, run.id)
    assert shown["failure"]["code"] == "cancelled"
    assert [found["failure"]["code"] for found in shown["attempts"]] == ["warehouse_dropped"]


@pytest.mark.parametrize("failure", [None, LOST])
def test_what_has_ended_cannot_be_cancelled(plane: Any, failure: RunFailure | None) -> None:
    _hourly(plane)
    _create(plane, FIRST)
    run = _claim(plane)
    assert run is not None
    _finish(plane, run, failure)
    refused = _post(plane, f"runs/{run.id}/cancel", status=400)
    assert (refused["code"], refused["field"]) == ("not_cancellable", "pipelineRunId")


def test_a_cancelled_interval_waits_until_it_is_run_again(plane: Any) -> None:
    _hourly(plane)
    _read(plane)
    made = _create(plane, FIRST + HOUR)
    _post(plane, f"runs/{made.id}/cancel")
    status = plane.client.get(f"{ONE}/status").json()
    assert (status["state"], status["synced_until"]) == ("blocked", "2023-02-07T23:05:00Z")
    assert status["failed_intervals"] == [
        {
            "start": "2023-02-07T23:05:00Z",
            "end": "2023-02-08T00:05:00Z",
            "pipeline_run_id": made.id,
            "code": "cancelled",
            "blocks": True,
        }
    ]
    _post(plane, f"runs/{made.id}/run-again")
    shown = _run(plane, made.id)
    assert (shown["pipeline_run_state"], shown["cancel_requested_on"], shown["attempt"]) == ("queued", None, 2)


# --- attempts ----------------------------------------------------------------------------------------------------------------------


def test_every_attempt_is_remembered_with_its_reason(plane: Any) -> None:
    _hourly(plane)
    made = _create(plane, FIRST)
    retry_on = plane.clock.now() + timedelta(seconds=40)
    for failure, when in ((LOST, retry_on), (RunFailure("warehouse_query", "No such table."), None)):
        run = _claim(plane)
        assert run is not None
        _finish(plane, run, failure, when)
        plane.clock.advance(timedelta(minutes=1))
        with plane.database.write() as tx:
            assert runs.retry(tx, runs.get(tx, made.id)) is not None
    run = _claim(plane)
    assert run is not None
    _finish(plane, run)
    found = _run(plane, made.id)["attempts"]
    assert [(each["attempt"], each["failure"] and each["failure"]["code"], each["retry_on"]) for each in found] == [
        (3, None, None),
        (2, "warehouse_query", None),
        (1, "warehouse_dropped", "2023-02-08T00:06:11Z"),
    ]
    assert [each["started_on"] for each in found] == [
        "2023-02-08T00:07:31Z", "2023-02-08T00:06:31Z", "2023-02-08T00:05:31Z",
    ]  # fmt: skip


# --- pause and resume --------------------------------------------------------------------------------------------------------------


def test_a_paused_pipeline_lets_its_running_run_end_and_begins_no_other(plane: Any) -> None:
    plane.on_demand()
    plane.client.post(ONE)
    run = _claim(plane)
    assert run is not None
    assert _post(plane, "pause")["state"] == "running"
    assert _finish(plane, run)
    assert plane.client.get(ONE).json()["state"] == "paused"
    assert plane.client.post(ONE).json()["errors"][0]["code"] == "not_triggerable"


def test_what_waits_goes_on_waiting_while_the_pipeline_is_paused(plane: Any) -> None:
    plane.on_demand()
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    paused = _post(plane, "pause")
    assert (paused["state"], paused["is_active"]) == ("paused", False)
    assert f"Run {run_id} waits until then." in paused["explanation"]
    assert _claim(plane) is None
    resumed = _post(plane, "resume")
    assert (resumed["state"], resumed["is_active"]) == ("queued", True)
    claimed = _claim(plane)
    assert claimed is not None
    assert claimed.id == run_id


@pytest.mark.parametrize(("kind", "name"), [("connections", "crm-connection"), ("data-models", "propensity-model")])
def test_what_waits_goes_on_waiting_while_what_it_uses_is_paused(plane: Any, kind: str, name: str) -> None:
    plane.on_demand()
    plane.client.post(ONE)
    url = f"{BASE}/{kind}/{name}"
    body = plane.client.get(url).json()
    assert plane.client.put(url, json=body | {"is_active": False}).status_code == 200
    assert _claim(plane) is None
    assert plane.client.put(url, json=body | {"is_active": True}).status_code == 200
    assert _claim(plane) is not None


def test_a_draft_lets_its_running_run_end(plane: Any) -> None:
    plane.on_demand()
    plane.client.post(ONE)
    run = _claim(plane)
    assert run is not None
    body = plane.client.get(ONE).json()
    assert plane.client.put(ONE, json=body | {"is_draft": True}).status_code == 200
    assert _finish(plane, run)
    assert _run(plane, run.id)["pipeline_run_state"] == "success"


def test_resuming_clears_the_fault_and_runs_the_blocking_interval_again(plane: Any) -> None:
    _hourly(plane)
    _read(plane)
    made = _create(plane, FIRST + HOUR)
    run = _claim(plane)
    assert run is not None
    _finish(plane, run, RunFailure("warehouse_query", "No such table."))
    with plane.database.write() as tx:
        pipelines.set_fault(tx, run.pipeline_key, "No such table.")
    assert plane.client.get(ONE).json()["state"] == "faulted"
    resumed = _post(plane, "resume")
    assert (resumed["state"], resumed["is_faulted"]) == ("queued", False)
    assert _run(plane, made.id)["attempt"] == 2
    assert _post(plane, "resume")["state"] == "queued"  # nothing is left to do
    assert _run(plane, made.id)["attempt"] == 2


def test_pausing_and_resuming_ask_no_warehouse_and_are_audited(plane: Any) -> None:
    _hourly(plane)
    probed = len(plane.warehouse.probed)
    for verb in ("pause", "pause", "resume"):
        _post(plane, verb)
    assert len(plane.warehouse.probed) == probed
    entries = plane.client.get("/platform/extensions/workspaces/5328/audit").json()["items"]
    assert [entry["action"] for entry in entries if entry["object_id"] == "crm-pipeline"] == [
        "resume", "pause", "create",
    ]  # fmt: skip


def test_a_draft_is_not_resumed(plane: Any) -> None:
    _hourly(plane, is_draft=True)
    assert _post(plane, "resume", status=400)["field"] == "is_draft"


def test_a_sixth_active_pipeline_is_not_resumed(plane: Any) -> None:
    _hourly(plane, is_active=False)
    for number in range(5):
        assert plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body(id=f"p{number}")).status_code == 200
    assert _post(plane, "resume", status=400)["code"] == "too_many_active_pipelines"


# --- deleting ----------------------------------------------------------------------------------------------------------------------


def test_deleting_a_pipeline_asks_its_running_run_to_stop(plane: Any) -> None:
    plane.on_demand()
    plane.client.post(ONE)
    run = _claim(plane)
    assert run is not None
    assert plane.client.delete(ONE).status_code == 204
    with plane.database.read() as tx:
        asked = runs.get(tx, run.id)
    assert (asked.state, asked.cancel_requested_by) == (RunState.RUNNING, "ci")
    assert plane.client.delete(f"{BASE}/connections/crm-connection").status_code == 204
    assert plane.client.delete(f"{BASE}/data-models/propensity-model").status_code == 204
    assert _finish(plane, run, RunFailure("cancelled", "x"))  # its holder can still say so


# --- reading again -----------------------------------------------------------------------------------------------------------------


def test_a_resync_reads_everything_again_and_moves_nothing(plane: Any) -> None:
    _hourly(plane, schedule_start_time="2023-02-01T00:05:00Z")
    for hour in range(2):
        _read(plane, FIRST + hour * HOUR)
    before = plane.client.get(ONE).json()
    run_id = _post(plane, "resync")["pipeline_run_id"]
    made = _run(plane, run_id)
    assert (made["run_kind"], made["pipeline_run_type"], made["is_externally_triggered"]) == ("resync", "manual", True)
    assert (made["data_interval_start"], made["data_interval_end"]) == ("2023-02-01T00:05:00Z", "2023-02-08T00:05:00Z")
    for _ in range(2):  # it can be repeated
        run = _claim(plane)
        assert run is not None
        assert _finish(plane, run)
        _post(plane, "resync")
    after = plane.client.get(ONE).json()
    assert after["next_intervals"] == before["next_intervals"]
    status = plane.client.get(f"{ONE}/status").json()
    assert status["synced_until"] == "2023-02-08T00:05:00Z"
    assert status["latest_pipeline_run"]["run_kind"] == "scheduled"


def test_a_resync_of_a_pipeline_without_a_lower_bound_has_none(plane: Any) -> None:
    _hourly(plane, schedule_interval="once")
    _read(plane)
    made = _run(plane, _post(plane, "resync")["pipeline_run_id"])
    assert made["data_interval_start"] == "0001-01-01T00:00:00Z"


def test_a_resync_begins_no_later_than_reading_did_although_the_schedule_was_moved(plane: Any) -> None:
    _hourly(plane, schedule_start_time="2023-02-07T22:05:00Z")
    _read(plane)
    body = plane.client.get(ONE).json()
    later = body | {"schedule_start_time": "2023-03-01T00:00:00Z"}
    assert plane.client.put(ONE, json=later).status_code == 200
    made = _run(plane, _post(plane, "resync")["pipeline_run_id"])
    assert (made["data_interval_start"], made["data_interval_end"]) == ("2023-02-07T22:05:00Z", "2023-02-07T23:05:00Z")


def test_a_backfill_reads_a_range_on_no_grid(plane: Any) -> None:
    _hourly(plane)
    _read(plane)
    body = {"start_time": "2022-01-01T00:00:07Z", "end_time": "2023-02-07T23:04:59+00:00"}
    made = _run(plane, _post(plane, "backfill", body)["pipeline_run_id"])
    assert (made["run_kind"], made["data_interval_start"], made["data_interval_end"]) == (
        "backfill", "2022-01-01T00:00:07Z", "2023-02-07T23:04:59Z",
    )  # fmt: skip
    busy = _post(plane, "backfill", body, status=400)
    assert (busy["code"], busy["pipeline_run_id"]) == ("busy", made["pipeline_run_id"])


@pytest.mark.parametrize(
    ("start", "end", "field", "code"),
    [
        ("2023-02-07T23:00:00Z", "2023-02-07T22:00:00Z", "end_time", "invalid_range"),
        ("2023-02-07T22:00:00Z", "2023-02-07T22:00:00Z", "end_time", "invalid_range"),
        ("2023-02-07T22:00:00Z", "2023-02-07T23:05:01Z", "end_time", "invalid_range"),
        ("2023-02-07T22:00:00Z", "2099-01-01T00:00:00Z", "end_time", "invalid_range"),
        ("yesterday", "2023-02-07T22:00:00Z", "start_time", "invalid_request"),
        ("2023-02-07T22:00:00Z", "", "end_time", "invalid_request"),
    ],
)
def test_ranges_that_cannot_be_read_again(plane: Any, start: str, end: str, field: str, code: str) -> None:
    _hourly(plane)
    _read(plane)
    refused = _post(plane, "backfill", {"start_time": start, "end_time": end}, status=400)
    assert (refused["field"], refused["code"]) == (field, code)


def test_a_verification_compares_what_was_read_or_a_part_of_it(plane: Any) -> None:
    _hourly(plane)
    _read(plane)
    for body, kind, start, end in (
        ({}, "verify", "2023-02-07T22:05:00Z", "2023-02-07T23:05:00Z"),
        (
            {"repair": True, "start_time": "2023-02-07T22:10:00Z"},
            "repair",
            "2023-02-07T22:10:00Z",
            "2023-02-07T23:05:00Z",
        ),
        ({"end_time": "2023-02-07T22:06:00+00:00"}, "verify", "2023-02-07T22:05:00Z", "2023-02-07T22:06:00Z"),
    ):
        made = _run(plane, _post(plane, "verify", body)["pipeline_run_id"])
        assert (made["run_kind"], made["data_interval_start"], made["data_interval_end"]) == (kind, start, end)
        assert made["verification"] == {
            "rows_compared": 0, "rows_missing": 0, "rows_different": 0, "rows_extra": None,
            "samples_missing": [], "samples_different": [], "samples_extra": [],
        }  # fmt: skip
        run = _claim(plane)
        assert run is not None
        assert run.finds_extra is (end == "2023-02-07T23:05:00Z")
        assert _finish(plane, run)
    assert plane.client.get(f"{ONE}/status").json()["synced_until"] == "2023-02-07T23:05:00Z"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"start_time": "2023-02-07T22:04:59Z"}, "start_time", "invalid_range"),
        ({"end_time": "2023-02-07T23:05:01Z"}, "end_time", "invalid_range"),
        ({"start_time": "2023-02-07T23:00:00Z", "end_time": "2023-02-07T23:00:00Z"}, "end_time", "invalid_range"),
        ({"start_time": "2023-02-07T23:00:00Z", "end_time": "2023-02-07T22:30:00Z"}, "end_time", "invalid_range"),
        ({"end_time": "soon"}, "end_time", "invalid_request"),
        ({"repair": "yes"}, "repair", "invalid_request"),
    ],
)
def test_what_cannot_be_verified(plane: Any, body: dict[str, Any], field: str, code: str) -> None:
    _hourly(plane)
    _read(plane)
    refused = _post(plane, "verify", body, status=400)
    assert (refused["field"], refused["code"]) == (field, code)


def test_nothing_is_read_again_before_something_was_read(plane: Any) -> None:
    _hourly(plane)
    body = {"start_time": "2022-01-01T00:00:00Z", "end_time": "2022-02-01T00:00:00Z"}
    assert _post(plane, "backfill", body, status=400)["code"] == "nothing_read_yet"
    assert _post(plane, "resync", status=400)["code"] == "nothing_read_yet"
    assert _post(plane, "verify", {}, status=400)["code"] == "nothing_read_yet"


@pytest.mark.parametrize("verb", ["resync", "backfill"])
def test_a_paused_pipeline_reads_nothing_again(plane: Any, verb: str) -> None:
    _hourly(plane)
    _read(plane)
    _post(plane, "pause")
    body = {"start_time": "2022-01-01T00:00:00Z", "end_time": "2022-02-01T00:00:00Z"}
    assert _post(plane, verb, body, status=400)["code"] == "not_triggerable"
