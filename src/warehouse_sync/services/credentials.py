"""Credentials of clients. The secret is told once, at creation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse_sync.catalog import audit, credentials, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Credential, Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.clock import Clock
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, NotFound
from warehouse_sync.security.client_secrets import ClientSecretDigests, new_client_id, new_client_secret
from warehouse_sync.services.caller import LARGEST_ID, Caller


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A new credential and its secret, which cannot be read again."""

    credential: Credential
    client_secret: Secret


class CredentialService:
    def __init__(self, database: Database, clock: Clock, digests: ClientSecretDigests) -> None:
        self._database = database
        self._clock = clock
        self._digests = digests

    def create(
        self, caller: Caller, *, name: str, permission: Permission, workspace_ids: Sequence[int] | None
    ) -> IssuedCredential:
        """Makes a credential for some workspaces, or with None for all.

        Raises:
            InvalidRequest: the name is empty or a workspace does not exist.
        """
        caller.require_permission(Permission.ADMIN)
        if not name.strip():
            raise InvalidRequest("name must not be empty.", field="name")
        scope = None if workspace_ids is None else tuple(sorted(set(workspace_ids)))
        now = self._clock.now()
        credential = Credential(new_client_id(), name, permission, scope, True, now)
        secret = new_client_secret()
        with self._database.write() as tx:
            for workspace_id in scope or ():
                if not 0 < workspace_id <= LARGEST_ID or workspaces.find(tx, workspace_id) is None:
                    raise InvalidRequest(f"There is no workspace {workspace_id}. Create it first.", field="workspace")
            credentials.create(tx, credential, self._digests.digest(credential.client_id, secret))
            audit.record(tx, AuditEntry(now, caller.client_id, None, "create", "credential", credential.client_id))
        return IssuedCredential(credential, secret)

    def all_of(self, caller: Caller) -> list[Credential]:
        """Every credential, without secrets."""
        caller.require_permission(Permission.ADMIN)
        with self._database.read() as tx:
            return credentials.all_of(tx)

    def set_active(self, caller: Caller, client_id: str, *, is_active: bool) -> None:
        """Switches a credential on or off. Off means off: tokens it already has stop working too.

        Raises:
            NotFound: there is no such credential.
        """
        caller.require_permission(Permission.ADMIN)
        action = "activate" if is_active else "deactivate"
        with self._database.write() as tx:
            if not credentials.set_active(tx, client_id, is_active=is_active):
                raise NotFound("There is no credential with this client id.")
            audit.record(tx, AuditEntry(self._clock.now(), caller.client_id, None, action, "credential", client_id))
