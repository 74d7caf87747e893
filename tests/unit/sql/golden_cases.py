"""Reads the golden files: blocks of SQL apart by a line ``---``, headed by ``# key: value`` lines, so that a case needs no Python.

``# expect:``   refused: what the reason must contain.          ``# only:``     the dialects a shared case is for.
``# escapes:``  ``yes``: ``\\u{200b}`` stands for a character.   ``# column:``, ``# class:``, ``# lower:``, ``# upper:``  wrapped.
Blocks of ``wrapped`` have the customer's query, a line ``=>``, and the statement that is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

DIALECT_NAMES = ("snowflake", "duckdb", "postgres", "redshift", "bigquery", "databricks")
_FOLDER = Path(__file__).parent / "golden"
_SHARED = "every_dialect"


@dataclass(frozen=True)
class GoldenCase:
    dialect: str
    sql: str
    keys: dict[str, str]


def golden(kind: str, *, own_only: bool = False) -> list[GoldenCase]:
    cases = []
    for dialect in DIALECT_NAMES:
        for name in (dialect,) if own_only else (_SHARED, dialect):
            path = _FOLDER / kind / f"{name}.sql"
            for block in path.read_text(encoding="utf-8").removesuffix("\n").split("\n---\n"):
                case = _case(dialect, block)
                if dialect in case.keys.get("only", dialect):
                    cases.append(case)
    return cases


def parameters(cases: list[GoldenCase]) -> list[object]:
    return [pytest.param(case, id=f"{case.dialect}-{number}") for number, case in enumerate(cases)]


def _case(dialect: str, block: str) -> GoldenCase:
    lines = block.split("\n")
    keys = {}
    while lines and lines[0].startswith("# "):
        key, _, value = lines.pop(0)[2:].partition(":")
        keys[key] = value.strip()
    sql = "\n".join(lines)
    if keys.get("escapes"):
        sql = re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), sql)
    return GoldenCase(dialect, sql, keys)
