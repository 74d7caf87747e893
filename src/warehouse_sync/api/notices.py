"""Notices of the webhook about one workspace: ``/platform/extensions/…/notices``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.api.stamps import instant_or_none
from warehouse_sync.catalog.notices import StoredNotice
from warehouse_sync.domain.notice import NoticeOutcome, NoticeType
from warehouse_sync.domain.timestamps import format_instant

router = APIRouter(prefix="/notices", tags=["Webhook"])

_EXAMPLE = "msg_7f1a4b0c9d2e4f63a1b8c5d7e9f00123"


class NoticeAnswer(BaseModel):
    """A notice and what became of it."""

    id: str = Field(description="As the receiver gets it in `webhook-id`.", examples=[_EXAMPLE])
    type: NoticeType
    at: str = Field(description="When it happened.", examples=["2023-02-08T01:05:31Z"])
    pipeline_id: str | None = Field(examples=["crm-pipeline"])
    outcome: NoticeOutcome
    attempts: int = Field(description="At delivering it, since it was last sent again.", examples=[14])
    finished_on: str | None = Field(description="When it was delivered or given up.", examples=["2023-02-09T01:06:02Z"])


class NoticePage(BaseModel):
    """The latest notices, the newest first."""

    items: list[NoticeAnswer]


class ResentAnswer(BaseModel):
    """The notices that wait to be sent once more."""

    notice_ids: list[str] = Field(description="The oldest first.", examples=[[_EXAMPLE]])


@router.get(
    "",
    summary="List notices of the webhook",
    description="What was told, or is still to be told, of failed, faulted and stale pipelines of this workspace; the newest first.",
    responses=READ,
)
def list_notices(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    *,
    outcome: Annotated[NoticeOutcome | None, Query(description="Only these.", examples=["given_up"])] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many notices.", examples=[50])] = 50,
) -> NoticePage:
    found = services.notices.latest(caller, workspace_id, outcome=outcome, size=limit)
    return NoticePage(items=[_answer(stored) for stored in found])


@router.post(
    "/resend",
    summary="Send notices again that were given up",
    description="All about this workspace that could not be delivered wait for an attempt once more, under the ids that they had.",
    responses=WRITE,
)
def resend(caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId) -> ResentAnswer:
    return ResentAnswer(notice_ids=services.notices.send_again(caller, workspace_id))


def _answer(stored: StoredNotice) -> NoticeAnswer:
    return NoticeAnswer(
        id=stored.id,
        type=stored.notice.type,
        at=format_instant(stored.notice.at),
        pipeline_id=stored.notice.pipeline_id,
        outcome=stored.outcome,
        attempts=stored.attempts,
        finished_on=instant_or_none(stored.finished_on),
    )
