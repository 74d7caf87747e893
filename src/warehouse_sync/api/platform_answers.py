"""What the routes of the Platform API answer, for the API's document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class WorkspaceItem(BaseModel):
    """A workspace and the numbers that the Profile API knows it by."""

    id: int = Field(examples=[5328])
    name: str = Field(examples=["Shop"])
    org_id: int = Field(examples=[1])
    account_id: int = Field(examples=[1])


class _FeedHead(BaseModel):
    id: int = Field(examples=[2124])


class FeedInList(_FeedHead):
    """A feed, in short."""

    name: str = Field(examples=["crm"])
    data_type: Literal["feed"]
    created_on: str = Field(examples=["2023-02-03T23:53:08.413"])


class FeedItem(_FeedHead):
    """A feed, without its key and secret."""

    workspace_id: int = Field(examples=[5328])
    module_name: str = Field(examples=["Warehouse"])
    name: str = Field(examples=["crm"])
    os: str = Field(examples=["Unbound"])
    is_debug: bool
    settings: list[dict[str, Any]] = Field(description="Always empty.", examples=[[]])
    created_on: str = Field(examples=["2023-02-03T23:53:08.413"])


class IssuedFeedItem(_FeedHead):
    """A new feed's key and secret, which cannot be read again."""

    created_on: str = Field(examples=["2023-02-03T23:53:08.413"])
    partner_feed_key: str = Field(examples=["us1-5d41402abc4b2a76b9719d911017c592"])
    partner_feed_secret: str = Field(examples=["whs_…"])


class WorkspaceList(BaseModel):
    """Workspaces, in the Platform API's envelope."""

    data: list[WorkspaceItem]
    dataType: Literal["workspace"]  # noqa: N815 - the published name
    errors: None


class _FeedEnvelope(BaseModel):
    dataType: Literal["feed"]  # noqa: N815 - the published name
    errors: None


class FeedList(_FeedEnvelope):
    """Feeds, in the Platform API's envelope."""

    data: list[FeedInList]


class FeedAnswer(_FeedEnvelope):
    """One feed, in the Platform API's envelope."""

    data: list[FeedItem]


class IssuedFeedAnswer(_FeedEnvelope):
    """One new feed, in the Platform API's envelope."""

    data: list[IssuedFeedItem]
