"""Which types of warehouse there are, known without any driver, and how to open one.

A new type is a file here that describes it, its line in ``WAREHOUSE_TYPES``, and an adapter ``warehouses/NAME.py`` with ``open_warehouse``.
The API, the documentation's tables and the tests follow from that.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final, cast

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue.bigquery import BIGQUERY
from warehouse_sync.warehouses.catalogue.databricks import DATABRICKS
from warehouse_sync.warehouses.catalogue.duckdb import DUCKDB
from warehouse_sync.warehouses.catalogue.postgres import POSTGRES
from warehouse_sync.warehouses.catalogue.redshift import REDSHIFT
from warehouse_sync.warehouses.catalogue.snowflake import SNOWFLAKE
from warehouse_sync.warehouses.policy import SCRIPTED, WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse, WarehouseType

WAREHOUSE_TYPES: Final[Mapping[str, WarehouseType]] = {
    kind.name: kind for kind in (SNOWFLAKE, BIGQUERY, DATABRICKS, POSTGRES, REDSHIFT, DUCKDB)
}
"""Every type of warehouse by the ``type`` of its connection object."""

_ADAPTERS: Final = {name: f"warehouse_sync.warehouses.{name}" for name in WAREHOUSE_TYPES}


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> Warehouse:
    """A conversation with the warehouse at an address. Nothing is connected before its first use.

    Args:
        query_tag: names the pipeline and run to the warehouse's own records.

    Raises:
        WarehouseError: the type is unknown, a field is wrong, the policy forbids the address, or the driver is not installed.
    """
    module_name = policy.scripted_module if address.type == SCRIPTED else _ADAPTERS.get(address.type)
    if module_name is None:
        raise WarehouseError(
            f"There is no warehouse type {address.type}. Use one of: {', '.join(sorted(WAREHOUSE_TYPES))}.",
            fault=WarehouseFault.MISCONFIGURED,
            step=WarehouseStep.CONFIGURE,
            field="type",
        )
    try:
        adapter = importlib.import_module(module_name)
    except ImportError as error:
        raise _driver_missing(address.type) from error
    return cast("Warehouse", adapter.open_warehouse(address, policy, query_tag=query_tag))


def _driver_missing(name: str) -> WarehouseError:
    kind = WAREHOUSE_TYPES.get(name)
    package = f"warehouse-sync[{kind.extra}]" if kind and kind.extra else "warehouse-sync"
    return WarehouseError(
        f'The Python driver for {name} is not installed. The operator can install it: pip install "{package}"',
        fault=WarehouseFault.DRIVER_MISSING,
        step=WarehouseStep.CONFIGURE,
    )
