"""What is known of Databricks."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, LogIn, WarehouseType

DATABRICKS: Final = WarehouseType(
    name="databricks",
    title="Databricks",
    dialect="databricks",
    fields=(
        FieldSpec(
            "server_hostname",
            "Host of the workspace, from the SQL warehouse's connection details.",
            example="adb-1.azuredatabricks.net",
        ),
        FieldSpec("http_path", "HTTP path of the SQL warehouse.", example="/sql/1.0/warehouses/abc123def456"),
        FieldSpec("catalog", "Catalog that unqualified names are looked up in.", example="main"),
        FieldSpec("access_token", "Personal access token.", required=False, secret=True),
        FieldSpec(
            "client_id",
            "Application id of a service principal.",
            required=False,
            example="0f1e2d3c-aaaa-bbbb-cccc-000000000000",
        ),
        FieldSpec("client_secret", "OAuth secret of the service principal.", required=False, secret=True),
    ),
    capabilities=Capabilities(
        identifiers=IdentifierCase.KEPT,
        load_timestamps=(
            LoadTimestampType.TIMESTAMP,
            LoadTimestampType.TIMESTAMP_LTZ,
            LoadTimestampType.TIMESTAMP_NTZ,
            LoadTimestampType.DATE,
        ),
        timestamp_digits=6,
        can_cancel=True,
        cost="Seconds of the SQL warehouse; it starts for a run, so let it stop itself soon.",
    ),
    tested="emulated: a stub of the Statement Execution API on the same machine",
    steps=(
        WarehouseStep.CONFIGURE,
        WarehouseStep.RESOLVE,
        WarehouseStep.REACH,
        WarehouseStep.TLS,
        WarehouseStep.LOGIN,
        WarehouseStep.WAREHOUSE,
        WarehouseStep.DATABASE,
    ),
    logins=(
        LogIn("personal access token", ("access_token",)),
        LogIn("OAuth machine-to-machine", ("client_id", "client_secret")),
    ),
    plain_timestamp_is_instant=True,
)
