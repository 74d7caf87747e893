from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.security.client_secrets import ClientSecretDigests
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.feeds import FeedFinder, FeedService, IssuedFeed
from warehouse_sync.services.workspaces import WorkspaceService

DIGESTS = ClientSecretDigests(bytes(32))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    yield opened
    opened.close()


@pytest.fixture
def two(database: Database) -> tuple[IssuedFeed, IssuedFeed]:
    clock = ManualClock(datetime(2023, 2, 8, tzinfo=UTC))
    WorkspaceService(database, clock).create(OPERATOR, id=1, name="W", org_id=1, account_id=1)
    service = FeedService(database, clock, DIGESTS)
    return service.create(OPERATOR, 1, name="a"), service.create(OPERATOR, 1, name="b")


def _resolve(
    database: Database, feed_id: int | None = None, key: Secret | None = None, kept_id: int | None = None
) -> int:
    with database.read() as tx:
        return FeedFinder(DIGESTS).resolve(tx, 1, feed_id=feed_id, key=key, kept_id=kept_id)


def test_by_id_by_key_by_both_and_by_mask(database: Database, two: tuple[IssuedFeed, IssuedFeed]) -> None:
    a, b = two
    assert _resolve(database, a.feed.id) == a.feed.id
    assert _resolve(database, key=b.key) == b.feed.id
    assert _resolve(database, b.feed.id, b.key) == b.feed.id
    assert _resolve(database, key=Secret(MASK), kept_id=a.feed.id) == a.feed.id
    assert _resolve(database, b.feed.id, Secret(MASK), kept_id=a.feed.id) == b.feed.id


def test_two_that_differ_are_refused(database: Database, two: tuple[IssuedFeed, IssuedFeed]) -> None:
    a, b = two
    with pytest.raises(InvalidRequest, match="two different feeds"):
        _resolve(database, a.feed.id, b.key)


def test_none_and_a_mask_without_a_past_are_refused(database: Database, two: tuple[IssuedFeed, IssuedFeed]) -> None:
    for key in (None, Secret(MASK)):
        with pytest.raises(InvalidRequest, match="Name the feed"):
            _resolve(database, key=key)
