"""Data models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog import lifetime
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import data_models
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType

_BY_KEY: Final = sa.select(data_models).where(data_models.c.key == sa.bindparam("of_key"))
_BY_ID: Final = sa.select(data_models).where(
    data_models.c.workspace_id == sa.bindparam("of_workspace"),
    data_models.c.id == sa.bindparam("of_id"),
    data_models.c.deleted_on.is_(None),
)


def create(
    tx: Transaction,
    *,
    workspace_id: int,
    id: str,  # noqa: A002 - the published name
    name: str,
    sql_query: str,
    load_timestamp: LoadTimestamp,
    is_active: bool,
    now: datetime,
    by: str,
) -> DataModel:
    """Stores a new data model.

    Raises:
        InvalidRequest: the id is taken in this workspace.
    """
    values = _values(name=name, sql_query=sql_query, load_timestamp=load_timestamp, is_active=is_active)
    statement = sa.insert(data_models).values(workspace_id=workspace_id, id=id, **values, **lifetime.created(now, by))
    return by_key(tx, lifetime.insert_unique(tx, statement, kind="data model", id=id))


def change(
    tx: Transaction,
    data_model: DataModel,
    *,
    name: str,
    sql_query: str,
    load_timestamp: LoadTimestamp,
    is_active: bool,
    now: datetime,
    by: str,
) -> DataModel:
    """Replaces everything but key, id and workspace."""
    values = _values(name=name, sql_query=sql_query, load_timestamp=load_timestamp, is_active=is_active)
    tx.execute(
        sa.update(data_models).where(data_models.c.key == data_model.key).values(**values, **lifetime.modified(now, by))
    )
    return by_key(tx, data_model.key)


def find(tx: Transaction, workspace_id: int, id: str, *, lock: bool = False) -> DataModel | None:  # noqa: A002 - as above
    """The living data model with this id. ``lock`` holds it as it is until the transaction ends."""
    query = _BY_ID.with_for_update() if lock else _BY_ID
    row = tx.execute(query, {"of_workspace": workspace_id, "of_id": id}).one_or_none()
    return None if row is None else _data_model(row)


def by_key(tx: Transaction, key: int) -> DataModel:
    """The data model with this key, deleted or not."""
    return _data_model(tx.execute(_BY_KEY, {"of_key": key}).one())


def ids_of(tx: Transaction, keys: Iterable[int]) -> dict[int, str]:
    """The published ids of data models by key, deleted ones too; without the keys that there are none of."""
    query = sa.select(data_models.c.key, data_models.c.id).where(data_models.c.key.in_(list(keys)))
    return {row.key: row.id for row in tx.execute(query)}


def all_of(tx: Transaction, workspace_id: int) -> list[DataModel]:
    """The workspace's living data models in the order of their creation."""
    columns = data_models.c
    query = (
        sa.select(data_models)
        .where(columns.workspace_id == workspace_id, columns.deleted_on.is_(None))
        .order_by(columns.key)
    )
    return [_data_model(row) for row in tx.execute(query)]


def delete(tx: Transaction, data_model: DataModel, *, now: datetime, by: str) -> None:
    """Ends the data model's life; attributes it set stay on the profiles, with their origin (decision D31)."""
    tx.execute(sa.update(data_models).where(data_models.c.key == data_model.key).values(**lifetime.deleted(now, by)))


def _values(*, name: str, sql_query: str, load_timestamp: LoadTimestamp, is_active: bool) -> dict[str, Any]:
    return {
        "name": name,
        "sql_query": sql_query,
        "load_timestamp_name": load_timestamp.name,
        "load_timestamp_type": load_timestamp.declared.value,
        "load_timestamp_zone": load_timestamp.zone,
        "load_timestamp_offset_seconds": load_timestamp.offset // timedelta(seconds=1),
        "is_active": is_active,
    }


def _data_model(row: sa.Row[Any]) -> DataModel:
    return DataModel(
        key=row.key,
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        sql_query=row.sql_query,
        load_timestamp=LoadTimestamp(
            name=row.load_timestamp_name,
            declared=LoadTimestampType(row.load_timestamp_type),
            zone=row.load_timestamp_zone,
            offset=timedelta(seconds=row.load_timestamp_offset_seconds),
        ),
        is_active=row.is_active,
        audit=lifetime.stamp_of(row),
    )
