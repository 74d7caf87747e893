"""Feeds: making them, listing them, and finding the one a pipeline names."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse_sync.catalog import audit, feeds, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.feeds import Feed, NewFeed
from warehouse_sync.clock import Clock
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.security.client_secrets import ClientSecretDigests, new_feed_key, new_feed_secret
from warehouse_sync.services.caller import LARGEST_ID, Caller, no_workspace

_NO_FEED = "There is no feed with this id."
_KEY_OWNER = "feed key"  # the digest of a key must be found again without knowing the feed


@dataclass(frozen=True, slots=True)
class IssuedFeed:
    """A new feed with its key and secret, which cannot be read again."""

    feed: Feed
    key: Secret
    secret: Secret


class FeedFinder:
    """Finds the feed that a pipeline names."""

    def __init__(self, digests: ClientSecretDigests) -> None:
        self._digests = digests

    def digest_of_key(self, key: Secret) -> bytes:
        return self._digests.digest(_KEY_OWNER, key)

    def resolve(
        self, tx: Transaction, workspace_id: int, *, feed_id: int | None, key: Secret | None, kept_id: int | None = None
    ) -> int:
        """The id of the feed named by id, by key, or by both alike. A masked key names ``kept_id``, the feed it was before.

        Raises:
            InvalidRequest: neither was given, there is no such feed, or they name two different ones.
        """
        if key is not None and key.reveal() == MASK:
            key = None
            feed_id = kept_id if feed_id is None else feed_id
        if feed_id is None and key is None:
            raise InvalidRequest("Name the feed: give partner_feed_id or partner_feed_key.", field="partner_feed_id")
        by_id = None if feed_id is None else self._by_id(tx, workspace_id, feed_id)
        by_key = None if key is None else self._by_key(tx, workspace_id, key)
        if by_id is not None and by_key is not None and by_id != by_key:
            raise InvalidRequest(
                "partner_feed_id and partner_feed_key name two different feeds. Give one of them.",
                field="partner_feed_key",
            )
        found = by_id or by_key
        if found is None:
            raise AssertionError("one of them was given and found")
        return found.id

    def _by_id(self, tx: Transaction, workspace_id: int, feed_id: int) -> Feed:
        found = feeds.find(tx, workspace_id, feed_id) if 0 < feed_id <= LARGEST_ID else None
        if found is None:
            raise InvalidRequest("There is no feed with this partner_feed_id.", field="partner_feed_id")
        return found

    def _by_key(self, tx: Transaction, workspace_id: int, key: Secret) -> Feed:
        found = feeds.find_by_key(tx, workspace_id, self.digest_of_key(key))
        if found is None:
            raise InvalidRequest("There is no feed with this partner_feed_key.", field="partner_feed_key")
        return found


class FeedService:
    def __init__(self, database: Database, clock: Clock, digests: ClientSecretDigests) -> None:
        self._database = database
        self._clock = clock
        self._digests = digests
        self._finder = FeedFinder(digests)

    def create(
        self,
        caller: Caller,
        workspace_id: int,
        *,
        name: str,
        module_name: str = "Warehouse",
        os: str = "Unbound",
        is_debug: bool = False,
        account_id: int | None = None,
    ) -> IssuedFeed:
        """Makes a feed with a key and a secret of its own.

        Args:
            account_id: the account that the workspace must belong to; None for any.

        Raises:
            InvalidRequest: the name is empty.
            NotFound: there is no such workspace, or not in this account.
        """
        caller.require(Permission.ADMIN, workspace_id)
        if not name.strip():
            raise InvalidRequest("name must not be empty.", field="name")
        key, secret, now = Secret(new_feed_key()), new_feed_secret(), self._clock.now()
        key_digest = self._finder.digest_of_key(key)
        new = NewFeed(
            workspace_id=workspace_id,
            name=name,
            module_name=module_name,
            os=os,
            is_debug=is_debug,
            key_digest=key_digest,
            secret_digest=self._digests.digest(key_digest.hex(), secret),
            created_on=now,
        )
        with self._database.write() as tx:
            _enter(tx, caller, Permission.ADMIN, workspace_id, account_id)
            feed = feeds.create(tx, new)
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "create", "feed", str(feed.id)))
        return IssuedFeed(feed, key, secret)

    def all_of(self, caller: Caller, workspace_id: int, *, account_id: int | None = None) -> list[Feed]:
        """The workspace's feeds, the oldest first.

        Raises:
            NotFound: there is no such workspace, or not in this account.
        """
        with self._database.read() as tx:
            _enter(tx, caller, Permission.USER, workspace_id, account_id)
            return feeds.all_of(tx, workspace_id)

    def get(
        self, caller: Caller, feed_id: int, *, account_id: int | None = None, workspace_id: int | None = None
    ) -> Feed:
        """A feed of any workspace the caller may reach.

        Args:
            account_id, workspace_id: what it must belong to; None for any.

        Raises:
            NotFound: there is none.
        """
        caller.require_permission(Permission.USER)
        with self._database.read() as tx:
            return _reachable(tx, caller, feed_id, account_id, workspace_id)

    def replace(
        self,
        caller: Caller,
        feed_id: int,
        *,
        name: str,
        module_name: str,
        os: str,
        is_debug: bool,
        account_id: int | None = None,
    ) -> Feed:
        """Replaces all that is said of a feed; its key and secret stay.

        Raises:
            InvalidRequest: the name is empty.
            NotFound: there is no such feed.
        """
        caller.require_permission(Permission.ADMIN)
        if not name.strip():
            raise InvalidRequest("name must not be empty.", field="name")
        with self._database.write() as tx:
            found = _reachable(tx, caller, feed_id, account_id, None)
            changed = feeds.change(tx, found, name=name, module_name=module_name, os=os, is_debug=is_debug)
            entry = AuditEntry(self._clock.now(), caller.client_id, found.workspace_id, "change", "feed", str(found.id))
            audit.record(tx, entry)
        return changed


def _enter(tx: Transaction, caller: Caller, permission: Permission, workspace_id: int, account_id: int | None) -> None:
    workspace = caller.enter(tx, permission, workspace_id)
    if account_id is not None and workspace.account_id != account_id:
        raise no_workspace(workspace_id)


def _reachable(tx: Transaction, caller: Caller, feed_id: int, account_id: int | None, workspace_id: int | None) -> Feed:
    found = feeds.by_id(tx, feed_id) if 0 < feed_id <= LARGEST_ID else None
    if found is None or (caller.workspaces is not None and found.workspace_id not in caller.workspaces):
        raise caller.no_such(_NO_FEED)
    if workspace_id is not None and found.workspace_id != workspace_id:
        raise caller.no_such(_NO_FEED)
    workspace = workspaces.find(tx, found.workspace_id)
    if account_id is not None and (workspace is None or workspace.account_id != account_id):
        raise caller.no_such(_NO_FEED)
    return found
