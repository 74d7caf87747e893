"""The few routes of the Platform API that a client needs beside ours: workspaces and feeds (specification §7.1, §7.2)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StrictStr

from warehouse_sync.api.bodies import Body, Flag, Name
from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.platform_answers import FeedAnswer, FeedList, IssuedFeedAnswer, WorkspaceList
from warehouse_sync.api.responses import PlatformErrorBody
from warehouse_sync.catalog.feeds import Feed
from warehouse_sync.domain.timestamps import format_audit
from warehouse_sync.errors import Unauthenticated

router = APIRouter(prefix="/v1", tags=["Platform"])

ACCOUNT_DESCRIPTION: Final = "The account that the workspace belongs to."

_OptionalAccount = Annotated[
    int | None, Query(alias="accountId", description="Only workspaces of this account.", examples=[2])
]


class AccountMissing(Unauthenticated):
    """The published API refuses so what does not name its account."""

    code = "account_missing"


async def _account(
    account_id: Annotated[
        int | None,
        Query(alias="accountId", description=ACCOUNT_DESCRIPTION, examples=[2]),
    ] = None,
) -> int:
    if account_id is None:
        raise AccountMissing("Name the account: add ?accountId= to the address.", field="accountId")
    return account_id


AccountId = Annotated[int, Depends(_account)]
_Short = Annotated[StrictStr, Field(min_length=1, max_length=64)]
_FAILURE: Final = {"model": PlatformErrorBody, "description": "A failure, in the Platform API's envelope."}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((400, 401, 403, 404, 413, 429, 503), _FAILURE)


class NewFeed(Body):
    """A feed to create, or to put in the place of another."""

    module_name: _Short = "Warehouse"
    name: Name
    os: _Short = "Unbound"
    is_debug: Flag = False
    settings: list[dict[str, Any]] = Field(default_factory=list, max_length=50, description="Accepted and not used.")

    synonyms: ClassVar[dict[str, str]] = {}


@router.get(
    "/workspace", summary="List the workspaces you may reach", responses=_RESPONSES | {200: {"model": WorkspaceList}}
)
def list_workspaces(caller: CallerIn, services: ServicesIn, account_id: _OptionalAccount = None) -> dict[str, Any]:
    found = services.workspaces.all_of(caller, account_id=account_id)
    data = [{"id": w.id, "name": w.name, "org_id": w.org_id, "account_id": w.account_id} for w in found]
    return _envelope("workspace", data)


@router.get(
    "/workspace/{workspaceId}/partnerfeeds", summary="List feeds", responses=_RESPONSES | {200: {"model": FeedList}}
)
def list_feeds(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    account_id: AccountId,
) -> dict[str, Any]:
    found = services.feeds.all_of(caller, workspace_id, account_id=account_id)
    short = [{"id": f.id, "name": f.name, "data_type": "feed", "created_on": format_audit(f.created_on)} for f in found]
    return _envelope("feed", short)


@router.get("/partnerfeeds/{feedId}", summary="Get a feed", responses=_RESPONSES | {200: {"model": FeedAnswer}})
def get_feed(
    caller: CallerIn,
    services: ServicesIn,
    feedId: int,  # noqa: N803 - the published name
    account_id: AccountId,
) -> dict[str, Any]:
    return _envelope("feed", [_feed(services.feeds.get(caller, feedId, account_id=account_id))])


@router.post(
    "/workspace/{workspaceId}/partnerfeeds",
    summary="Create a feed",
    description="The answer holds the feed's key and secret; they cannot be read again.",
    status_code=201,
    responses=_RESPONSES | {201: {"model": IssuedFeedAnswer}},
)
def create_feed(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    account_id: AccountId,
    body: NewFeed,
) -> dict[str, Any]:
    issued = services.feeds.create(
        caller,
        workspace_id,
        account_id=account_id,
        name=body.name,
        module_name=body.module_name,
        os=body.os,
        is_debug=body.is_debug,
    )
    answer = {
        "id": issued.feed.id,
        "created_on": format_audit(issued.feed.created_on),
        "partner_feed_key": issued.key.reveal(),
        "partner_feed_secret": issued.secret.reveal(),
    }
    return _envelope("feed", [answer])


@router.put(
    "/partnerfeeds/{feedId}",
    summary="Replace a feed",
    description="Its key and secret stay; whatever the body leaves out takes its default.",
    status_code=202,
    responses=_RESPONSES | {202: {"model": FeedAnswer}},
)
def replace_feed(
    caller: CallerIn,
    services: ServicesIn,
    feedId: int,  # noqa: N803 - the published name
    account_id: AccountId,
    body: NewFeed,
) -> dict[str, Any]:
    changed = services.feeds.replace(
        caller,
        feedId,
        account_id=account_id,
        name=body.name,
        module_name=body.module_name,
        os=body.os,
        is_debug=body.is_debug,
    )
    return _envelope("feed", [_feed(changed)])


@router.put(
    "/workspace/{workspaceId}/partnerfeeds/{feedId}",
    summary="Replace a feed of a workspace",
    description="The same at the other address.",
    status_code=202,
    responses=_RESPONSES | {202: {"model": FeedAnswer}},
)
def replace_feed_of_workspace(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    *,
    feedId: int,  # noqa: N803 - the published name
    account_id: AccountId,
    body: NewFeed,
) -> dict[str, Any]:
    services.feeds.get(caller, feedId, account_id=account_id, workspace_id=workspace_id)
    return replace_feed(caller, services, feedId, account_id, body)


def _feed(feed: Feed) -> dict[str, Any]:
    return {
        "id": feed.id,
        "workspace_id": feed.workspace_id,
        "module_name": feed.module_name,
        "name": feed.name,
        "os": feed.os,
        "is_debug": feed.is_debug,
        "settings": [],
        "created_on": format_audit(feed.created_on),
    }


def _envelope(data_type: str, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"data": data, "dataType": data_type, "errors": None}
