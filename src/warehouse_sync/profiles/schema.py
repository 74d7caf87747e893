"""The tables of one scope's store: one DuckDB file per workspace and environment.

Two sort orders serve two questions. ``identities`` is kept in the order of profile numbers, so a profile's own identities lie together;
``lookup`` in the order of fingerprints, so that zone maps find an identity without an index in memory.

Each data model has three tables. What its rows said is in ``v_KEY``, wide and typed, one line per version, in the order of ``seq``: lines
are appended and stay where they are, whatever becomes of the version. Which version counts for a profile is in ``m_KEY``, which ones it
replaced in ``h_KEY``. Those two are narrow, so a run that changes few of very many profiles costs little: it need not read or move values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

VERSION: Final = 3

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
    "late",
)
"""Columns of ``run_progress``, by the names of ``RunCounts``."""

HOLDING_COLUMNS: Final = {
    "profile": "BIGINT NOT NULL",
    "type": "UTINYINT NOT NULL",
    "h": "UHUGEINT NOT NULL",
    "value": "VARCHAR NOT NULL",
    "seq": "BIGINT NOT NULL",
    "run": "BIGINT NOT NULL",
    "attached_seq": "BIGINT",
    "load_ts": "TIMESTAMP",
    "found_by": "BIGINT",
}
"""A profile's hold on an identity: ``seq`` is its last write; the rest tells of the row that attached it: run, ``seq``, load timestamp,
and by which types it had found the profile, as a mask: 0 if it made it, ``FOUND_BY_MPID`` if it named it. NULL is not known."""

_HOLDING: Final = ", ".join(f"{name} {kind}" for name, kind in HOLDING_COLUMNS.items())

UNDO_COUNTS: Final = (
    "contributions_restored",
    "contributions_removed",
    "contributions_kept",
    "identities_detached",
    "identities_returned",
    "identities_kept",
    "profiles_removed",
)
"""Columns of ``undone``, by the names of ``UndoCounts``."""

_CHANGE_LOG: Final = (
    # One row per committed chunk: which ``seq`` it used, and its first row's place in the run. Any ``seq`` leads to its run and time, and
    # to the run that has undone it.
    """CREATE TABLE applied (
        first_seq BIGINT NOT NULL, next_seq BIGINT NOT NULL, run BIGINT NOT NULL, first_row BIGINT NOT NULL,
        applied_on TIMESTAMP NOT NULL, undone_by BIGINT)""",
    # Identities that profiles lost, as they were held; the profile that has them instead, NULL if an undone run took them away; the row
    # that took them; and the run that gave them back by undoing another.
    f"""CREATE TABLE moved (
        {_HOLDING}, taken_by BIGINT, taken_run BIGINT NOT NULL, taken_seq BIGINT NOT NULL, taken_ts TIMESTAMP, returned_by BIGINT)""",
    # Rows that wrote to ``profile`` because guards kept them from ``other``, the best match among those refused.
    """CREATE TABLE kept_apart (
        profile BIGINT NOT NULL, other BIGINT NOT NULL, shared BIGINT NOT NULL, guards UTINYINT NOT NULL,
        run BIGINT NOT NULL, seq BIGINT NOT NULL, load_ts TIMESTAMP NOT NULL)""",
    f"""CREATE TABLE undone (
        run BIGINT NOT NULL, undone_by BIGINT NOT NULL, {", ".join(f"{name} BIGINT NOT NULL" for name in UNDO_COUNTS)})""",
)

_DROP_COUNTS: Final = (
    "CREATE TABLE drop_counts "
    "(run BIGINT NOT NULL, attribute VARCHAR NOT NULL, reason VARCHAR NOT NULL, dropped BIGINT NOT NULL)"
)
_ROW_DIGESTS: Final = "CREATE TABLE row_digests (pipeline BIGINT NOT NULL, run BIGINT NOT NULL, h UBIGINT NOT NULL)"
"""The rows of a run's interval, for the next run of its pipeline; complete where ``run_progress.keeps_digests`` and the run is done."""

_DISORDER: Final = (
    # How far tables are out of the order they are searched in (``profiles/compaction.py``): the rows outside of it, counted per sorted
    # piece; how many of these a pass that is under way takes in (NULL: none is); and the first key that it has not come to.
    """CREATE TABLE disorder (
        table_name VARCHAR NOT NULL, loose BIGINT NOT NULL, taken BIGINT, position UHUGEINT NOT NULL)""",
    "INSERT INTO disorder VALUES ('lookup', 0, NULL, 0), ('identities', 0, NULL, 0)",
)

_AS_LOOSE_AS_CAN_BE: Final = 1 << 40

_DELETIONS: Final = (
    "CREATE TABLE deletions (deletion BIGINT NOT NULL, deleted_on TIMESTAMP NOT NULL, deleted_by VARCHAR NOT NULL)",
    # Keyed hashes, see ``profiles/tombstones.py``.
    "CREATE TABLE tombstones (deletion BIGINT NOT NULL, print VARCHAR NOT NULL)",
)

_READING: Final = "reading BIGINT DEFAULT 0"

CREATE: Final = (
    "CREATE TABLE store_version (version INTEGER NOT NULL, engine VARCHAR NOT NULL)",
    # The next profile number, the ``seq`` of the next row ever applied, the next deletion; and the moment before which replaced versions
    # are forgotten.
    """CREATE TABLE counters (
        next_profile BIGINT NOT NULL, next_seq BIGINT NOT NULL, next_deletion BIGINT NOT NULL, history_since TIMESTAMP)""",
    "INSERT INTO counters VALUES (1, 1, 1, NULL)",
    # Fence and checkpoint of each run in one row: only the newest epoch moves ``chunks`` on, and by exactly one. ``first_profile`` is the
    # first number that the run itself may give: an MPID in its rows must name a profile below it, however the rows fall into chunks.
    # ``types`` is the mask of the identity types its rows carried; NULL for runs of a format that did not keep it. ``reading`` is the epoch
    # that last started over: whose rows the chunks are numbers of.
    f"""CREATE TABLE run_progress (
        run BIGINT NOT NULL, epoch BIGINT NOT NULL, chunks INTEGER NOT NULL, applied_on TIMESTAMP,
        first_profile BIGINT NOT NULL,
        {", ".join(f"{name} BIGINT NOT NULL" for name in COUNT_COLUMNS)},
        types BIGINT, keeps_digests BOOLEAN, {_READING})""",
    *_CHANGE_LOG,
    _ROW_DIGESTS,
    *_DELETIONS,
    "CREATE TABLE profiles (profile BIGINT NOT NULL, run BIGINT NOT NULL)",
    f"CREATE TABLE identities ({_HOLDING})",
    "CREATE TABLE lookup (h UHUGEINT NOT NULL, profile BIGINT NOT NULL)",
    # Only profiles that share an identity with another can tie; only they need to be remembered as seen.
    "CREATE TABLE recency (profile BIGINT NOT NULL, seq BIGINT NOT NULL)",
    # Profiles that hold several values of one type; only for them does the last write matter.
    "CREATE TABLE multivalued (profile BIGINT NOT NULL, type UTINYINT NOT NULL)",
    # Attribute names are case-sensitive and arbitrary, column names are neither: column ``a_NUMBER`` (decision D30). ``run`` is the one
    # that brought it; NULL is not known.
    """CREATE TABLE attributes (
        data_model BIGINT NOT NULL, number INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL,
        sql_type VARCHAR NOT NULL, run BIGINT)""",
    *_DISORDER,
    "CREATE TABLE reject_counts (run BIGINT NOT NULL, reason VARCHAR NOT NULL, rows BIGINT NOT NULL)",
    _DROP_COUNTS,
    "CREATE TABLE reject_samples (run BIGINT NOT NULL, reason VARCHAR NOT NULL, ord BIGINT NOT NULL, row JSON NOT NULL)",
)


def current_table(data_model_key: int) -> str:
    """The table of a data model's current versions, one per profile it contributes to."""
    return f"m_{data_model_key}"


def history_table(data_model_key: int) -> str:
    """The table of the versions that were replaced."""
    return f"h_{data_model_key}"


def values_table(data_model_key: int) -> str:
    """The table of what each version says, by ``seq``."""
    return f"v_{data_model_key}"


VERSION_COLUMNS: Final = {
    "profile": "BIGINT NOT NULL",
    "load_ts": "TIMESTAMP NOT NULL",
    "run": "BIGINT NOT NULL",
    "seq": "BIGINT NOT NULL",
    "digest": "UBIGINT NOT NULL",
    "follows": "BOOLEAN",
    "again_ts": "TIMESTAMP",
    "again_seq": "BIGINT",
}
"""What is noted of a version. ``digest`` is of its values; ``follows`` tells whether it replaced another; ``again_…`` are load timestamp
and ``seq`` of the newest row that said the same."""


DATA_MODELS: Final = """SELECT table_name[3:]::BIGINT AS key FROM duckdb_tables()
    WHERE database_name = current_database() AND regexp_full_match(table_name, 'm_[0-9]+') ORDER BY key"""
"""A query of the keys of the data models that a store has tables of, ascending."""


def create_data_model(data_model_key: int) -> tuple[str, ...]:
    """Statements that make a data model's tables, without attribute columns."""
    columns = ", ".join(f"{name} {kind}" for name, kind in VERSION_COLUMNS.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {current_table(data_model_key)} ({columns})",
        f"""CREATE TABLE IF NOT EXISTS {history_table(data_model_key)} (
            {columns}, replaced_by BIGINT NOT NULL, replaced_seq BIGINT)""",
        f"CREATE TABLE IF NOT EXISTS {values_table(data_model_key)} (seq BIGINT NOT NULL)",
        f"""INSERT INTO disorder
            SELECT '{current_table(data_model_key)}', 0, NULL, 0
            WHERE '{current_table(data_model_key)}' NOT IN (SELECT table_name FROM disorder)""",
    )


def newest_time(table: str) -> str:
    """SQL for the load timestamp that later rows are compared with: of the newest row that said what a row of a table says."""
    return f"coalesce({table}.again_ts, {table}.load_ts)"


def steps_from(version: int, data_model_keys: Sequence[int]) -> Iterator[str]:
    """Statements that bring a store of an older version to this one, within one transaction."""
    if version < 2:
        yield from _to_version_2(data_model_keys)
    if version < 3:
        yield f"ALTER TABLE run_progress ADD COLUMN {_READING}"


def _to_version_2(data_model_keys: Sequence[int]) -> Iterator[str]:
    """What version 1 did not keep is NULL: where an identity came from, and what undoing its runs would need."""
    yield "ALTER TABLE run_progress ADD COLUMN late BIGINT DEFAULT 0"
    yield "ALTER TABLE run_progress ADD COLUMN types BIGINT"
    yield "ALTER TABLE run_progress ADD COLUMN keeps_digests BOOLEAN"
    yield "ALTER TABLE attributes ADD COLUMN run BIGINT"
    yield _ROW_DIGESTS
    yield "ALTER TABLE counters ADD COLUMN next_deletion BIGINT DEFAULT 1"
    yield "ALTER TABLE counters ADD COLUMN history_since TIMESTAMP"
    yield from _CHANGE_LOG
    yield from _DELETIONS
    yield from _DISORDER
    yield _DROP_COUNTS
    yield f"UPDATE disorder SET loose = {_AS_LOOSE_AS_CAN_BE} WHERE table_name = 'lookup'"
    yield f"CREATE TABLE identities_2 ({_HOLDING})"
    yield """INSERT INTO identities_2
             SELECT profile, type, h, value, seq, run, NULL, NULL, NULL FROM identities ORDER BY profile, type"""
    yield "DROP TABLE identities"
    yield "ALTER TABLE identities_2 RENAME TO identities"
    for key in data_model_keys:
        yield from _data_model_to_version_2(key)


def _data_model_to_version_2(key: int) -> Iterator[str]:
    """The table of current rows becomes that of all values; it lies in the order of ``seq`` already, for rows were only ever appended."""
    current, history, values = current_table(key), history_table(key), values_table(key)
    noted = "profile, load_ts, run, seq, digest, NULL, NULL, NULL"
    yield f"ALTER TABLE {current} RENAME TO {values}"
    yield f"ALTER TABLE {history} RENAME TO history_1"
    yield from create_data_model(key)
    yield f"INSERT INTO {current} SELECT {noted} FROM {values} ORDER BY profile"
    yield f"INSERT INTO {history} SELECT {noted}, replaced_by, NULL FROM history_1"
    for column in ("profile", "load_ts", "run", "digest"):
        yield f"ALTER TABLE {values} DROP COLUMN {column}"
    yield f"INSERT INTO {values} BY NAME SELECT * EXCLUDE (profile, load_ts, run, digest, replaced_by) FROM history_1"
    yield "DROP TABLE history_1"
