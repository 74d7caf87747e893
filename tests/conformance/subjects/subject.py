"""An adapter under test, and how its dialect says the same things as the others'."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from datetime import time as wall_time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.conformance.type_table import TypeTable
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse

VALUES: dict[str, Any] = {
    "small": 1,
    "big": Decimal(18446744073709551615),
    "exact": Decimal("1234567890123456789012345678901234.5678"),
    "fraction": 1.5,
    "truth": True,
    "text": "Zoë",
    "day": date(2024, 2, 29),
    "wall": datetime(1969, 12, 31, 23, 59, 59, 999999),
    "moment": datetime(2024, 1, 1, 0, 0, 0, 123456, UTC),
    "clock": wall_time(10, 0, 0, 1),
    "bytes": b"ab",
    "nothing": None,
}
KINDS = {
    "small": ColumnKind.INTEGER,
    "big": ColumnKind.DECIMAL,
    "exact": ColumnKind.DECIMAL,
    "fraction": ColumnKind.FLOAT,
    "truth": ColumnKind.BOOLEAN,
    "text": ColumnKind.STRING,
    "day": ColumnKind.DATE,
    "wall": ColumnKind.TIMESTAMP,
    "moment": ColumnKind.INSTANT,
    "clock": ColumnKind.TIME,
    "bytes": ColumnKind.BINARY,
    "tags": ColumnKind.LIST,
    "nested": ColumnKind.JSON,
    "document": ColumnKind.JSON,
    "nothing": ColumnKind.NULL,
}


@dataclass(frozen=True)
class Subject:
    """An adapter under test.

    Attributes:
        address, policy: of a warehouse that is there.
        kinds_sql: one row with the columns of ``KINDS`` and the values of ``VALUES``, as this dialect writes them.
        kinds, values: what comes of it.
        many_sql: three columns and more than 10,000 rows, the third partly NULL, in several batches.
        many_rows: rows of a table ``people``, which ``writes`` try to change; 0 if there is none.
        slow_sql: runs for minutes.
        writes: statements that must be refused.
        refused: fields with which a check fails, by the step that must fail.
        longest_name: characters of the longest name of a column; a longer one is the warehouse's to refuse or cut.
        odd_names: names that a column may have if it is quoted.
        name_quote: what stands around such a name.
        session: expressions that tell of the session, and what they give: read-only, time zone, timeout, name (figure S15).
        types: every type of its columns; None for a double.
    """

    name: str
    address: WarehouseAddress
    policy: WarehousePolicy
    kinds_sql: str
    many_sql: str
    slow_sql: str
    writes: tuple[str, ...]
    kinds: dict[str, ColumnKind] = field(default_factory=lambda: KINDS)
    values: dict[str, Any] = field(default_factory=lambda: VALUES)
    many_rows: int = 0
    refused: dict[WarehouseStep, dict[str, str]] = field(default_factory=dict)
    longest_name: int = 255
    odd_names: tuple[str, ...] = ('a "quoted" one', "with space", "émoji 🎉", "semi;colon -- and more", "per%cent")
    name_quote: str = '"'
    session: dict[str, Any] = field(default_factory=dict)
    types: TypeTable | None = None

    def open(self, **changes: Any) -> Warehouse:
        return open_warehouse(self.address, replace(self.policy, **changes), query_tag="conformance")


Running = Callable[[Path], AbstractContextManager[Subject]]
"""Makes a subject, in a folder of its own, for as long as the block lasts."""
