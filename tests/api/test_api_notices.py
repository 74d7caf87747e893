"""Notices of the webhook, as the workspace that they are about sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from warehouse_sync.catalog import notices
from warehouse_sync.domain.notice import Notice, NoticeOutcome, NoticeType

AT = datetime(2023, 2, 8, tzinfo=UTC)
ROOT = "/platform/extensions/workspaces/5328/notices"


def test_notices_are_listed_and_sent_again_that_were_given_up(plane: Any) -> None:
    with plane.database.write() as tx:
        for workspace, pipeline in ((5328, "a"), (5328, "b"), (77, "c")):
            notices.record(tx, Notice(NoticeType.STALE, AT, workspace, pipeline, {"due_on": "2023-02-08T00:00:00Z"}))
        _, told, lost = sorted(notices.latest(tx, size=9), key=lambda stored: -stored.key)
        for stored in (told, lost):
            notices.finish(tx, stored.key, NoticeOutcome.GIVEN_UP, "It answered 410.", AT)
        notices.finish(tx, told.key, NoticeOutcome.DELIVERED, "It answered 204.", AT)
    listed = plane.client.get(ROOT).json()["items"]
    assert [(row["pipeline_id"], row["outcome"]) for row in listed] == [("b", "delivered"), ("a", "given_up")]
    assert listed[1] == {
        "id": lost.id, "type": "pipeline.stale", "at": "2023-02-08T00:00:00Z", "pipeline_id": "a", "outcome": "given_up",
        "attempts": 0, "finished_on": "2023-02-08T00:00:00Z",
    }  # fmt: skip
    assert [row["id"] for row in plane.client.get(ROOT, params={"outcome": "given_up"}).json()["items"]] == [lost.id]
    assert plane.client.get(ROOT, params={"limit": 1}).json()["items"] == listed[:1]
    assert plane.client.get(ROOT, params={"outcome": "lost"}).status_code == 400
    assert plane.client.post(f"{ROOT}/resend").json() == {"notice_ids": [lost.id]}
    assert plane.client.post(f"{ROOT}/resend").json() == {"notice_ids": []}
    assert plane.client.get(ROOT).json()["items"][1]["outcome"] == "waiting"
