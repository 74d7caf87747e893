"""Warnings about a query that has no connection yet, so that may be meant in any dialect that accepts it (decision D21): pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from warehouse_sync.sql.advice import Advice, advice
from warehouse_sync.sql.guard import CheckedQuery

_SPELLING: Final = {
    "snowflake": "Snowflake",
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "redshift": "Redshift",
    "bigquery": "BigQuery",
    "databricks": "Databricks",
}


def common_advice(readings: Sequence[CheckedQuery], load_timestamp_name: str) -> tuple[Advice, ...]:
    """What is to be said of a query, each thing once.

    A warning that holds however the query is read is told plainly. One that holds in some dialects only names them.

    Args:
        readings: the query in every dialect that accepts it, the likeliest first.
        load_timestamp_name: the column that the data model names as its load timestamp.
    """
    by_dialect = {reading.dialect.name: advice(reading, load_timestamp_name) for reading in readings}
    codes = dict.fromkeys(found.code for warnings in by_dialect.values() for found in warnings)
    return tuple(told for code in codes for told in _of_code(code, by_dialect))


def _of_code(code: str, by_dialect: Mapping[str, Sequence[Advice]]) -> list[Advice]:
    said = {name: [found for found in warnings if found.code == code] for name, warnings in by_dialect.items()}
    first, *others = said.values()
    if all(len(warnings) == len(first) for warnings in others):
        return first  # the same things, each in the words of its dialect
    holders: dict[Advice, list[str]] = {}
    for name, warnings in said.items():
        for found in warnings:
            holders.setdefault(found, []).append(_SPELLING.get(name, name))
    return [
        found if len(names) == len(by_dialect) else Advice(code, f"Read as {' or '.join(names)}: {found.message}")
        for found, names in holders.items()
    ]
