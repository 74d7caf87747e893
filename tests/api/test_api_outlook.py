"""One word, one sentence and the next intervals of a pipeline (specification §8 items 12, 13 and 17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warehouse_sync.catalog import connections, pipelines, runs
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import RunCounts, RunFailure, RunKind, RunRequest, RunState

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ONE = f"{BASE}/pipelines/crm-pipeline"
EXTENSIONS = "/platform/extensions/workspaces/5328/pipelines/crm-pipeline"
RUN_AGAIN = EXTENSIONS + "/runs/{}/run-again"
LEASE = timedelta(minutes=1)


def _outlook(plane: Any) -> dict[str, Any]:
    return plane.client.get(ONE).json()


def _change(plane: Any, **changes: Any) -> None:
    assert plane.client.put(ONE, json=_outlook(plane) | changes).status_code == 200


def _run(plane: Any, start: datetime, state: RunState, *, retry_on: datetime | None = None) -> int:
    """A scheduled run of one hour that came to an end."""
    now = plane.clock.now()
    request = RunRequest(RunKind.SCHEDULED, start, Interval(start, start + timedelta(hours=1)))
    with plane.database.write() as tx:
        run = runs.create(tx, pipelines.find(tx, 5328, "crm-pipeline"), request, created_by="scheduler", now=now)
        claimed = runs.claim_next(tx, holder="a", now=now, lease=LEASE)
        assert claimed.id == run.id
        failure = RunFailure("warehouse_query", "No such table.") if state is RunState.FAILED else None
        assert runs.finish(tx, claimed, state=state, counts=RunCounts(), failure=failure, now=now, retry_on=retry_on)
    return run.id


def _read_again(plane: Any, start: datetime, end: datetime, *, kind: RunKind = RunKind.BACKFILL) -> None:
    now = plane.clock.now()
    with plane.database.write() as tx:
        pipeline = pipelines.find(tx, 5328, "crm-pipeline")
        runs.create(tx, pipeline, RunRequest(kind, start, Interval(start, end)), created_by="ci", now=now)
        claimed = runs.claim_next(tx, holder="a", now=now, lease=LEASE)
        assert runs.finish(tx, claimed, state=RunState.SUCCESS, counts=RunCounts(), failure=None, now=now)


def _no_offset(plane: Any, **changes: Any) -> None:
    plane.with_connection()
    plane.with_data_model(load_timestamp_field_time_offset=0)
    answer = plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body(**changes))
    assert answer.status_code == 200, answer.text


def test_the_next_three_intervals(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-07T23:05:00Z")
    _run(plane, datetime(2023, 2, 7, 23, 5, tzinfo=UTC), RunState.SUCCESS)
    found = _outlook(plane)
    assert [(i["start"], i["end"], i["due_at"]) for i in found["next_intervals"]] == [
        ("2023-02-08T00:05:00Z", "2023-02-08T01:05:00Z", "2023-02-08T01:05:00Z"),
        ("2023-02-08T01:05:00Z", "2023-02-08T02:05:00Z", "2023-02-08T02:05:00Z"),
        ("2023-02-08T02:05:00Z", "2023-02-08T03:05:00Z", "2023-02-08T03:05:00Z"),
    ]
    assert found["next_run_at"] == "2023-02-08T01:05:00Z"
    assert (found["state"], found["first_interval"], found["skipped_interval"]) == ("idle", None, None)
    assert "due at 2023-02-08T01:05:00Z" in found["explanation"]


def test_intervals_are_told_as_the_offset_moves_them(plane: Any) -> None:
    plane.with_pipeline()
    first = _outlook(plane)["next_intervals"][0]
    assert first == {
        "start": "2023-01-31T23:35:00Z",
        "end": "2023-02-01T00:35:00Z",
        "due_at": "2023-02-01T01:05:00Z",
    }


def test_what_the_catch_up_limit_leaves_out(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-01-09T00:00:00Z")
    found = _outlook(plane)
    assert found["skipped_interval"] == {"start": "2023-01-09T00:00:00Z", "end": "2023-02-01T00:00:00Z"}
    assert found["first_interval"] == {"start": "2023-02-01T00:00:00Z", "end": "2023-02-01T01:00:00Z"}
    assert "catches up 7 days at most" in found["explanation"]
    status = plane.client.get(f"{ONE}/status").json()
    for name in ("state", "explanation", "next_intervals", "skipped_interval", "first_interval", "next_run_at"):
        assert status[name] == found[name]


def test_what_was_left_out_stays_to_be_seen_until_somebody_has_it_read(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-01-09T00:00:00Z")
    skipped = {"start": "2023-01-09T00:00:00Z", "end": "2023-02-01T00:00:00Z"}
    for hour in range(3):
        _run(plane, datetime(2023, 2, 1, hour, tzinfo=UTC), RunState.FAILED if hour == 1 else RunState.SUCCESS)
    assert _outlook(plane)["skipped_interval"] == skipped
    _run(plane, datetime(2023, 2, 1, 5, tzinfo=UTC), RunState.SUCCESS)  # after a pause
    assert _outlook(plane)["skipped_interval"] == {"start": "2023-02-01T03:00:00Z", "end": "2023-02-01T05:00:00Z"}
    _read_again(plane, datetime(2023, 2, 1, 3, tzinfo=UTC), datetime(2023, 2, 1, 5, tzinfo=UTC))
    assert _outlook(plane)["skipped_interval"] == skipped
    _read_again(plane, datetime(2023, 1, 10, tzinfo=UTC), datetime(2023, 2, 3, tzinfo=UTC))  # not all of it
    assert _outlook(plane)["skipped_interval"] == skipped
    _read_again(plane, datetime(2023, 1, 9, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC))
    assert _outlook(plane)["skipped_interval"] is None


def test_a_part_of_a_failed_interval_that_nothing_will_read_is_told(plane: Any) -> None:
    """Its run cannot be run again, since a run of another schedule has read a part of it."""
    _no_offset(plane, schedule_start_time="2023-02-01T00:00:00Z")
    _run(plane, datetime(2023, 2, 1, 0, tzinfo=UTC), RunState.SUCCESS)
    _run(plane, datetime(2023, 2, 1, 1, tzinfo=UTC), RunState.FAILED)
    assert _outlook(plane)["skipped_interval"] is None
    _run(plane, datetime(2023, 2, 1, 1, 20, tzinfo=UTC), RunState.SUCCESS)
    found = _outlook(plane)
    assert found["failed_intervals"] == []
    assert found["skipped_interval"] == {"start": "2023-02-01T01:00:00Z", "end": "2023-02-01T01:20:00Z"}
    assert "[2023-02-01T01:00:00Z, 2023-02-01T01:20:00Z) is left unread; a backfill of it" in found["explanation"]


def test_what_is_left_of_the_first_interval_after_a_part_of_it_was_read_is_told(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-01T00:00:00Z")
    _run(plane, datetime(2023, 2, 1, 0, tzinfo=UTC), RunState.FAILED)
    _change(plane, schedule_start_time="2023-02-01T00:20:00Z")
    _run(plane, datetime(2023, 2, 1, 0, 20, tzinfo=UTC), RunState.SUCCESS)
    found = _outlook(plane)
    assert found["failed_intervals"] == []
    assert found["skipped_interval"] == {"start": "2023-02-01T00:00:00Z", "end": "2023-02-01T00:20:00Z"}


def test_a_gap_that_no_backfill_takes_yet_is_told_with_that(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-01-09T00:00:00Z", on_failed_interval="continue")
    _run(plane, datetime(2023, 2, 1, 0, tzinfo=UTC), RunState.FAILED)
    found = _outlook(plane)
    assert found["skipped_interval"] == {"start": "2023-01-09T00:00:00Z", "end": "2023-02-01T00:00:00Z"}
    assert "is left unread; once a later interval is read, a backfill can have it read, too." in found["explanation"]


def test_to_verify_what_was_left_out_does_not_read_it(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-01T00:00:00Z")
    for hour in (0, 3):
        _run(plane, datetime(2023, 2, 1, hour, tzinfo=UTC), RunState.SUCCESS)
    start, end = datetime(2023, 2, 1, tzinfo=UTC), datetime(2023, 2, 1, 4, tzinfo=UTC)
    gap = {"start": "2023-02-01T01:00:00Z", "end": "2023-02-01T03:00:00Z"}
    for kind in (RunKind.VERIFY, RunKind.UNDO):
        _read_again(plane, start, end, kind=kind)
        assert _outlook(plane)["skipped_interval"] == gap
    _read_again(plane, start, end, kind=RunKind.REPAIR)
    assert _outlook(plane)["skipped_interval"] is None


def test_what_lies_before_a_failed_run_of_an_earlier_schedule_is_still_to_be_read(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-07T12:00:00Z")
    _run(plane, datetime(2023, 2, 7, 12, tzinfo=UTC), RunState.FAILED)
    _change(plane, schedule_start_time="2023-02-07T06:00:00Z")
    found = _outlook(plane)
    assert found["next_intervals"][0]["start"] == "2023-02-07T06:00:00Z"
    assert found["skipped_interval"] is None


def test_what_was_left_out_is_told_as_the_offset_moves_it(plane: Any) -> None:
    plane.with_pipeline(schedule_start_time="2023-01-09T00:00:00Z")  # its offset is half an hour
    skipped = {"start": "2023-01-08T23:30:00Z", "end": "2023-01-31T23:30:00Z"}
    assert _outlook(plane)["skipped_interval"] == skipped
    answer = plane.client.get(f"{EXTENSIONS}/schedule").json()
    assert answer["skipped_interval"] == skipped


def test_a_gap_stays_when_the_pipeline_has_no_schedule_any_more(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-01T00:00:00Z")
    for hour in (0, 3):
        _run(plane, datetime(2023, 2, 1, hour, tzinfo=UTC), RunState.SUCCESS)
    _change(plane, schedule_interval="on_demand")
    assert _outlook(plane)["skipped_interval"] == {"start": "2023-02-01T01:00:00Z", "end": "2023-02-01T03:00:00Z"}


def test_a_larger_offset_makes_no_gap_before_the_first_run(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-07T23:05:00Z")
    _run(plane, datetime(2023, 2, 7, 23, 5, tzinfo=UTC), RunState.SUCCESS)
    url = f"{BASE}/data-models/propensity-model"
    model = plane.client.get(url).json() | {"load_timestamp_field_time_offset": 3600}
    assert plane.client.put(url, json=model).status_code == 200
    assert _outlook(plane)["skipped_interval"] is None


def test_a_trigger_would_read_up_to_now(plane: Any) -> None:
    plane.with_connection()
    plane.with_data_model(load_timestamp_field_time_offset=0)
    start = {"schedule_interval": "on_demand", "schedule_start_time": "2023-02-01T00:00:00Z"}
    plane.client.post(f"{BASE}/pipelines", json=plane.pipeline_body(**start))
    found = _outlook(plane)
    assert found["next_intervals"] == [{"start": "2023-02-01T00:00:00Z", "end": "2023-02-08T00:05:31Z", "due_at": None}]
    assert (found["state"], found["next_run_at"]) == ("idle", None)
    assert "waits for a trigger" in found["explanation"]
    run_id = plane.client.post(ONE).json()["pipeline_run_id"]
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"]) == ("queued", [])
    assert str(run_id) in found["explanation"]
    with plane.database.write() as tx:
        runs.claim_next(tx, holder="a", now=plane.clock.now(), lease=LEASE)
    assert _outlook(plane)["state"] == "running"


def test_a_trigger_before_the_start_has_nothing_to_read(plane: Any) -> None:
    plane.on_demand(schedule_start_time="2023-03-01T00:00:00Z")
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"]) == ("idle", [])
    assert "2023-03-01T00:00:00Z" in found["explanation"]


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [({"is_draft": True, "is_active": False}, "draft", "is_draft"), ({"is_active": False}, "paused", "is_active")],
)
def test_what_holds_a_pipeline_back(plane: Any, changes: dict[str, Any], state: str, word: str) -> None:
    plane.with_pipeline(**changes)
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"], found["next_run_at"]) == (state, [], None)
    assert word in found["explanation"]


def test_paused_parts(plane: Any, connection: Any, data_model: Any) -> None:
    plane.with_pipeline()
    plane.client.put(f"{BASE}/data-models/propensity-model", json=data_model(is_active=False))
    assert _outlook(plane)["state"] == "data_model_paused"
    plane.client.put(f"{BASE}/connections/crm-connection", json=connection(is_active=False))
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"]) == ("connection_paused", [])
    assert "crm-connection" in found["explanation"]


def test_faults(plane: Any) -> None:
    plane.with_pipeline()
    with plane.database.write() as tx:
        connections.set_faulted(tx, connections.find(tx, 5328, "crm-connection").key, is_faulted=True)
    found = _outlook(plane)
    assert found["state"] == "connection_faulted"
    assert "crm-connection" in found["explanation"]
    with plane.database.write() as tx:
        pipelines.set_fault(tx, pipelines.find(tx, 5328, "crm-pipeline").key, "No such table.")
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"]) == ("faulted", [])
    assert "No such table." in found["explanation"]


def test_a_failed_run_is_in_the_way_until_it_is_run_again(plane: Any) -> None:
    _no_offset(plane)
    start = datetime(2023, 2, 1, 0, 5, tzinfo=UTC)
    run_id = _run(plane, start, RunState.FAILED)
    found = _outlook(plane)
    assert found["state"] == "blocked"
    assert f"Run {run_id}" in found["explanation"]
    assert "No such table." in found["explanation"]
    again = plane.client.post(RUN_AGAIN.format(run_id))
    assert (again.status_code, again.json()) == (
        200,
        {"pipeline_run_id": run_id, "status": "trigger_requested"},
    )
    assert _outlook(plane)["state"] == "queued"
    busy = plane.client.post(RUN_AGAIN.format(run_id))
    assert (busy.status_code, busy.json()["errors"][0]["pipeline_run_id"]) == (400, run_id)


def test_a_run_that_is_tried_again_by_itself(plane: Any) -> None:
    _no_offset(plane)
    when = plane.clock.now() + timedelta(minutes=2)
    _run(plane, datetime(2023, 2, 1, 0, 5, tzinfo=UTC), RunState.FAILED, retry_on=when)
    found = _outlook(plane)
    assert found["state"] == "retrying"
    assert "2023-02-08T00:07:31Z" in found["explanation"]


def test_a_run_of_a_schedule_that_was_changed_waits_for_what_lies_before_it(plane: Any) -> None:
    _no_offset(plane, schedule_start_time="2023-02-07T23:05:00Z")
    run_id = _run(plane, datetime(2023, 2, 7, 23, 5, tzinfo=UTC), RunState.FAILED)
    _change(plane, schedule_start_time="2023-02-07T20:00:00Z")
    answer = plane.client.post(RUN_AGAIN.format(run_id))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (400, "not_repeatable")
    assert "reading goes on from 2023-02-07T20:00:00Z" in error["message"]
    assert "what lies before it is read first" in _outlook(plane)["explanation"]
    _change(plane, schedule_start_time="2023-02-07T23:05:00Z")
    assert plane.client.post(RUN_AGAIN.format(run_id)).status_code == 200


def test_only_a_failed_run_is_run_again(plane: Any) -> None:
    _no_offset(plane)
    run_id = _run(plane, datetime(2023, 2, 1, 0, 5, tzinfo=UTC), RunState.SUCCESS)
    answer = plane.client.post(RUN_AGAIN.format(run_id))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "not_repeatable")
    for missing in (run_id + 1, 0, 2**63, 10**30):
        assert plane.client.post(RUN_AGAIN.format(missing)).status_code == 404
    assert plane.client.post(RUN_AGAIN.format("x")).status_code == 400
    assert plane.client.post(RUN_AGAIN.format(run_id), headers=plane.headers("profile")).status_code == 403
    assert plane.client.post(RUN_AGAIN.format(run_id), headers=plane.headers(workspaces=[7])).status_code == 404


def test_a_schedule_that_has_ended(plane: Any) -> None:
    _no_offset(plane, schedule_end_time="2023-02-01T01:05:00Z")
    _run(plane, datetime(2023, 2, 1, 0, 5, tzinfo=UTC), RunState.SUCCESS)
    found = _outlook(plane)
    assert (found["state"], found["next_intervals"]) == ("finished", [])


def test_once(plane: Any) -> None:
    _no_offset(plane, schedule_interval="once")
    found = _outlook(plane)
    assert found["next_intervals"] == [
        {"start": "0001-01-01T00:00:00Z", "end": "2023-02-08T00:05:31Z", "due_at": "2023-02-08T00:05:31Z"}
    ]
    assert "about to begin" in found["explanation"]


def test_what_is_read_can_be_sent_back(plane: Any) -> None:
    plane.with_pipeline()
    _change(plane, name="Other")
    assert _outlook(plane)["name"] == "Other"


def test_the_settle_delay_is_told(plane: Any) -> None:
    plane.services.pipelines._settle_delay = timedelta(minutes=10)
    _no_offset(plane)
    assert _outlook(plane)["next_run_at"] == "2023-02-01T01:15:00Z"


def test_stale_is_told_with_its_reason(plane: Any) -> None:
    _no_offset(plane)
    _run(plane, datetime(2023, 2, 7, 23, 5, tzinfo=UTC), RunState.SUCCESS)
    assert (_outlook(plane)["is_stale"], _outlook(plane)["stale_since"]) == (False, None)
    plane.clock.advance(timedelta(hours=2))
    for found in (_outlook(plane), plane.client.get(f"{ONE}/status").json()):
        assert (found["is_stale"], found["stale_since"]) == (True, "2023-02-08T02:05:00Z")
        assert (
            "It is stale since 2023-02-08T02:05:00Z: an interval was due at 2023-02-08T01:05:00Z"
            in found["explanation"]
        )
    _change(plane, is_active=False)
    assert _outlook(plane)["is_stale"] is False
