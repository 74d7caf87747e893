"""The tables of one scope's store: one DuckDB file per workspace and environment.

Two sort orders serve two questions. ``identities`` grows in the order of profile numbers, so a profile's own identities lie together;
``lookup`` is written in runs sorted by fingerprint, so that zone maps find an identity without an index in memory. Each data model has one
wide, typed table ``m_KEY`` with its current rows, and ``h_KEY`` with the rows they replaced.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

COUNT_COLUMNS: Final = (
    "extracted",
    "rejected",
    "changed",
    "unchanged",
    "superseded",
    "values_dropped",
    "profiles_matched",
    "profiles_created",
    "identity_conflicts",
    "profiles_orphaned",
)
"""Columns of ``run_progress``, by the names of ``RunCounts``."""

CREATE: Final = (
    "CREATE TABLE store_version (version INTEGER NOT NULL, engine VARCHAR NOT NULL)",
    # The next profile number, and the ``seq`` of the next row ever applied.
    "CREATE TABLE counters (next_profile BIGINT NOT NULL, next_seq BIGINT NOT NULL)",
    "INSERT INTO counters VALUES (1, 1)",
    # Fence and checkpoint of each run in one row: only the newest epoch moves ``chunks`` on, and by exactly one. ``first_profile`` is the
    # first number that the run itself may give: an MPID in its rows must name a profile below it, however the rows fall into chunks.
    f"""CREATE TABLE run_progress (
        run BIGINT NOT NULL, epoch BIGINT NOT NULL, chunks INTEGER NOT NULL, applied_on TIMESTAMP,
        first_profile BIGINT NOT NULL,
        {", ".join(f"{name} BIGINT NOT NULL" for name in COUNT_COLUMNS)})""",
    "CREATE TABLE profiles (profile BIGINT NOT NULL, run BIGINT NOT NULL)",
    """CREATE TABLE identities (
        profile BIGINT NOT NULL, type UTINYINT NOT NULL, h UHUGEINT NOT NULL, value VARCHAR NOT NULL,
        seq BIGINT NOT NULL, run BIGINT NOT NULL, ord BIGINT NOT NULL)""",
    "CREATE TABLE lookup (h UHUGEINT NOT NULL, profile BIGINT NOT NULL)",
    # Only profiles that share an identity with another can tie; only they need to be remembered as seen.
    "CREATE TABLE recency (profile BIGINT NOT NULL, seq BIGINT NOT NULL)",
    # Profiles that hold several values of one type; only for them does the last write matter.
    "CREATE TABLE multivalued (profile BIGINT NOT NULL, type UTINYINT NOT NULL)",
    # Attribute names are case-sensitive and arbitrary, column names are neither: column ``a_NUMBER`` (decision D30).
    """CREATE TABLE attributes (
        data_model BIGINT NOT NULL, number INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL,
        sql_type VARCHAR NOT NULL)""",
    "CREATE TABLE reject_counts (run BIGINT NOT NULL, reason VARCHAR NOT NULL, rows BIGINT NOT NULL)",
    "CREATE TABLE reject_samples (run BIGINT NOT NULL, reason VARCHAR NOT NULL, ord BIGINT NOT NULL, row JSON NOT NULL)",
)


def current_table(data_model_key: int) -> str:
    """The table of a data model's current rows, one per profile it contributes to."""
    return f"m_{data_model_key}"


def history_table(data_model_key: int) -> str:
    """The table of the rows that were replaced."""
    return f"h_{data_model_key}"


def create_data_model(data_model_key: int) -> tuple[str, ...]:
    """Statements that make a data model's tables, without attribute columns."""
    common = """profile BIGINT NOT NULL, load_ts TIMESTAMP NOT NULL, run BIGINT NOT NULL, seq BIGINT NOT NULL,
                digest UBIGINT NOT NULL"""
    return (
        f"CREATE TABLE IF NOT EXISTS {current_table(data_model_key)} ({common})",
        f"CREATE TABLE IF NOT EXISTS {history_table(data_model_key)} ({common}, replaced_by BIGINT NOT NULL)",
    )
