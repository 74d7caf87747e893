"""What lies in the files of a home, read by plain SQLite and DuckDB while nobody serves it. Shares no code with the product."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

COMPARING = frozenset({"verify", "repair"})
"""Kinds of runs that compare what was read with the profiles."""

_WITHOUT_RUNS = {"m": "EXCLUDE (run)", "h": "EXCLUDE (run, replaced_by)", "v": ""}


@dataclass(frozen=True)
class StoredRun:
    """A row of the control database; times as the database holds them, which sort as they follow each other."""

    id: int
    pipeline: str
    kind: str
    state: str
    start: str
    end: str
    counts: dict[str, int]
    failure: str | None
    message: str | None
    will_be_retried: bool


def runs_of(home: Path) -> list[StoredRun]:
    """Every run, in the order of their intervals."""
    with closing(sqlite3.connect(home / "control.db")) as database:
        rows = database.execute(
            """SELECT r.id, p.id, r.run_kind, r.state, r.interval_start, r.interval_end, r.counts,
                      r.failure_code, r.failure_message,
                      r.retry_on IS NOT NULL
               FROM runs r JOIN pipelines p ON p.key = r.pipeline_key ORDER BY p.id, r.interval_start, r.id"""
        ).fetchall()
    return [StoredRun(*row[:6], json.loads(row[6]) if row[6] else {}, row[7], row[8], bool(row[9])) for row in rows]


def stores_of(home: Path) -> list[Path]:
    return sorted((home / "profiles").glob("*.duckdb"))


def damage_of(home: Path) -> list[str]:
    """What the two engines find wrong with their files, and what an ended service should not leave behind."""
    found = []
    with closing(sqlite3.connect(home / "control.db")) as database:
        found += [f"control.db: {line}" for (line,) in database.execute("PRAGMA integrity_check") if line != "ok"]
        found += [
            f"control.db: a dangling reference in {row[0]}" for row in database.execute("PRAGMA foreign_key_check")
        ]
    for path in stores_of(home):
        try:
            with closing(duckdb.connect(str(path), read_only=True)) as store:
                for (table,) in store.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                    store.execute(f'SELECT count(*), any_value(COLUMNS(*)) FROM "{table}"').fetchall()
        except duckdb.Error as error:
            found.append(f"{path.name}: {error}")
    return found


@contextmanager
def opened(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(str(store), read_only=True)) as connection:
        yield connection


def contents(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that says who is who and what is known of them, without the numbers of runs."""
    queries = {
        "profiles": "SELECT profile FROM profiles ORDER BY ALL",
        "identities": "SELECT profile, type, value, seq FROM identities ORDER BY ALL",
        "lookup": "SELECT h, profile FROM lookup ORDER BY ALL",
        "recency": "SELECT * FROM recency ORDER BY ALL",
        "rejects": "SELECT reason, rows FROM reject_counts ORDER BY ALL",
        "dropped": "SELECT attribute, reason, dropped FROM drop_counts ORDER BY ALL",
        "counters": "SELECT next_profile, next_seq FROM counters",
    }
    with opened(store) as connection:
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE regexp_full_match(table_name, '[mhv]_[0-9]+')"
        ).fetchall():
            queries[table] = f"SELECT * {_WITHOUT_RUNS[table[0]]} FROM {table} ORDER BY ALL"
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def tokens(store: Path, attribute: str = "token") -> dict[int, Counter[str]]:
    """How often each value of an attribute lies in a data model's rows, current and replaced ones together; by data model."""
    with opened(store) as connection:
        found: dict[int, Counter[str]] = {}
        columns = connection.execute("SELECT data_model, number FROM attributes WHERE name = ?", [attribute]).fetchall()
        for model, number in columns:
            rows = connection.execute(
                f"SELECT a_{number} FROM (SELECT seq FROM m_{model} UNION ALL SELECT seq FROM h_{model}) JOIN v_{model} USING (seq)"
            ).fetchall()
            found[model] = Counter(token for (token,) in rows)
        return found


def people(store: Path, attribute: str = "token") -> Counter[tuple[frozenset[str], frozenset[tuple[int, str]]]]:
    """Every profile by the values of its identities and, of each data model, the attribute's value in the current row."""
    with opened(store) as connection:
        identities: dict[int, set[str]] = {}
        for profile, value in connection.execute("SELECT profile, value FROM identities").fetchall():
            identities.setdefault(profile, set()).add(value)
        rows: dict[int, set[tuple[int, str]]] = {profile: set() for profile in identities}
        columns = connection.execute("SELECT data_model, number FROM attributes WHERE name = ?", [attribute]).fetchall()
        for model, number in columns:
            for profile, value in connection.execute(
                f"SELECT profile, a_{number} FROM m_{model} JOIN v_{model} USING (seq)"
            ).fetchall():
                rows.setdefault(profile, set()).add((model, value))
    return Counter((frozenset(identities.get(profile, ())), frozenset(rows[profile])) for profile in rows)


def rows_applied(store: Path, comparing: Collection[int] = ()) -> tuple[int, int]:
    """How many rows were ever applied, as the store numbers them, and as its runs count them. Equal, unless one was applied twice.

    Args:
        comparing: the runs that only compare: each of their chunks has one number, and none of their rows.
    """
    among = f"run IN ({', '.join(map(str, comparing)) or 'NULL'})"
    with opened(store) as connection:
        [(numbered,)] = connection.execute(
            f"SELECT next_seq - 1 - (SELECT coalesce(sum(chunks), 0) FROM run_progress WHERE {among}) FROM counters"
        ).fetchall()
        [(counted,)] = connection.execute(
            f"SELECT coalesce(sum(extracted) FILTER (NOT coalesce({among}, false)), 0) FROM run_progress"
        ).fetchall()
    return int(numbered), int(counted)


def differences(store: Path, comparing: Collection[int]) -> dict[int, dict[str, int]]:
    """What each of some runs that compare has found to be otherwise than it was read."""
    found: dict[int, dict[str, int]] = {}
    with opened(store) as connection:
        noted = connection.execute("SELECT run, reason, rows FROM reject_counts").fetchall()
    for run, reason, rows in noted:
        if run in comparing and rows and reason in {"row_missing", "row_different", "row_extra"}:
            found.setdefault(run, {})[reason] = rows
    return found
