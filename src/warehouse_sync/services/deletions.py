"""Deleting people, and the tombstones that keep them from coming back."""

from __future__ import annotations

import re

from warehouse_sync.catalog import audit
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.clock import Clock
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.errors import NotFound
from warehouse_sync.profiles.deletion import Deletion, ProfileEraser, Tombstone
from warehouse_sync.services.caller import LARGEST_ID, Caller
from warehouse_sync.services.provenance import no_profile


class DeletionService:
    """The verbs that delete people. They want the permission ``admin``.

    The audit log names a tombstone, never an identity or an MPID. It is written after the deletion, in another database: where the service
    dies between the two, the tombstone itself tells who deleted when.
    """

    def __init__(self, database: Database, clock: Clock, eraser: ProfileEraser) -> None:
        self._database = database
        self._clock = clock
        self._eraser = eraser

    def delete(self, caller: Caller, workspace_id: int, mpid: int) -> Deletion:
        """Deletes a profile and all that is known of it; a tombstone keeps it from coming back.

        Raises:
            NotFound: there is no such workspace, or no such profile in it.
        """
        self._enter(caller, workspace_id)
        now = self._clock.now()
        done = self._eraser.delete(workspace_id, mpid, now=now, by=caller.name) if 0 < mpid <= LARGEST_ID else None
        if done is None:
            raise no_profile()
        self._record(caller, workspace_id, "delete", "profile", tombstone_id(done.tombstone))
        return done

    def tombstones(self, caller: Caller, workspace_id: int, *, page: int, size: int) -> tuple[Tombstone, ...]:
        """Page ``page`` (from 1) of a workspace's tombstones, the latest first.

        Raises:
            NotFound: there is no such workspace.
        """
        self._enter(caller, workspace_id)
        return self._eraser.tombstones(workspace_id)[(page - 1) * size : page * size]

    def find(
        self, caller: Caller, workspace_id: int, environment: Environment, identity_type: IdentityType, value: str
    ) -> tuple[Tombstone, ...]:
        """The tombstones that keep an identity from coming back.

        Raises:
            NotFound: there is no such workspace.
        """
        with self._database.read() as tx:
            rules = rules_of(caller.enter(tx, Permission.ADMIN, workspace_id).identity_settings)
        return self._eraser.find_tombstones(workspace_id, environment, identity_type, value, rules)

    def lift(self, caller: Caller, workspace_id: int, given_id: str) -> None:
        """Removes a tombstone: later rows may make a profile of this person again.

        Raises:
            NotFound: there is no such workspace, or no such tombstone in it.
        """
        self._enter(caller, workspace_id)
        named = _TOMBSTONE_ID.fullmatch(given_id)
        if named is None or not self._eraser.lift(workspace_id, Environment(named[1]), int(named[2])):
            raise NotFound("There is no tombstone with this id.")
        self._record(caller, workspace_id, "lift", "tombstone", given_id)

    def _enter(self, caller: Caller, workspace_id: int) -> None:
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)

    def _record(self, caller: Caller, workspace_id: int, action: str, kind: str, object_id: str) -> None:
        with self._database.write() as tx:
            audit.record(tx, AuditEntry(self._clock.now(), caller.client_id, workspace_id, action, kind, object_id))


_TOMBSTONE_ID = re.compile(f"({'|'.join(Environment)})-([1-9][0-9]{{0,17}})", re.ASCII)


def tombstone_id(tombstone: Tombstone) -> str:
    """The published id: unique in the workspace."""
    return f"{tombstone.environment}-{tombstone.number}"
