"""Which types of warehouse there are, known without any driver, and how to open one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final, cast

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.policy import SCRIPTED, WarehousePolicy
from warehouse_sync.warehouses.protocol import FieldSpec, Warehouse, WarehouseType

_SNOWFLAKE: Final = WarehouseType(
    name="snowflake",
    dialect="snowflake",
    fields=(
        FieldSpec("source_account_id", "Snowflake account locator.", example="gd1234"),
        FieldSpec("region", "Region segment of the account's address.", example="us-central1.gcp"),
        FieldSpec("warehouse", "Compute warehouse that runs the queries.", example="compute_wh"),
        FieldSpec("database", "Database that unqualified names are looked up in.", example="mp"),
        FieldSpec("role", "Role assumed after login.", example="mp_role"),
        FieldSpec("user", "User to log in as.", example="mp_user"),
        FieldSpec("password", "Password of the user.", secret=True),
        FieldSpec("snowflake_aws_iam_user_arn", "STORAGE_AWS_IAM_USER_ARN; kept, not used.", required=False),
        FieldSpec("snowflake_aws_external_id", "STORAGE_AWS_EXTERNAL_ID; kept, not used.", required=False),
    ),
    extra="snowflake",
)
_DUCKDB: Final = WarehouseType(
    name="duckdb",
    dialect="duckdb",
    fields=(FieldSpec("database", "DuckDB file below the operator's folder of warehouses.", example="shop.duckdb"),),
)

WAREHOUSE_TYPES: Final[Mapping[str, WarehouseType]] = {kind.name: kind for kind in (_SNOWFLAKE, _DUCKDB)}
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
