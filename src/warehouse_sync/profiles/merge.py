"""The merge: what the rows of a chunk change on the profiles they were resolved to (decisions D8, D9, D31).

The newest row of a data model is that model's whole contribution to a profile. Order is (load timestamp, run, place in the run); a row that
is older than what is stored is superseded, and one that says the same leaves the profile's values alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.profiles.compaction import IDENTITIES, LOOKUP, current_versions, note_piece
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.schema import (
    VERSION_COLUMNS,
    create_data_model,
    current_table,
    history_table,
    newest_time,
    values_table,
)


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """An attribute that a data model sets: its name, kind and the engine's type to store it in, in the order of ``record``.

    ``drop_reason`` is why values of it may be left out; None if none can be.
    """

    name: str
    kind: ColumnKind
    sql_type: str
    drop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """Rows by what became of them: ``changed``, ``unchanged`` and ``superseded`` add up to the rows that were resolved.

    ``values_dropped`` is a number of attribute values.
    """

    changed: int
    unchanged: int
    superseded: int
    values_dropped: int


def write_identities(relations: Relations, *, run: int, lookup_types: str, first_seq: int) -> int:
    """Writes what resolution decided; returns how many profiles lost their last look-up identity.

    Args:
        relations: the open transaction, with the outcome of resolution.
        run: the run that writes.
        lookup_types: type codes of the look-up identities, separated by commas.
        first_seq: the ``seq`` of order 0.
    """
    for statement in _identity_statements(run, first_seq):
        relations.execute(statement)
    note_piece(relations, LOOKUP, "SELECT count(*) FROM attached")
    # Those of new profiles follow all others, so they are where they belong.
    note_piece(relations, IDENTITIES, "SELECT CASE WHEN bool_and(is_new) THEN 0 ELSE count(*) END FROM attached")
    [(orphaned,)] = relations.rows(
        f"""SELECT count(DISTINCT profile) FROM detached
            WHERE NOT EXISTS (SELECT 1 FROM identities i WHERE i.profile = detached.profile AND i.type IN ({lookup_types}))"""
    )
    return int(orphaned)


def _identity_statements(run: int, first_seq: int) -> Iterator[str]:
    yield f"INSERT INTO profiles SELECT profile, {run} FROM created ORDER BY profile"
    yield f"""INSERT INTO moved
              SELECT held.*, d.taker, {run}, {first_seq} + d.ord, keyed.load_ts, NULL
              FROM identities held JOIN detached d USING (profile, h) JOIN keyed USING (ord)"""
    yield f"""INSERT INTO kept_apart
              SELECT profile, other, shared, guards, {run}, {first_seq} + ord, keyed.load_ts FROM refused JOIN keyed USING (ord)"""
    yield "DELETE FROM identities USING detached d WHERE identities.profile = d.profile AND identities.h = d.h"
    yield "DELETE FROM lookup USING detached d WHERE lookup.profile = d.profile AND lookup.h = d.h"
    yield """UPDATE identities SET seq = r.seq FROM rewritten r
             WHERE identities.profile = r.profile AND identities.h = r.h AND identities.seq < r.seq"""
    # A profile made by a group on its own has one value of each type; only the others can come to hold several.
    yield """INSERT INTO multivalued
             SELECT profile, type FROM (
                 SELECT profile, type FROM attached WHERE NOT is_new
                 UNION ALL
                 SELECT profile, type FROM identities
                 SEMI JOIN (SELECT profile, type FROM attached WHERE NOT is_new) USING (profile, type))
             ANTI JOIN multivalued USING (profile, type)
             GROUP BY profile, type HAVING count(*) > 1"""
    yield f"""INSERT INTO identities
              SELECT profile, type, h, value, seq, {run}, {first_seq} + ord, load_ts, found_by FROM attached ORDER BY profile, type"""
    yield "INSERT INTO lookup SELECT h, profile FROM attached ORDER BY h"
    yield "DELETE FROM recency USING seen WHERE recency.profile = seen.profile"
    yield "INSERT INTO recency SELECT profile, seq FROM seen"


def merge_records(
    relations: Relations, *, data_model_key: int, attributes: Sequence[AttributeColumn], run: int, first_seq: int
) -> MergeCounts:
    """Merges ``record`` into the profiles of ``latest``.

    Args:
        relations: the open transaction, with ``record`` and the outcome of resolution.
        data_model_key: whose rows they are.
        attributes: what ``c_0``, ``c_1`` … of ``record`` are.
        run: the run that writes.
        first_seq: the ``seq`` of order 0.
    """
    for statement in create_data_model(data_model_key):
        relations.execute(statement)
    columns = _columns_of(relations, data_model_key, attributes, run)
    for statement in _merge_statements(data_model_key, columns, run, first_seq):
        relations.execute(statement)
    # New profiles follow all others, so they are where they belong.
    moved = "SELECT CASE WHEN bool_and(verdict = 'new') THEN 0 ELSE count(*) END FROM verdict WHERE verdict IN ('new', 'changed', 'newer')"
    note_piece(relations, current_versions(data_model_key), moved)
    return _count(relations)


def _columns_of(
    relations: Relations, data_model_key: int, attributes: Sequence[AttributeColumn], run: int
) -> list[int]:
    """The column number of each attribute; a new or retyped attribute gets a new column (decision D30)."""
    stored = relations.rows(f"SELECT name, kind, sql_type, number FROM attributes WHERE data_model = {data_model_key}")
    numbers = {(name, kind, sql_type): number for name, kind, sql_type, number in stored}
    following = max(numbers.values(), default=0) + 1
    result = []
    for attribute in attributes:
        identity = (attribute.name, attribute.kind.value, attribute.sql_type)
        if identity not in numbers:
            numbers[identity] = following
            _add_column(relations, data_model_key, following, attribute, run)
            following += 1
        result.append(numbers[identity])
    return result


def _add_column(relations: Relations, data_model_key: int, number: int, attribute: AttributeColumn, run: int) -> None:
    relations.execute(f"ALTER TABLE {values_table(data_model_key)} ADD COLUMN a_{number} {attribute.sql_type}")
    name = attribute.name.replace("'", "''")
    relations.execute(
        f"""INSERT INTO attributes
            VALUES ({data_model_key}, {number}, '{name}', '{attribute.kind}', '{attribute.sql_type}', {run})"""
    )


def digest_sql(cells: Sequence[tuple[int, str]]) -> str:
    """SQL for the digest of a row's values, from pairs of column number and SQL of the value.

    A value that is not there adds nothing, so a new column leaves the digests of stored rows true.
    """
    # The engine's hash of several arguments is an exclusive-or of theirs: without the outer hash, two values that swap their columns
    # would leave the digest as it was.
    digest = "0::UBIGINT"
    for number, value in cells:
        digest = f"xor({digest}, CASE WHEN {value} IS NULL THEN 0 ELSE hash(hash({value}, {number})) END)"
    return digest


def _merge_statements(data_model_key: int, columns: Sequence[int], run: int, first_seq: int) -> Iterator[str]:
    current, history, values = (
        current_table(data_model_key),
        history_table(data_model_key),
        values_table(data_model_key),
    )
    digest = digest_sql([(number, f"c_{place}") for place, number in enumerate(columns)])
    stored = ", ".join(f"stored.{name} AS old_{name}" for name in VERSION_COLUMNS)
    yield f"""CREATE TEMP TABLE verdict AS
              SELECT i.*, {stored}, coalesce(old_run = {run}, false) AS is_own,
                     is_own AND old_again_seq IS NULL AS is_dropped,
                     CASE WHEN is_dropped THEN old_follows ELSE old_seq IS NOT NULL END AS follows,
                     CASE WHEN old_seq IS NULL THEN 'new'
                          WHEN {newest_time("stored")} > i.load_ts THEN 'older'
                          WHEN old_digest <> i.digest THEN 'changed'
                          WHEN {newest_time("stored")} < i.load_ts THEN 'newer'
                          ELSE 'same' END AS verdict
              FROM (SELECT profile, ord, load_ts, dropped, {digest} AS digest FROM record JOIN latest USING (ord)) i
              LEFT JOIN {current} stored USING (profile)"""
    old = ", ".join(f"old_{name}" for name in VERSION_COLUMNS)
    yield f"""INSERT INTO {history}
              SELECT {old}, {run}, {first_seq} + ord FROM verdict WHERE verdict = 'changed' AND NOT is_dropped"""
    yield f"""DELETE FROM {values} USING verdict v
              WHERE {values}.seq = v.old_seq AND v.verdict = 'changed' AND v.is_dropped"""
    yield f"DELETE FROM {current} USING verdict v WHERE {current}.profile = v.profile AND v.verdict IN ('changed', 'newer')"
    # What a row says is as new as the row, even if it says nothing new: later rows are compared with this time.
    yield f"""INSERT INTO {current}
              SELECT profile, load_ts, {run}, {first_seq} + ord, digest, follows, NULL, NULL
              FROM verdict WHERE verdict IN ('new', 'changed')
              UNION ALL
              SELECT old_profile, old_load_ts, old_run, old_seq, old_digest, old_follows, load_ts, {first_seq} + ord
              FROM verdict WHERE verdict = 'newer'
              ORDER BY profile"""
    said = "".join(f", c_{place} AS a_{number}" for place, number in enumerate(columns))
    yield f"""INSERT INTO {values} BY NAME
              SELECT {first_seq} + ord AS seq{said}
              FROM record JOIN (SELECT ord FROM verdict WHERE verdict IN ('new', 'changed')) USING (ord)"""


def _count(relations: Relations) -> MergeCounts:
    """Counts verdicts. A profile that this run had already written in an earlier chunk counts there; this row replaces that one."""
    [(rows, winners, older, own, same, touched, dropped)] = relations.rows(
        """SELECT (SELECT coalesce(sum(rows), 0) FROM latest), count(*),
                  count(*) FILTER (verdict = 'older'),
                  count(*) FILTER (verdict <> 'older' AND is_own),
                  count(*) FILTER (verdict IN ('same', 'newer') AND NOT is_own),
                  count(*) FILTER (verdict IN ('same', 'newer') AND NOT is_own AND profile IN (SELECT profile FROM attached)),
                  coalesce(sum(dropped), 0)
           FROM verdict"""
    )
    unchanged = same - touched
    superseded = int(rows) - winners + older + own
    return MergeCounts(
        changed=int(rows) - unchanged - superseded,
        unchanged=unchanged,
        superseded=superseded,
        values_dropped=int(dropped),
    )
