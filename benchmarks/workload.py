"""The rows that the benchmarks load: deterministic, made by DuckDB, attributes of mixed types beside two identities."""

from __future__ import annotations

import os
from typing import Final

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

ATTRIBUTES: Final = int(os.environ.get("BENCH_ATTRIBUTES", "20"))
MILLION: Final = 1_000_000
BATCH_ROWS: Final = 20_000
"""What the warehouse sends at a time."""
LOAD_TIMESTAMP: Final = "updated_at"
_STAMP: Final = LoadTimestamp(LOAD_TIMESTAMP, LoadTimestampType.TIMESTAMP_NTZ)
_KINDS: Final = (
    "(hash(i * {n} + {r}) % 1000)::BIGINT",
    "((hash(i * {n} + {r}) % 100000) / 1000.0)::DOUBLE",
    "'value ' || (hash(i * {n} + {r}) % 5000)",
    "(hash(i * {n} + {r}) % 2 = 0)",
    "(hash(i * {n} + {r}) % 1000000 / 100)::DECIMAL(12, 2)",
)


def select(people: str, revision: int | str, *, since: str = "2026-01-01", step: str = "MILLISECOND") -> str:
    """SQL of customers as they are at a revision; another revision changes every attribute.

    Args:
        people: SQL of a relation with one column ``i``, their numbers.
        revision: from 0, or SQL that tells it of the customer ``i``. Each is a day later.
        since: load timestamps begin there.
        step: how far apart those of two customers are whose numbers follow each other.
    """
    said = ", ".join(
        f"{_KINDS[number % len(_KINDS)].format(n=number + 3, r=f'7919 * ({revision})')} AS attribute_{number}"
        for number in range(ATTRIBUTES)
    )
    return f"""SELECT TIMESTAMP '{since}' + INTERVAL ({revision}) DAY + INTERVAL (i) {step} AS {LOAD_TIMESTAMP},
                      'customer-' || i AS customer_id, 'person' || i || '@example.com' AS email, {said}
               FROM ({people})"""


def rows(first: int, count: int, *, revision: int) -> pa.Table:
    """Customers ``first`` to ``first + count - 1``."""
    return made(numbered(first, count), revision)


def numbered(first: int, count: int) -> str:
    """SQL of the numbers of customers ``first`` to ``first + count - 1``."""
    return f"SELECT i FROM range({first}, {first + count}) r(i)"


def changed_of(person: str, *, one_in: int, to: int, of: str) -> str:
    """SQL of a revision: one in so many people is at ``to``, always the same ones; the others are at ``of``."""
    return f"CASE WHEN hash({person}) % {one_in} = 0 THEN {to} ELSE {of} END"


def shuffled(count: int) -> str:
    """SQL of the numbers of ``count`` customers, each once, in an order that is no order; an engine makes it as it goes."""
    return f"SELECT (n * 7919) % {count} AS i FROM range({count}) r(n)"


def drawn(count: int, of: int, seed: int) -> str:
    """SQL of the numbers of ``count`` customers drawn from all of ``0`` to ``of - 1``, in no order."""
    each = of // count
    return f"SELECT (n * {each} + hash(n + {seed}) % {each})::BIGINT AS i FROM range({count}) r(n) ORDER BY hash(i)"


def made(people: str, revision: int | str) -> pa.Table:
    """The rows of :func:`select`."""
    with duckdb.connect() as connection:
        return connection.sql(select(people, revision)).to_arrow_table()


def plan(run: int, schema: pa.Schema) -> ApplyPlan:
    """How rows of a schema are applied, by run number."""
    columns: tuple[Column, ...] = column_kinds(schema)
    rules = IdentityRules()
    mapping = plan_mapping(columns, _STAMP, priority=rules.priority, plain_timestamp_is_instant=False)
    records = RecordPlan(columns, mapping, _STAMP, TimestampClass.ZONELESS)
    return ApplyPlan(RunKey(run, 1, 1, Environment.PRODUCTION), 1, records, rules)
