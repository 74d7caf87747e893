"""A connection: where a warehouse is and how to log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class WarehouseAddress:
    """What an adapter needs to reach a warehouse: its type, the fields of that type, and the secrets among them.

    Attributes:
        type: ``snowflake``, ``duckdb``, …
        parameters: the non-secret fields by their published name; a missing optional field is absent.
        secrets: the secret fields by their published name.
    """

    type: str
    parameters: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """A stored connection. ``key`` is the surrogate: a re-created ``id`` inherits nothing (decision D26)."""

    key: int
    id: str
    workspace_id: int
    name: str
    address: WarehouseAddress
    is_active: bool
    is_faulted: bool
    audit: AuditStamp
