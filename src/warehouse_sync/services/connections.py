"""Connections: no connection is stored that the warehouse did not accept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from warehouse_sync.catalog import audit, connections, pipelines
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.connection import Connection, WarehouseAddress
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.domain.slug import check_slug
from warehouse_sync.errors import InUse, InvalidRequest, NotFound, WarehouseError, WarehouseStep
from warehouse_sync.security.vault import Vault
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.warehouse_ports import ConnectionTest
from warehouse_sync.warehouses.protocol import WarehouseType


@dataclass(frozen=True, slots=True)
class ConnectionDraft:
    """What a request says of a connection.

    Attributes:
        values: the non-secret fields of its type, by published name.
        secrets: the secret fields; absent or masked ones keep what is stored.
    """

    name: str
    type: str
    values: Mapping[str, str]
    secrets: Mapping[str, Secret]
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class PassedTest:
    """A warehouse accepted a connection.

    Attributes:
        steps: all that its type of warehouse has.
        logged_in_with: the field that was accepted at the log-in, where several may be tried: which of two keys. Else None.
    """

    steps: tuple[WarehouseStep, ...]
    logged_in_with: str | None


class ConnectionService:
    """The verbs of connections. ``types`` are the types of warehouse by name."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        types: Mapping[str, WarehouseType],
        test: ConnectionTest,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._types = types
        self._test = test

    def all_of(self, caller: Caller, workspace_id: int, *, type: str | None = None) -> list[Connection]:  # noqa: A002 - published
        """The workspace's connections, secrets masked.

        Raises:
            InvalidRequest: there is no such type.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            if type is not None:
                self._kind(type)
            return connections.all_of(tx, workspace_id, type=type)

    def get(self, caller: Caller, workspace_id: int, connection_id: str) -> Connection:
        """One connection, secrets masked.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return _existing(tx, workspace_id, connection_id)

    def create(self, caller: Caller, workspace_id: int, connection_id: str, draft: ConnectionDraft) -> Connection:
        """Tests the warehouse, then stores the connection.

        Raises:
            InvalidRequest: a field is missing or wrong, or the id is taken.
            WarehouseError: the warehouse did not accept it; nothing was stored.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
        check_slug(connection_id)
        address = self._address(draft, {})
        self._test.check(address)
        now = self._clock.now()
        with self._database.write() as tx:
            stored = connections.create(
                tx,
                workspace_id=workspace_id,
                id=connection_id,
                name=draft.name,
                address=address,
                is_active=draft.is_active,
                vault=self._vault,
                now=now,
                by=caller.name,
            )
            audit.record(tx, _entry(self._clock, caller, "create", stored))
            crashpoint("secret_storing")
        crashpoint("secret_stored")
        return stored

    def replace(self, caller: Caller, workspace_id: int, connection_id: str, draft: ConnectionDraft) -> Connection:
        """Tests the warehouse, then replaces the whole connection; absent and masked secrets stay as they are.

        Raises:
            NotFound: there is no such connection.
            InvalidRequest: a field is missing or wrong, or the type would change.
            WarehouseError: the warehouse did not accept it; nothing was changed.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            before = _existing(tx, workspace_id, connection_id)
            opened = connections.opened(tx, before, self._vault)
        if draft.type != before.address.type:
            raise InvalidRequest(
                f"The type of a connection cannot change; this one is {before.address.type}. Create another connection.",
                field="type",
            )
        address = self._address(draft, opened.address.secrets)
        self._test.check(address)
        with self._database.write() as tx:
            current = _existing(tx, workspace_id, connection_id, lock=True)
            if current.key != before.key:
                raise _missing(connection_id)
            stored = connections.change(
                tx,
                current,
                name=draft.name,
                address=address,
                is_active=draft.is_active,
                vault=self._vault,
                now=self._clock.now(),
                by=caller.name,
            )
            audit.record(tx, _entry(self._clock, caller, "change", stored))
            crashpoint("secret_storing")
        crashpoint("secret_stored")
        return stored

    def test(self, caller: Caller, workspace_id: int, connection_id: str) -> PassedTest:
        """Goes through every step up to using the database, and notes whether that worked; slow.

        Raises:
            NotFound: there is no such connection.
            WarehouseError: a step failed; it says which.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = _existing(tx, workspace_id, connection_id)
            opened = connections.opened(tx, found, self._vault)
        try:
            accepted = self._test.check(opened.address)
        except WarehouseError as error:
            self._note(caller, found, error.step)
            raise
        self._note(caller, found, None)
        return PassedTest(self._kind(found.address.type).steps, accepted)

    def _note(self, caller: Caller, connection: Connection, failed_at: WarehouseStep | None) -> None:
        """Writes the outcome of a test, if the connection is still the one that was tested."""
        details = {"outcome": "passed" if failed_at is None else f"failed at {failed_at}"}
        now = self._clock.now()
        with self._database.write() as tx:
            current = connections.find(tx, connection.workspace_id, connection.id, lock=True)
            if current is None or (current.key, current.audit) != (connection.key, connection.audit):
                return
            connections.set_faulted(tx, current.key, is_faulted=failed_at is not None)
            entry = AuditEntry(now, caller.client_id, current.workspace_id, "test", "connection", current.id, details)
            audit.record(tx, entry)

    def delete(self, caller: Caller, workspace_id: int, connection_id: str) -> None:
        """Removes a connection and its secrets.

        Raises:
            NotFound: there is none.
            InUse: pipelines use it; names them.
        """
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = _existing(tx, workspace_id, connection_id, lock=True)
            users = pipelines.users_of_connection(tx, found.key)
            if users:
                raise InUse(
                    f"Connection {connection_id} is used by these pipelines: {', '.join(users)}. Delete them or give them another "
                    "connection first."
                )
            connections.delete(tx, found, now=self._clock.now(), by=caller.name)
            audit.record(tx, _entry(self._clock, caller, "delete", found))
            crashpoint("object_deleting")
        crashpoint("object_deleted")

    def _kind(self, name: str) -> WarehouseType:
        kind = self._types.get(name)
        if kind is None:
            raise InvalidRequest(f"type must be one of: {', '.join(sorted(self._types))}.", field="type")
        return kind

    def _address(self, draft: ConnectionDraft, stored: Mapping[str, Secret]) -> WarehouseAddress:
        """The address to test: the draft's fields, and for each secret the new one or else the stored one."""
        kind = self._kind(draft.type)
        fresh = {name: secret for name, secret in draft.secrets.items() if secret.reveal() not in {"", MASK}}
        values = {spec.name: draft.values[spec.name] for spec in kind.fields if draft.values.get(spec.name)}
        secrets = {**_kept(kind, stored, {*values, *fresh}), **fresh}
        required = [spec.name for spec in kind.fields if spec.required]
        for name in (*required, *kind.also_needs(values)):
            if name not in values and name not in secrets:
                raise InvalidRequest(f"{name} is required for a {kind.name} connection.", field=name)
        kind.check_login({*values, *secrets})
        return WarehouseAddress(kind.name, values, secrets)


def _kept(kind: WarehouseType, stored: Mapping[str, Secret], given: Collection[str]) -> Mapping[str, Secret]:
    """The stored secrets that stay: a new way of logging in replaces the old one's secrets."""
    login = kind.login_meant(given)
    if login is None:
        return stored
    dropped = {name for other in kind.logins for name in other.fields if name not in login.fields}
    return {name: secret for name, secret in stored.items() if name not in dropped}


def _existing(tx: Transaction, workspace_id: int, connection_id: str, *, lock: bool = False) -> Connection:
    found = connections.find(tx, workspace_id, connection_id, lock=lock)
    if found is None:
        raise _missing(connection_id)
    return found


def _missing(connection_id: str) -> NotFound:
    return NotFound(f"There is no connection {connection_id[:128]}.")


def _entry(clock: Clock, caller: Caller, action: str, connection: Connection) -> AuditEntry:
    return AuditEntry(clock.now(), caller.client_id, connection.workspace_id, action, "connection", connection.id)
