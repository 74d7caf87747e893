"""Where a Snowflake account is, from the fields of a connection. Host names are built here, never taken from a caller."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault, parameter
from warehouse_sync.warehouses.policy import SnowflakeEndpoint

_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_PLAIN_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_UNNAMED_REGION: Final = "us-west-2"  # the vendor's first region: its accounts have no region in their address
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class SnowflakeAddress:
    """An account and what to use in it.

    Attributes:
        host, port, protocol: where to connect.
        is_operators: the operator chose the host; it may then be at any address the operator can reach.
    """

    account: str
    host: str
    port: int
    protocol: str
    is_operators: bool
    user: str
    role: str
    warehouse: str
    database: str


def snowflake_address(address: WarehouseAddress, endpoint: SnowflakeEndpoint | None) -> SnowflakeAddress:
    """Reads a connection's fields.

    Raises:
        WarehouseError: a field is missing, or account or region hold something that is not part of a host name.
    """
    account = parameter(address, "source_account_id")
    needed = needs_region(account)
    host = account_host(account, parameter(address, "region") if needed else address.parameters.get("region") or None)
    return SnowflakeAddress(
        account=account,
        host=endpoint.host if endpoint else host,
        port=endpoint.port if endpoint else _HTTPS,
        protocol=endpoint.protocol if endpoint else "https",
        is_operators=endpoint is not None,
        user=parameter(address, "user"),
        role=parameter(address, "role"),
        warehouse=parameter(address, "warehouse"),
        database=parameter(address, "database"),
    )


def needs_region(account: str) -> bool:
    """Whether an account's address has a region: that of a locator has, that of ``organization-account`` has none.

    Locators and names of organizations have no hyphen, and names of accounts have underscores.
    """
    return "-" not in account


def account_host(account: str, region: str | None) -> str:
    """The vendor's host name of an account.

    Args:
        account: a locator like ``gd1234``, or organization and account like ``myorg-account123``.
        region: of a locator; None for the others, unless the way is a private one (``privatelink``).

    Raises:
        WarehouseError: ``misconfigured``, naming the field.
    """
    if not _LABEL.fullmatch(account):
        raise _not_a_label("source_account_id", "gd1234")
    labels = [] if region is None else region.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _not_a_label("region", "us-central1.gcp")
    first = labels[0].lower() if labels else ""
    suffix = "snowflakecomputing.cn" if first.startswith("cn-") else "snowflakecomputing.com"
    named = [] if region and region.lower() == _UNNAMED_REGION else labels
    # An underscore is legal in an account's name but not in the vendor's certificates, which have a hyphen there.
    return ".".join([account.replace("_", "-"), *named, suffix]).lower()


def identifier(name: str) -> str:
    """A name as it must stand in a statement: plain names as they are, all others quoted."""
    if _PLAIN_IDENTIFIER.fullmatch(name):
        return name
    inner = name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name
    return '"' + inner.replace('"', '""') + '"'


def _not_a_label(field: str, example: str) -> WarehouseError:
    return fault(
        WarehouseFault.MISCONFIGURED,
        WarehouseStep.CONFIGURE,
        f"{field} can hold letters, digits, hyphens and underscores only. Write it as it stands in your account's address, "
        f"like {example}.",
        field=field,
    )
