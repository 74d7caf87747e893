"""What the services ask of a warehouse. The real thing talks to a child process; ``bootstrap`` puts it in place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

from warehouse_sync.domain.connection import Connection, WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.sql.guard import CheckedQuery


class ConnectionTest(Protocol):
    """Tries to log in."""

    def check(self, address: WarehouseAddress) -> str | None:
        """Goes through every step up to using the database; slow. The address holds readable secrets.

        Returns:
            the field that was accepted at the log-in, where several may be tried; else None.

        Raises:
            WarehouseError: a step failed; it says which.
        """
        ...


class PipelineProbe(Protocol):
    """Tries a data model on a connection."""

    def check(self, connection: Connection, data_model: DataModel, priority: Sequence[IdentityType]) -> None:
        """Asks the warehouse for the query's columns and plans their mapping; slow. The connection holds readable secrets.

        Args:
            priority: the look-up identities of the workspace.

        Raises:
            InvalidRequest: the query is refused in this connection's dialect, or its columns cannot be mapped.
            WarehouseError: the warehouse refused or did not answer.
        """
        ...


class Talk(Protocol):
    """One session with a warehouse, in a child process of its own."""

    def probe(self, sql: str) -> pa.Schema:
        """The columns of a query that returns no rows, in normal form."""
        ...

    def preview(self, sql: str, *, rows: int = 100) -> pa.Table:
        """The first rows of a query."""
        ...


class Conversations(Protocol):
    """Whoever can begin a session with a warehouse."""

    def conversation(self, address: WarehouseAddress, query_tag: str) -> AbstractContextManager[Talk]:
        """A session that ends with its block; slow. The address holds readable secrets.

        Raises:
            WarehouseError: the warehouse refused or did not answer.
            RunError: the child process died, or its result is too large.
        """
        ...


class QueryCheck(Protocol):
    """Looks at a customer's SQL without a warehouse."""

    def __call__(self, sql_query: str) -> Sequence[CheckedQuery]:
        """The query in every dialect in which it is one read-only query: at least one (decision D21).

        Raises:
            SqlRefused: it is not, in any of them.
        """
        ...
