"""Connections, and the sealed secrets that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog import lifetime
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import connection_secrets, connections
from warehouse_sync.domain.connection import Connection, WarehouseAddress
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.security.vault import SecretPlace, Vault, record_prefix

_MASKED = Secret(MASK)

# Made once: every run asks them.
_LIVING: Final = connections.c.deleted_on.is_(None)
_OF_KEY: Final = connections.c.key == sa.bindparam("of_key")
_SELECT: Final = sa.select(connections).order_by(connections.c.key)
_BY_KEY: Final = _SELECT.where(_OF_KEY)
_BY_ID: Final = _SELECT.where(
    connections.c.workspace_id == sa.bindparam("of_workspace"), connections.c.id == sa.bindparam("of_id"), _LIVING
)
_MARK: Final = sa.update(connections).where(_OF_KEY, connections.c.is_faulted != sa.bindparam("marked"))
_FIELDS: Final = sa.select(connection_secrets.c.connection_key, connection_secrets.c.field).where(
    connection_secrets.c.connection_key.in_(sa.bindparam("of_keys", expanding=True))
)
_SEALED: Final = sa.select(connection_secrets.c.field, connection_secrets.c.sealed).where(
    connection_secrets.c.connection_key == sa.bindparam("of_key")
)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A stored secret as it lies there, and the place it opens in."""

    place: SecretPlace
    record: bytes


def create(
    tx: Transaction,
    *,
    workspace_id: int,
    id: str,  # noqa: A002 - the published name
    name: str,
    address: WarehouseAddress,
    is_active: bool,
    vault: Vault,
    now: datetime,
    by: str,
) -> Connection:
    """Stores a new connection and seals the secrets of its address.

    Raises:
        InvalidRequest: the id is taken in this workspace.
    """
    values = _values(name=name, address=address, is_active=is_active) | lifetime.created(now, by)
    statement = sa.insert(connections).values(workspace_id=workspace_id, id=id, **values)
    key = lifetime.insert_unique(tx, statement, kind="connection", id=id)
    _seal(tx, key, workspace_id, address.secrets, vault)
    return by_key(tx, key)


def change(
    tx: Transaction,
    connection: Connection,
    *,
    name: str,
    address: WarehouseAddress,
    is_active: bool,
    vault: Vault,
    now: datetime,
    by: str,
) -> Connection:
    """Replaces everything but key, id and workspace. A connection that was just tested is no longer faulted."""
    values = _values(name=name, address=address, is_active=is_active) | lifetime.modified(now, by)
    tx.execute(sa.update(connections).where(connections.c.key == connection.key).values(**values))
    tx.execute(sa.delete(connection_secrets).where(connection_secrets.c.connection_key == connection.key))
    _seal(tx, connection.key, connection.workspace_id, address.secrets, vault)
    return by_key(tx, connection.key)


def find(tx: Transaction, workspace_id: int, id: str, *, lock: bool = False) -> Connection | None:  # noqa: A002 - as above
    """The living connection with this id, its secrets masked. ``lock`` holds it as it is until the transaction ends."""
    query = _BY_ID.with_for_update() if lock else _BY_ID
    found = _connections(tx, query, of_workspace=workspace_id, of_id=id)
    return found[0] if found else None


def by_key(tx: Transaction, key: int) -> Connection:
    """The connection with this key, deleted or not, its secrets masked."""
    return _connections(tx, _BY_KEY, of_key=key)[0]


def all_of(tx: Transaction, workspace_id: int, *, type: str | None = None) -> list[Connection]:  # noqa: A002 - as above
    """The workspace's living connections in the order of their creation, their secrets masked."""
    query = _SELECT.where(connections.c.workspace_id == workspace_id, _LIVING)
    return _connections(tx, query if type is None else query.where(connections.c.type == type))


def opened(tx: Transaction, connection: Connection, vault: Vault) -> Connection:
    """The same connection with its secrets readable: for adapters only.

    Raises:
        StoreError: a secret was sealed with another master key, or was damaged.
    """
    rows = tx.execute(_SEALED, {"of_key": connection.key})
    secrets = {
        field: vault.open(sealed, _place(connection.workspace_id, connection.key, field)) for field, sealed in rows
    }
    return replace(connection, address=replace(connection.address, secrets=secrets))


def set_faulted(tx: Transaction, key: int, *, is_faulted: bool) -> bool:
    """Marks the connection as faulted or as well; returns whether that changed what it was."""
    return tx.execute(_MARK, {"of_key": key, "is_faulted": is_faulted, "marked": is_faulted}).rowcount == 1


def delete(tx: Transaction, connection: Connection, *, now: datetime, by: str) -> None:
    """Ends the connection's life and removes its secrets for good."""
    tx.execute(sa.delete(connection_secrets).where(connection_secrets.c.connection_key == connection.key))
    tx.execute(sa.update(connections).where(connections.c.key == connection.key).values(**lifetime.deleted(now, by)))


def sealed_by_other_keys(
    tx: Transaction, key_id: str, *, most: int, after: SecretPlace | None = None
) -> list[SealedSecret]:
    """Up to ``most`` secrets that are not under the master key with this id, in a fixed order, those behind ``after``."""
    columns = connection_secrets.c
    query = (
        sa.select(connections.c.workspace_id, columns.connection_key, columns.field, columns.sealed)
        .join(connections, connections.c.key == columns.connection_key)
        .where(~_is_under(key_id))
        .order_by(columns.connection_key, columns.field)
        .limit(most)
    )
    if after is not None:
        query = query.where(sa.tuple_(columns.connection_key, columns.field) > (after.key, after.field))
    return [
        SealedSecret(_place(row.workspace_id, row.connection_key, row.field), row.sealed) for row in tx.execute(query)
    ]


def secrets_under(tx: Transaction, key_id: str) -> int:
    """How many secrets are under the master key with this id."""
    query = sa.select(sa.func.count()).select_from(connection_secrets).where(_is_under(key_id))
    return tx.execute(query).scalar_one()


def rewrap_secret(tx: Transaction, before: SealedSecret, record: bytes) -> bool:
    """Puts the re-wrapped record in the place of the old one; False if that was replaced or removed meanwhile."""
    columns = connection_secrets.c
    place = before.place
    done = tx.execute(
        sa.update(connection_secrets)
        .where(columns.connection_key == place.key, columns.field == place.field, columns.sealed == before.record)
        .values(sealed=record)
    )
    return done.rowcount == 1


def _is_under(key_id: str) -> sa.ColumnElement[bool]:
    prefix = record_prefix(key_id)
    start = sa.func.substr(connection_secrets.c.sealed, 1, len(prefix), type_=sa.LargeBinary())
    return start == prefix


def _values(*, name: str, address: WarehouseAddress, is_active: bool) -> dict[str, Any]:
    return {
        "name": name,
        "type": address.type,
        "parameters": dict(address.parameters),
        "is_active": is_active,
        "is_faulted": False,
    }


def _seal(tx: Transaction, key: int, workspace_id: int, secrets: Mapping[str, Secret], vault: Vault) -> None:
    for field, secret in secrets.items():
        sealed = vault.seal(secret, _place(workspace_id, key, field))
        tx.execute(sa.insert(connection_secrets).values(connection_key=key, field=field, sealed=sealed))


def _place(workspace_id: int, key: int, field: str) -> SecretPlace:
    return SecretPlace("connection", workspace_id, key, field)


def _connections(tx: Transaction, query: sa.Select[Any], **values: object) -> list[Connection]:
    rows = tx.execute(query, values).all()
    stored: dict[int, dict[str, Secret]] = {}
    for key, field in tx.execute(_FIELDS, {"of_keys": [row.key for row in rows]}):
        stored.setdefault(key, {})[field] = _MASKED
    return [_connection(row, stored.get(row.key, {})) for row in rows]


def _connection(row: sa.Row[Any], secrets: dict[str, Secret]) -> Connection:
    return Connection(
        key=row.key,
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        address=WarehouseAddress(row.type, row.parameters, secrets),
        is_active=row.is_active,
        is_faulted=row.is_faulted,
        audit=lifetime.stamp_of(row),
    )
