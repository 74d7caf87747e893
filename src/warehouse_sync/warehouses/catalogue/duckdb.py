"""What is known of DuckDB files as warehouses."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, WarehouseType

DUCKDB: Final = WarehouseType(
    name="duckdb",
    title="DuckDB",
    dialect="duckdb",
    fields=(FieldSpec("database", "DuckDB file below the operator's folder of warehouses.", example="shop.duckdb"),),
    capabilities=Capabilities(
        identifiers=IdentifierCase.KEPT,
        load_timestamps=(
            LoadTimestampType.TIMESTAMP,
            LoadTimestampType.TIMESTAMP_NTZ,
            LoadTimestampType.TIMESTAMP_TZ,
            LoadTimestampType.DATE,
        ),
        timestamp_digits=9,
        can_cancel=True,
        cost="Nothing but processor time and memory of the service's own machine.",
    ),
    tested="itself",
    steps=(WarehouseStep.CONFIGURE, WarehouseStep.DATABASE),  # a file has no network, log-in or role
)
