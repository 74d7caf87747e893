"""The rows that the benchmarks load: deterministic, made by DuckDB, twenty attributes of mixed types beside two identities."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from warehouse_sync.domain.column import Column
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType, TimestampClass
from warehouse_sync.domain.run import RunKey
from warehouse_sync.sync.apply import ApplyPlan
from warehouse_sync.sync.mapping import plan_mapping
from warehouse_sync.sync.records import RecordPlan
from warehouse_sync.warehouses.arrow import column_kinds

ATTRIBUTES = 20
_STAMP = LoadTimestamp("updated_at", LoadTimestampType.TIMESTAMP_NTZ)
_KINDS = (
    "(hash(i * {n} + {r}) % 1000)::BIGINT",
    "((hash(i * {n} + {r}) % 100000) / 1000.0)::DOUBLE",
    "'value ' || (hash(i * {n} + {r}) % 5000)",
    "(hash(i * {n} + {r}) % 2 = 0)",
    "(hash(i * {n} + {r}) % 1000000 / 100)::DECIMAL(12, 2)",
)


def rows(first: int, count: int, *, revision: int) -> pa.Table:
    """Customers ``first`` to ``first + count - 1`` as they are at a revision; another revision changes every attribute."""
    attributes = ", ".join(
        f"{_KINDS[number % len(_KINDS)].format(n=number + 3, r=revision * 7919)} AS attribute_{number}"
        for number in range(ATTRIBUTES)
    )
    with duckdb.connect() as connection:
        return connection.sql(
            f"""SELECT TIMESTAMP '2026-01-01' + INTERVAL ({revision}) DAY + INTERVAL (i) MILLISECOND AS updated_at,
                       'customer-' || i AS customer_id, 'person' || i || '@example.com' AS email, {attributes}
                FROM range({first}, {first + count}) r(i)"""
        ).to_arrow_table()


def plan(run: int, table: pa.Table) -> ApplyPlan:
    """How those rows are applied, by run number."""
    columns: tuple[Column, ...] = column_kinds(table.schema)
    rules = IdentityRules()
    mapping = plan_mapping(columns, _STAMP, priority=rules.priority, plain_timestamp_is_instant=False)
    records = RecordPlan(columns, mapping, _STAMP, TimestampClass.ZONELESS)
    return ApplyPlan(RunKey(run, 1, 1, Environment.PRODUCTION), 1, records, rules)
