"""Writes the documentation's overview of warehouses and its pages of column types: ``make pages``."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.type_table import TypeTable, page
from tests.conformance.types.bigquery import BIGQUERY_TYPES
from tests.conformance.types.databricks import DATABRICKS_TYPES
from tests.conformance.types.duckdb import DUCKDB_TYPES
from tests.conformance.types.postgres import POSTGRES_TYPES
from tests.conformance.types.redshift import REDSHIFT_TYPES
from tests.conformance.types.snowflake import SNOWFLAKE_TYPES
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES
from warehouse_sync.warehouses.protocol import IdentifierCase, WarehouseType

TYPE_TABLES: dict[str, TypeTable] = {
    table.name: table
    for table in (SNOWFLAKE_TYPES, BIGQUERY_TYPES, DATABRICKS_TYPES, POSTGRES_TYPES, REDSHIFT_TYPES, DUCKDB_TYPES)
}

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "warehouses" / "types"


OVERVIEW = Path(__file__).resolve().parents[2] / "docs" / "warehouses" / "README.md"
_OVERVIEW_HEAD = """\
<!-- Made by: make pages   Do not edit. -->
# Warehouses

One page for each type of warehouse: its connection's fields, how to log in, grants, network, types, and what was tested.

| | driver | tested against | names without quotes | load timestamps | digits of a second | cancels a running query | what a run costs |
|---|---|---|---|---|---|---|---|
"""


def overview() -> str:
    """The page that lists all types of warehouse."""
    return _OVERVIEW_HEAD + "".join(f"{_line(kind)}\n" for kind in WAREHOUSE_TYPES.values())


def _line(kind: WarehouseType) -> str:
    can = kind.capabilities
    driver = f"`warehouse-sync[{kind.extra}]`" if kind.extra else "always there"
    stamps = ", ".join(f"`{declared}`" for declared in can.load_timestamps)
    cancels = "yes" if can.can_cancel else "no"
    cells = (f"[{kind.title}]({kind.name}.md)", driver, kind.tested, _CASES[can.identifiers], stamps)
    return f"| {' | '.join(cells)} | {can.timestamp_digits} | {cancels} | {can.cost} |"


_CASES = {
    IdentifierCase.UPPER: "become upper case",
    IdentifierCase.LOWER: "become lower case",
    IdentifierCase.KEPT: "stay as they are",
}


def main() -> None:
    OVERVIEW.write_text(overview(), encoding="utf-8")
    _FOLDER.mkdir(exist_ok=True)
    for name, table in TYPE_TABLES.items():
        (_FOLDER / f"{name}.md").write_text(page(table), encoding="utf-8")


if __name__ == "__main__":
    main()
