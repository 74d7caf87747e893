"""Where a Databricks SQL warehouse is, from the fields of a connection. Only hosts of the vendor are taken from a caller."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault, parameter

_HOST: Final = re.compile(
    r"[a-z0-9][a-z0-9.-]{0,200}\.(?:azuredatabricks\.net|databricks\.azure\.(?:cn|us)|(?:cloud|gcp)\.databricks\.com|cloud\.databricks\.us)"
)
_PATH: Final = re.compile(r"/?sql/1\.0/(?:warehouses|endpoints)/([A-Za-z0-9]{1,64})")


@dataclass(frozen=True, slots=True)
class DatabricksAddress:
    """A SQL warehouse and what to use in it.

    Attributes:
        base: address of the workspace's API, without a slash at its end.
        warehouse_id: of the SQL warehouse.
    """

    base: str
    warehouse_id: str
    catalog: str


def databricks_address(address: WarehouseAddress, endpoint: str | None) -> DatabricksAddress:
    """Reads a connection's fields.

    Args:
        endpoint: the operator's address in place of the workspace's; None for the vendor's.

    Raises:
        WarehouseError: a field is missing, or the host is not the vendor's.
    """
    host = parameter(address, "server_hostname").lower().removeprefix("https://").rstrip("/")
    if endpoint is None and not _HOST.fullmatch(host):
        raise _wrong(
            "server_hostname",
            "server_hostname must be the host of a Databricks workspace, like adb-1.2.azuredatabricks.net.",
        )
    path = _PATH.fullmatch(parameter(address, "http_path"))
    if path is None:
        raise _wrong("http_path", "http_path must be that of a SQL warehouse, like /sql/1.0/warehouses/abc123def456.")
    return DatabricksAddress(
        base=endpoint or f"https://{host}",
        warehouse_id=path.group(1),
        catalog=parameter(address, "catalog"),
    )


def _wrong(field: str, sentence: str) -> WarehouseError:
    return fault(WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, sentence, field=field)
