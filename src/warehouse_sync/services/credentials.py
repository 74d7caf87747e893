"""Credentials of clients. The secret is told once, when it is made.

A credential that is bound to workspaces manages only those bound to the same ones or fewer: nobody can hand out more than they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse_sync.catalog import audit, credentials, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Credential, Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import Forbidden, InvalidRequest, NotFound
from warehouse_sync.security.client_secrets import ClientSecretDigests, new_client_id, new_client_secret
from warehouse_sync.services.caller import LARGEST_ID, OPERATOR, Caller


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A credential and its new secret, which cannot be read again."""

    credential: Credential
    client_secret: Secret


class CredentialService:
    """The verbs of credentials. All need the permission ``admin``."""

    def __init__(self, database: Database, clock: Clock, digests: ClientSecretDigests) -> None:
        self._database = database
        self._clock = clock
        self._digests = digests

    def create(
        self, caller: Caller, *, name: str, permission: Permission, workspace_ids: Sequence[int] | None
    ) -> IssuedCredential:
        """Makes a credential for some workspaces, or with None for all.

        Raises:
            Forbidden: it would reach workspaces that the caller does not reach.
            InvalidRequest: the name is empty, no workspace is named, or one does not exist.
        """
        caller.require_permission(Permission.ADMIN)
        scope = None if workspace_ids is None else tuple(sorted(set(workspace_ids)))
        if not _reaches(caller, scope):
            raise Forbidden("This credential is bound to some workspaces and cannot make one that reaches others.")
        if not name.strip():
            raise InvalidRequest("name must not be empty.", field="name")
        if scope == ():
            raise InvalidRequest("Name at least one workspace.", field="workspaces")
        credential = Credential(new_client_id(), name, permission, scope, True, self._clock.now())
        secret = new_client_secret()
        with self._database.write() as tx:
            for workspace_id in scope or ():
                if not 0 < workspace_id <= LARGEST_ID or workspaces.find(tx, workspace_id) is None:
                    raise InvalidRequest(f"There is no workspace {workspace_id}. Create it first.", field="workspaces")
            credentials.create(tx, credential, self._digests.digest(credential.client_id, secret))
            self._record(tx, caller, "create", credential)
        return IssuedCredential(credential, secret)

    def all_of(self, caller: Caller) -> list[Credential]:
        """Every credential the caller may manage, the oldest first, without secrets."""
        caller.require_permission(Permission.ADMIN)
        with self._database.read() as tx:
            return [found for found in credentials.all_of(tx) if _reaches(caller, found.workspaces)]

    def get(self, caller: Caller, client_id: str) -> Credential:
        """One credential, without its secret.

        Raises:
            NotFound: there is none, or it reaches workspaces that the caller does not reach.
        """
        caller.require_permission(Permission.ADMIN)
        with self._database.read() as tx:
            return _existing(tx, caller, client_id)

    def set_active(self, caller: Caller, client_id: str, *, is_active: bool) -> Credential:
        """Switches a credential on or off. Off means off: tokens it already has stop working too.

        Raises:
            NotFound: as :meth:`get`.
            InvalidRequest: nobody else could manage the service any more; ``last_admin``.
        """
        caller.require_permission(Permission.ADMIN)
        with self._database.write() as tx:
            _existing(tx, caller, client_id)
            if not is_active:
                _keep_an_admin(tx, caller, client_id)
            credentials.set_active(tx, client_id, is_active=is_active)
            changed = _existing(tx, caller, client_id)
            self._record(tx, caller, "activate" if is_active else "deactivate", changed)
        return changed

    def rotate_secret(self, caller: Caller, client_id: str) -> IssuedCredential:
        """Gives a credential a new secret. The old one, and the tokens it earned, stop working at once.

        Raises:
            NotFound: as :meth:`get`.
        """
        caller.require_permission(Permission.ADMIN)
        secret = new_client_secret()
        with self._database.write() as tx:
            found = _existing(tx, caller, client_id)
            credentials.set_secret(tx, client_id, self._digests.digest(client_id, secret))
            self._record(tx, caller, "rotate", found)
        return IssuedCredential(found, secret)

    def delete(self, caller: Caller, client_id: str) -> None:
        """Removes a credential for good. What it made, and what the audit log says of it, stays.

        Raises:
            NotFound: as :meth:`get`.
            InvalidRequest: nobody else could manage the service any more; ``last_admin``.
        """
        caller.require_permission(Permission.ADMIN)
        with self._database.write() as tx:
            found = _existing(tx, caller, client_id)
            _keep_an_admin(tx, caller, client_id)
            credentials.delete(tx, client_id)
            self._record(tx, caller, "delete", found)

    def _record(self, tx: Transaction, caller: Caller, action: str, credential: Credential) -> None:
        """One entry per workspace it is bound to, so that each of their admins finds it; one without a workspace if it reaches all."""
        details = {"name": credential.name, "permission": credential.permission.value}
        now = self._clock.now()
        for place in credential.workspaces or (None,):
            entry = AuditEntry(now, caller.client_id, place, action, "credential", credential.client_id, details)
            audit.record(tx, entry)


def _reaches(caller: Caller, scope: Sequence[int] | None) -> bool:
    return caller.workspaces is None or (scope is not None and caller.workspaces.issuperset(scope))


def _existing(tx: Transaction, caller: Caller, client_id: str) -> Credential:
    found = credentials.find(tx, client_id) if client_id.isascii() and client_id.isalnum() else None
    if found is None or not _reaches(caller, found[0].workspaces):
        raise _missing(caller)
    return found[0]


def _missing(caller: Caller) -> NotFound:
    return caller.no_such("There is no credential with this client id.")


def _keep_an_admin(tx: Transaction, caller: Caller, client_id: str) -> None:
    """A service that nobody may manage can only be saved at its terminal, so only from there may it come to that.

    Locks before it counts, so that two who switch each other off cannot both succeed.
    """
    if caller is not OPERATOR and credentials.lock_unbound_admins(tx) == {client_id}:
        raise InvalidRequest(
            "This is the last active admin credential for all workspaces; without it nobody could manage the service. Make another one "
            "first, or use the command warehouse-sync credential deactivate or delete on the service's machine.",
            code="last_admin",
        )
