"""Trying a data model on a connection before anything is stored or applied: its columns, what becomes of them, a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from warehouse_sync.catalog import audit, connections, data_models
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.clock import Clock
from warehouse_sync.domain.column import Column, ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.identity import IdentityType, identity_of_column, is_mpid_column
from warehouse_sync.domain.load_timestamp import LoadTimestamp
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.security.vault import Vault
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.data_models import check_zone
from warehouse_sync.services.preview_rows import Cell, row_texts
from warehouse_sync.services.warehouse_ports import Conversations
from warehouse_sync.sql import wrap
from warehouse_sync.sql.advice import Advice, advice
from warehouse_sync.sql.guard import CheckedQuery, check_query
from warehouse_sync.sync.mapping import find_load_timestamp, plan_mapping
from warehouse_sync.warehouses.arrow import column_kinds
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

MOST_ROWS: Final = 20


class ColumnRole(StrEnum):
    """What becomes of a column of a query."""

    LOAD_TIMESTAMP = "load_timestamp"
    IDENTITY = "identity"
    MPID = "mpid"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class PreviewDraft:
    """A query that is not stored."""

    sql_query: str
    load_timestamp: LoadTimestamp


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column and what becomes of it.

    Attributes:
        identity_type: of an identity.
        attribute: the name of the attribute it becomes.
        looks_up: whether rows can find a profile by it in this workspace.
    """

    name: str
    kind: ColumnKind
    role: ColumnRole
    identity_type: IdentityType | None
    attribute: str | None
    looks_up: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a query gives and what would become of it.

    Attributes:
        refusal: why a pipeline with this query could not be made; None if it could.
        rows: values in the order of the columns, as the Profile API would write them; None for NULL, long texts are cut.
        rows_sql: None if no rows were asked for.
    """

    columns: tuple[PreviewColumn, ...]
    warnings: tuple[Advice, ...]
    refusal: InvalidRequest | None
    rows: tuple[tuple[Cell, ...], ...]
    probe_sql: str
    rows_sql: str | None


class PreviewService:
    """Previews, each in one conversation with the warehouse."""

    def __init__(
        self, database: Database, clock: Clock, *, vault: Vault, warehouses: Conversations, max_columns: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._warehouses = warehouses
        self._max_columns = max_columns

    def preview(
        self, caller: Caller, workspace_id: int, *, connection_id: str, query: PreviewDraft | str, rows: int = MOST_ROWS
    ) -> Preview:
        """Asks the warehouse for the query's columns and its first rows; slow. Stores nothing but the deed.

        Args:
            query: what is to be tried, or the id of a stored data model.
            rows: how many rows at most, from 0 to ``MOST_ROWS``.

        Raises:
            InvalidRequest: a field is wrong or names nothing, or the query is refused in the connection's dialect.
            WarehouseError: the warehouse refused or did not answer.
            RunError: the rows are too large to show.
        """
        with self._database.write() as tx:
            workspace = caller.enter(tx, Permission.ADMIN, workspace_id)
            draft = _stored(tx, workspace_id, query) if isinstance(query, str) else query
            address = self._address(tx, workspace_id, connection_id)
            now = self._clock.now()
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "preview", "connection", connection_id))
        check_zone(draft.load_timestamp.zone)
        checked = check_query(draft.sql_query, WAREHOUSE_TYPES[address.type].dialect)
        priority = rules_of(workspace.identity_settings).priority
        return self._asked(address, checked, draft.load_timestamp, priority, min(max(rows, 0), MOST_ROWS))

    def _asked(
        self,
        address: WarehouseAddress,
        query: CheckedQuery,
        stamp: LoadTimestamp,
        priority: Sequence[IdentityType],
        rows: int,
    ) -> Preview:
        probe_sql = wrap.probe(query)
        rows_sql = wrap.preview(query, rows) if rows else None
        with self._warehouses.conversation(address, "warehouse-sync preview") as conversation:
            schema = conversation.probe(probe_sql)
            table = schema.empty_table() if rows_sql is None else conversation.preview(rows_sql, rows=rows)
        columns = column_kinds(schema)
        return Preview(
            columns=_described(columns, stamp, priority),
            warnings=advice(query, stamp.name),
            refusal=self._refusal(columns, stamp, priority, address),
            rows=row_texts(table),
            probe_sql=probe_sql,
            rows_sql=rows_sql,
        )

    def _refusal(
        self,
        columns: Sequence[Column],
        stamp: LoadTimestamp,
        priority: Sequence[IdentityType],
        address: WarehouseAddress,
    ) -> InvalidRequest | None:
        try:
            plan_mapping(
                columns,
                stamp,
                priority=priority,
                plain_timestamp_is_instant=WAREHOUSE_TYPES[address.type].plain_timestamp_is_instant,
                max_columns=self._max_columns,
            )
        except InvalidRequest as error:
            return error
        return None

    def _address(self, tx: Transaction, workspace_id: int, connection_id: str) -> WarehouseAddress:
        found = connections.find(tx, workspace_id, connection_id)
        if found is None:
            raise InvalidRequest("There is no connection with this connection_id.", field="connection_id")
        return connections.opened(tx, found, self._vault).address


def _stored(tx: Transaction, workspace_id: int, data_model_id: str) -> PreviewDraft:
    found = data_models.find(tx, workspace_id, data_model_id)
    if found is None:
        raise InvalidRequest("There is no data model with this data_model_id.", field="data_model_id")
    return PreviewDraft(found.sql_query, found.load_timestamp)


def _described(
    columns: Sequence[Column], stamp: LoadTimestamp, priority: Sequence[IdentityType]
) -> tuple[PreviewColumn, ...]:
    """Every column with its role; also where the mapping is refused, so that it can be seen why."""
    try:
        load_timestamp = find_load_timestamp(columns, stamp.name)
    except InvalidRequest:
        load_timestamp = None
    return tuple(_column(column, column is load_timestamp, priority) for column in columns)


def _column(column: Column, is_load_timestamp: bool, priority: Sequence[IdentityType]) -> PreviewColumn:
    identity = identity_of_column(column.name)
    if is_load_timestamp:
        return PreviewColumn(column.name, column.kind, ColumnRole.LOAD_TIMESTAMP, None, None, looks_up=False)
    if is_mpid_column(column.name):
        return PreviewColumn(column.name, column.kind, ColumnRole.MPID, None, None, looks_up=True)
    if identity is not None:
        known = identity in priority
        return PreviewColumn(column.name, column.kind, ColumnRole.IDENTITY, identity, None, looks_up=known)
    return PreviewColumn(column.name, column.kind, ColumnRole.ATTRIBUTE, None, column.name, looks_up=False)
