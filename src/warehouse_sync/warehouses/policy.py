"""What the operator allows and asks of every conversation with a warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from warehouse_sync.domain.pipeline import WarehouseBudget

SCRIPTED = "scripted"
"""The type of the test double; exists only where ``WarehousePolicy.scripted_module`` is set."""


@dataclass(frozen=True, slots=True)
class SnowflakeEndpoint:
    """Where the operator wants Snowflake conversations to go instead of the vendor's hosts: an emulator or a private link."""

    host: str
    port: int
    protocol: Literal["http", "https"] = "https"


@dataclass(frozen=True, slots=True)
class BigQueryEndpoint:
    """Where the operator wants BigQuery conversations to go instead of Google's hosts.

    Attributes:
        host, port, protocol: of the REST API; tokens are asked for at its ``/token``.
        storage: ``host:port`` of the Storage Read API; without TLS.
    """

    host: str
    port: int
    protocol: Literal["http", "https"]
    storage: str

    @property
    def rest(self) -> str:
        return f"{self.protocol}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WarehousePolicy:
    """The operator's part of every conversation. Holds no secret; crosses to the child process as JSON.

    Attributes:
        duckdb_root: the folder below which DuckDB warehouses may lie; None refuses the type.
        duckdb_refused: files and folders of our own below it, never opened as a warehouse.
        snowflake_endpoint: replaces the host built from account and region.
        bigquery_endpoint: replaces Google's hosts.
        databricks_endpoint: address that replaces a workspace's, like ``http://127.0.0.1:18090``.
        allowed_private_hosts: ``host:port`` of warehouses at loopback or private addresses.
        login_timeout_seconds: for reaching a warehouse and logging in.
        statement_timeout_seconds: for each statement, as the warehouse counts it.
        max_bytes_billed: by each statement, where the warehouse holds it; 0 for no limit.
        network_timeout_seconds: for each part of a result to arrive, and for requests that start no statement.
        memory_limit_mb: what an engine inside our process may use for its own work.
        temp_limit_mb: what such an engine may spill to disk.
        threads: threads of such an engine.
        scripted_module: module with the ``open_warehouse`` of a test double. No setting leads here: only tests construct it.
    """

    duckdb_root: str | None = None
    duckdb_refused: tuple[str, ...] = ()
    snowflake_endpoint: SnowflakeEndpoint | None = None
    bigquery_endpoint: BigQueryEndpoint | None = None
    databricks_endpoint: str | None = None
    allowed_private_hosts: tuple[str, ...] = ()
    login_timeout_seconds: int = 20
    statement_timeout_seconds: int = 3600
    max_bytes_billed: int = 0
    network_timeout_seconds: int = 120
    memory_limit_mb: int = 512
    temp_limit_mb: int = 8192
    threads: int = 2
    scripted_module: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def within(self, budget: WarehouseBudget) -> Self:
        """The same with what a pipeline allows itself, which never widens it."""
        seconds = min(
            budget.statement_timeout_seconds or self.statement_timeout_seconds, self.statement_timeout_seconds
        )
        return replace(self, statement_timeout_seconds=seconds, max_bytes_billed=budget.max_bytes_billed)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The policy that ``to_json`` wrote. Raises ``KeyError`` or ``ValueError`` for anything else."""
        values: Mapping[str, Any] = json.loads(text)
        known = {field.name: values[field.name] for field in fields(cls)}
        for name in ("duckdb_refused", "allowed_private_hosts"):
            known[name] = tuple(values[name])
        for name, kind in (("snowflake_endpoint", SnowflakeEndpoint), ("bigquery_endpoint", BigQueryEndpoint)):
            known[name] = kind(**values[name]) if values[name] else None
        return cls(**known)
