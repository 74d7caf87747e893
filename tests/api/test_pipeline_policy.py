"""What a pipeline's runs do about failed intervals and late rows: fields of our own beside the published ones."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ONE = f"{BASE}/pipelines/crm-pipeline"
DEFAULT = {
    "on_failed_interval": "wait",
    "lookback_seconds": 0,
    "repair_late_rows": False,
    "count_unread_rows": False,
    "statement_timeout_seconds": 0,
    "max_bytes_billed": 0,
}
CHOSEN = {
    "on_failed_interval": "continue",
    "lookback_seconds": 3600,
    "repair_late_rows": True,
    "count_unread_rows": True,
    "statement_timeout_seconds": 600,
    "max_bytes_billed": 0,
}


def _policy(plane: Any) -> dict[str, Any]:
    return {name: plane.client.get(ONE).json()[name] for name in DEFAULT}


def _put(plane: Any, **changes: Any) -> None:
    assert plane.client.put(ONE, json=plane.pipeline_body() | changes).status_code == 200


def test_a_client_of_the_published_api_gets_the_defaults_and_never_changes_them(plane: Any) -> None:
    plane.with_pipeline()
    assert not DEFAULT.keys() & plane.pipeline_body().keys()
    assert _policy(plane) == DEFAULT
    _put(plane, **CHOSEN)
    assert _policy(plane) == CHOSEN
    _put(plane)
    assert _policy(plane) == CHOSEN
    _put(plane, lookback_seconds="0")
    assert _policy(plane) == CHOSEN | {"lookback_seconds": 0}


def test_pausing_and_resuming_keep_it(plane: Any) -> None:
    plane.with_pipeline(**CHOSEN)
    for verb in ("pause", "resume"):
        url = f"/platform/extensions/workspaces/5328/pipelines/crm-pipeline/{verb}"
        assert plane.client.post(url).json().items() >= CHOSEN.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("on_failed_interval", "stop"),
        ("lookback_seconds", -1),
        ("lookback_seconds", 90 * 86_400 + 1),
        ("lookback_seconds", "an hour"),
        ("repair_late_rows", "yes"),
        ("count_unread_rows", 1),
        ("statement_timeout_seconds", -1),
        ("statement_timeout_seconds", 7 * 86_400 + 1),
        ("max_bytes_billed", -1),
        ("max_bytes_billed", 1000),  # Snowflake does not hold it
    ],
)
def test_what_cannot_be_meant_is_refused(plane: Any, field: str, value: object) -> None:
    plane.with_pipeline()
    refused = plane.client.put(ONE, json=plane.pipeline_body() | {field: value})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


BIGQUERY = {
    "id": "bq",
    "name": "BQ",
    "workspace_id": 5328,
    "type": "bigquery",
    "region": "us-east4",
    "project_id": "mp-project",
    "dataset_id": "mp_dataset",
    "service_account_id": "mp-robot@mp-project.iam.gserviceaccount.com",
    "service_account_key": "{}",
}


def _on_bigquery(plane: Any, **changes: Any) -> dict[str, Any]:
    """The body of the pipeline of ``with_pipeline``, on BigQuery."""
    return plane.pipeline_body(connection_id="bq", **changes)


def _with_both(plane: Any) -> None:
    plane.with_pipeline()
    assert plane.client.post(f"{BASE}/connections", json=BIGQUERY).status_code == 200


def _refused(answer: Any) -> None:
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, "max_bytes_billed")
    assert "only held by BigQuery, not by Snowflake. Send 0" in error["message"]


def test_a_budget_does_not_move_silently_to_a_warehouse_that_does_not_hold_it(plane: Any) -> None:
    _with_both(plane)
    assert plane.client.put(ONE, json=_on_bigquery(plane, max_bytes_billed=1000)).status_code == 200
    _refused(plane.client.put(ONE, json=plane.pipeline_body()))
    found = plane.client.get(ONE).json()
    assert (found["connection_id"], found["max_bytes_billed"]) == ("bq", 1000)
    assert plane.client.put(ONE, json=plane.pipeline_body(max_bytes_billed=0)).status_code == 200


def test_a_connection_keeps_the_type_that_holds_the_budget(plane: Any, connection: Any) -> None:
    _with_both(plane)
    assert plane.client.put(ONE, json=_on_bigquery(plane, max_bytes_billed=1000)).status_code == 200
    changed = plane.client.put(f"{BASE}/connections/bq", json=connection(id="bq"))
    assert (changed.status_code, changed.json()["errors"][0]["field"]) == (400, "type")
    assert "Create another connection" in changed.json()["errors"][0]["message"]
    deleted = plane.client.delete(f"{BASE}/connections/bq")
    assert (deleted.status_code, deleted.json()["errors"][0]["code"]) == (400, "in_use")


class _Meanwhile(list[Any]):
    """What was probed; the first probe takes so long that somebody else sends a request."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def append(self, probed: Any) -> None:
        request, self._request = self._request, None
        super().append(probed)
        if request is not None:
            assert request().status_code == 200


def test_of_two_requests_at_once_neither_leaves_a_budget_that_nobody_holds(plane: Any) -> None:
    _with_both(plane)
    assert plane.client.put(ONE, json=_on_bigquery(plane)).status_code == 200
    limited = _on_bigquery(plane, max_bytes_billed=1000)
    plane.warehouse.probed = _Meanwhile(lambda: plane.client.put(ONE, json=limited))
    _refused(plane.client.put(ONE, json=plane.pipeline_body()))
    assert plane.client.get(ONE).json()["connection_id"] == "bq"


def test_the_schedule_ahead_is_as_long_as_wanted_and_goes_on_for_a_paused_pipeline(plane: Any) -> None:
    plane.with_pipeline(is_active=False, schedule_start_time="2023-01-09T00:00:00Z")
    url = "/platform/extensions/workspaces/5328/pipelines/crm-pipeline/schedule"
    found = plane.client.get(url, params={"count": 200}).json()
    assert len(found["intervals"]) == 200
    assert len(plane.client.get(url).json()["intervals"]) == 10
    assert found["skipped_interval"] == {"start": "2023-01-08T23:30:00Z", "end": "2023-01-31T23:30:00Z"}
    touching = zip(found["intervals"], found["intervals"][1:], strict=False)
    assert all(first["end"] == second["start"] for first, second in touching)
    assert plane.client.get(url, params={"count": 1001}).status_code == 400
