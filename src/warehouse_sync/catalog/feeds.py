"""Feeds: the inputs that rows are attributed to. Their keys and secrets are kept as keyed digests only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import feeds


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed to be stored (specification §7.2). The digests are of its key and of its secret."""

    workspace_id: int
    name: str
    module_name: str
    os: str
    is_debug: bool
    key_digest: bytes
    secret_digest: bytes
    created_on: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """A stored feed; ``id`` is the published ``partner_feed_id``."""

    id: int
    workspace_id: int
    name: str
    module_name: str
    os: str
    is_debug: bool
    created_on: datetime


def create(tx: Transaction, feed: NewFeed) -> Feed:
    values = {
        "workspace_id": feed.workspace_id,
        "name": feed.name,
        "module_name": feed.module_name,
        "os": feed.os,
        "is_debug": feed.is_debug,
        "created_on": feed.created_on,
    }
    digests = {"key_digest": feed.key_digest, "secret_digest": feed.secret_digest}
    return _feed(tx.execute(sa.insert(feeds).values(**values, **digests).returning(*feeds.c)).one())


def change(tx: Transaction, feed: Feed, *, name: str, module_name: str, os: str, is_debug: bool) -> Feed:
    """Replaces what is said of a feed; its key and secret stay."""
    values = {"name": name, "module_name": module_name, "os": os, "is_debug": is_debug}
    return _feed(tx.execute(sa.update(feeds).where(feeds.c.id == feed.id).values(**values).returning(*feeds.c)).one())


def find(tx: Transaction, workspace_id: int, feed_id: int) -> Feed | None:
    return _only(tx, workspace_id, feeds.c.id == feed_id)


def find_by_key(tx: Transaction, workspace_id: int, key_digest: bytes) -> Feed | None:
    return _only(tx, workspace_id, feeds.c.key_digest == key_digest)


def all_of(tx: Transaction, workspace_id: int) -> list[Feed]:
    """The workspace's feeds, the oldest first."""
    query = sa.select(feeds).where(feeds.c.workspace_id == workspace_id).order_by(feeds.c.id)
    return [_feed(row) for row in tx.execute(query)]


def _only(tx: Transaction, workspace_id: int, condition: sa.ColumnElement[bool]) -> Feed | None:
    row = tx.execute(sa.select(feeds).where(feeds.c.workspace_id == workspace_id, condition)).one_or_none()
    return None if row is None else _feed(row)


def _feed(row: sa.Row[Any]) -> Feed:
    return Feed(row.id, row.workspace_id, row.name, row.module_name, row.os, row.is_debug, row.created_on)


def by_id(tx: Transaction, feed_id: int) -> Feed | None:
    """The feed with this number, in whichever workspace."""
    row = tx.execute(sa.select(feeds).where(feeds.c.id == feed_id)).one_or_none()
    return None if row is None else _feed(row)
