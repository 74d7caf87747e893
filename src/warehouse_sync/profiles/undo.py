"""Undoing a run: what it set, and nobody has set since, becomes what it was before.

A run leaves *versions* (what a data model says of a profile) and *holdings* (a profile's hold on an identity). Both know their place in the
order of application, and a version also the place at which another row last said the same; places lead to committed chunks. Undoing a
run makes its chunks *void*. Then:

* A version counts while the row that set it, or the one that confirmed it, is not void. Where the current version of a data model does not
  count any more, the latest one before it that does takes its place; where there is none, the data model says nothing of the profile.
* A holding counts while its row is not void, or another run *confirmed* it: a run that is not void, whose rows carry this type of identity,
  set or confirmed something on the profile since, and brought no other value of the type. Holdings that do not count are removed.
* An identity of a unique type that loses its holder goes back to the last profile that lost it and whose holding counts.
* A profile that a void chunk made, and that has nothing left, is removed.

Nothing is read from the warehouse, and the history is only added to. Planning changes nothing; what it finds is done in the same
transaction, or shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules, IdentityType
from warehouse_sync.profiles.compaction import IDENTITIES, LOOKUP, current_versions, note_piece
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.schema import (
    HOLDING_COLUMNS,
    UNDO_COUNTS,
    VERSION_COLUMNS,
    current_table,
    history_table,
    values_table,
)


class Obstacle(StrEnum):
    """Why a run cannot be undone."""

    NOT_APPLIED = "not_applied"
    UNDONE = "undone"
    OLD_FORMAT = "old_format"
    FORGOTTEN = "forgotten"


SENTENCES: Final = {
    Obstacle.NOT_APPLIED: "Run {run} has committed nothing: there is nothing to undo.",
    Obstacle.UNDONE: "Run {run} has been undone already.",
    Obstacle.OLD_FORMAT: "Run {run} was applied by an earlier version, which did not keep what undoing it needs.",
    Obstacle.FORGOTTEN: "Run {run} cannot be undone any more: what its rows replaced has been forgotten "
    "(WAREHOUSE_SYNC_HISTORY_DAYS). Let the warehouse send the right values, with newer load timestamps.",
}


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """What undoing a run does.

    Attributes:
        contributions_restored: what data models say of profiles, put back to what it was before.
        contributions_removed: what data models said of profiles for the first time, taken away.
        contributions_kept: what the run set and another run has confirmed since.
        identities_detached: identities taken away from the profiles that the run attached them to.
        identities_returned: identities given back to the profiles that had lost them.
        identities_kept: identities that the run attached and another run has confirmed since.
        profiles_removed: profiles that the run made and nothing else contributes to.
    """

    contributions_restored: int = 0
    contributions_removed: int = 0
    contributions_kept: int = 0
    identities_detached: int = 0
    identities_returned: int = 0
    identities_kept: int = 0
    profiles_removed: int = 0


def plan_undo(relations: Relations, run: int, models: Sequence[int], rules: IdentityRules) -> UndoCounts | Obstacle:
    """Finds out what undoing a run would do; leaves relations ``undo_…`` and changes nothing.

    Args:
        relations: an open transaction, for reading or writing.
        run: the run to undo.
        models: the data models that the store has tables of.
        rules: the workspace's rules as they are now: which identities are unique, and which never change.
    """
    obstacle = _obstacle(relations, run)
    if obstacle is not None:
        return obstacle
    for statement in (*_version_plan(run, models), *_holding_plan(run, models, rules), _emptied(run, models)):
        relations.execute(statement)
    [(forgotten,)] = relations.rows("SELECT count(*) FROM undo_version WHERE is_forgotten")
    return Obstacle.FORGOTTEN if forgotten else _counted(relations)


def undo(relations: Relations, run: int, models: Sequence[int], *, by: int, seq: int, counts: UndoCounts) -> None:
    """Does what :func:`plan_undo` has planned in the same transaction.

    Args:
        relations: the open transaction of the store's writer.
        run: the run to undo.
        models: as they were planned for.
        by: the run that undoes it.
        seq: a place of its own in the order of application.
        counts: what the plan counted.
    """
    for model in models:
        for statement in _write_versions(model, by, seq):
            relations.execute(statement)
        note_piece(relations, current_versions(model), f"SELECT count(*) FROM undo_restored WHERE model = {model}")
    for statement in (*_write_holdings(by, seq), *_remove_emptied(models), *_close(run, by, counts)):
        relations.execute(statement)
    for table in (LOOKUP, IDENTITIES):
        note_piece(relations, table, "SELECT count(*) FROM undo_returned")


def _obstacle(relations: Relations, run: int) -> Obstacle | None:
    chunks = relations.rows(f"SELECT undone_by IS NOT NULL FROM applied WHERE run = {run}")
    known = relations.rows(
        f"SELECT types IS NULL, coalesce(applied_on < history_since, false), chunks FROM run_progress, counters WHERE run = {run}"
    )
    if known and known[0][0]:
        return Obstacle.OLD_FORMAT
    if not chunks:
        return Obstacle.NOT_APPLIED
    if all(is_undone for (is_undone,) in chunks):
        return Obstacle.UNDONE
    return Obstacle.FORGOTTEN if known and known[0][1] else None


def _version_plan(run: int, models: Sequence[int]) -> Iterator[str]:
    # A ``seq`` before the first chunk that is noted is of an earlier format, which is never void.
    yield f"""CREATE TEMP TABLE undo_chunk AS
              SELECT first_seq, run, undone_by IS NOT NULL OR run = {run} AS is_void, coalesce(types, 0) AS types
              FROM applied LEFT JOIN run_progress USING (run)"""
    noted = ", ".join(VERSION_COLUMNS)
    current = (
        _union(
            f"""SELECT {model} AS model, {noted}, NULL::BIGINT AS replaced_seq FROM {current_table(model)}
                WHERE run = {run} OR again_seq IS NOT NULL"""
            for model in models
        )
        or f"SELECT NULL::BIGINT AS model, {_no_version()}, NULL::BIGINT AS replaced_seq WHERE false"
    )
    touched = f"by_run = {run} OR again_run = {run} OR run = {run}"
    yield f"CREATE TEMP TABLE undo_current AS SELECT * FROM ({_judged(current)}) WHERE {touched}"
    past = (
        _union(
            f"""SELECT {model} AS model, {noted}, replaced_seq FROM {history_table(model)}
            SEMI JOIN (SELECT profile FROM undo_current WHERE model = {model} AND NOT counts) USING (profile)"""
            for model in models
        )
        or f"SELECT NULL::BIGINT AS model, {_no_version()}, NULL::BIGINT AS replaced_seq WHERE false"
    )
    yield f"CREATE TEMP TABLE undo_past AS {_judged(past)}"
    yield """CREATE TEMP TABLE undo_before AS
             SELECT * FROM undo_past WHERE counts
             QUALIFY row_number() OVER (PARTITION BY model, profile ORDER BY seq DESC, replaced_seq DESC) = 1"""
    # Where nothing before counts, the first version of all must be known to be among those that do not.
    yield """CREATE TEMP TABLE undo_version AS
             SELECT c.model, c.profile, c.seq, c.counts, c.set_counts, b.profile IS NOT NULL AS is_restored,
                    NOT c.counts AND b.profile IS NULL AND c.follows IS DISTINCT FROM false
                    AND NOT EXISTS (SELECT 1 FROM undo_past p WHERE p.model = c.model AND p.profile = c.profile AND p.follows = false)
                    AS is_forgotten
             FROM undo_current c LEFT JOIN undo_before b USING (model, profile)"""
    yield f"""CREATE TEMP TABLE undo_restored AS
              SELECT model, {_mended()} FROM undo_before
              UNION ALL SELECT model, {_mended()} FROM undo_current WHERE counts"""


def _judged(versions: str) -> str:
    """Versions, with the runs that set and confirmed them, and whether the one and the other, or either, counts."""
    return f"""SELECT v.*, setting.run AS by_run, again.run AS again_run,
                      NOT coalesce(setting.is_void, false) AS set_counts, coalesce(NOT again.is_void, false) AS again_counts,
                      set_counts OR again_counts AS counts
               FROM ({versions}) v
               ASOF LEFT JOIN undo_chunk setting ON v.seq >= setting.first_seq
               ASOF LEFT JOIN undo_chunk again ON v.again_seq >= again.first_seq"""


def _mended() -> str:
    """A version's columns without what does not count: who confirmed it takes the credit if who set it lost it."""
    changed = {
        "load_ts": "CASE WHEN set_counts THEN load_ts ELSE again_ts END AS load_ts",
        "run": "CASE WHEN set_counts THEN run ELSE again_run END AS run",
        "again_ts": "CASE WHEN again_counts THEN again_ts END AS again_ts",
        "again_seq": "CASE WHEN again_counts THEN again_seq END AS again_seq",
    }
    return ", ".join(changed.get(name, name) for name in VERSION_COLUMNS)


def _holding_plan(run: int, models: Sequence[int], rules: IdentityRules) -> Iterator[str]:
    unique, immutable = _codes(rules.unique & set(rules.priority)), _codes(rules.immutable & set(rules.priority))
    yield f"""CREATE TEMP TABLE undo_candidate AS
              SELECT i.profile, i.type, i.h, i.run, i.attached_seq
              FROM identities i ASOF JOIN undo_chunk c ON i.attached_seq >= c.first_seq
              WHERE c.is_void AND (i.run = {run} OR i.run IN (SELECT run FROM applied WHERE undone_by IS NOT NULL))"""
    places = _union(
        f"SELECT profile, {column} AS seq FROM {table} SEMI JOIN undo_candidate USING (profile) WHERE {column} IS NOT NULL"
        for model in models
        for table in (current_table(model), history_table(model))
        for column in ("seq", "again_seq")
    )
    attached = "SELECT profile, type, h, attached_seq FROM {} SEMI JOIN undo_candidate USING (profile) WHERE attached_seq IS NOT NULL"
    yield f"""CREATE TEMP TABLE undo_evidence AS
              SELECT DISTINCT e.profile, e.seq, c.run, c.types
              FROM ({places + " UNION ALL " if places else ""}SELECT profile, attached_seq FROM ({attached.format("identities")})) e
              ASOF JOIN undo_chunk c ON e.seq >= c.first_seq WHERE NOT c.is_void"""
    yield f"""CREATE TEMP TABLE undo_rival AS
              SELECT r.profile, r.type, r.h, c.run
              FROM ({attached.format("identities")} UNION ALL {attached.format("moved")}) r
              ASOF JOIN undo_chunk c ON r.attached_seq >= c.first_seq WHERE NOT c.is_void"""
    yield """CREATE TEMP TABLE undo_confirmed AS
             SELECT DISTINCT c.profile, c.type, c.h, c.run FROM undo_candidate c
             JOIN undo_evidence e ON e.profile = c.profile AND e.seq > c.attached_seq AND (e.types >> c.type) & 1 = 1
             WHERE NOT EXISTS (
                 SELECT 1 FROM undo_rival r
                 WHERE r.profile = c.profile AND r.type = c.type AND r.h <> c.h AND r.run = e.run)"""
    yield "CREATE TEMP TABLE undo_gone AS SELECT * FROM undo_candidate ANTI JOIN undo_confirmed USING (profile, h)"
    left = "SELECT h, profile, type FROM identities ANTI JOIN undo_gone USING (profile, h)"
    yield f"""CREATE TEMP TABLE undo_returned AS
              SELECT m.* FROM moved m ASOF LEFT JOIN undo_chunk c ON m.attached_seq >= c.first_seq
              SEMI JOIN (SELECT DISTINCT h FROM undo_gone WHERE type IN ({unique})) g ON g.h = m.h
              SEMI JOIN profiles ON profiles.profile = m.profile
              ANTI JOIN ({left}) holder ON holder.h = m.h
              ANTI JOIN (SELECT * FROM ({left}) WHERE type IN ({immutable})) other ON other.profile = m.profile AND other.type = m.type
              WHERE NOT coalesce(c.is_void, false)
              QUALIFY row_number() OVER (PARTITION BY m.h ORDER BY m.taken_seq DESC) = 1"""


def _emptied(run: int, models: Sequence[int]) -> str:
    """Profiles that void chunks made and that have nothing left."""
    said = _union(
        f"""SELECT profile FROM {current_table(model)}
            ANTI JOIN (SELECT profile FROM undo_version WHERE model = {model} AND NOT counts AND NOT is_restored) USING (profile)"""
        for model in models
    )
    return f"""CREATE TEMP TABLE undo_emptied AS
               SELECT profile FROM profiles
               WHERE run = {run} OR (
                   run IN (SELECT run FROM applied WHERE undone_by IS NOT NULL)
                   AND profile IN (SELECT profile FROM undo_gone UNION SELECT profile FROM undo_version))
               EXCEPT (SELECT profile FROM identities ANTI JOIN undo_gone USING (profile, h)
                       UNION SELECT profile FROM undo_returned {"UNION " + said if said else ""})"""


def _counted(relations: Relations) -> UndoCounts:
    [counted] = relations.rows(
        """SELECT count(*) FILTER (NOT counts AND is_restored), count(*) FILTER (NOT counts AND NOT is_restored),
                  count(*) FILTER (counts AND NOT set_counts),
                  (SELECT count(*) FROM undo_gone), (SELECT count(*) FROM undo_returned), (SELECT count(*) FROM undo_confirmed),
                  (SELECT count(*) FROM undo_emptied)
           FROM undo_version"""
    )
    return UndoCounts(**dict(zip(UNDO_COUNTS, counted, strict=True)))


def _write_versions(model: int, by: int, seq: int) -> Iterator[str]:
    current, history = current_table(model), history_table(model)
    noted = ", ".join(VERSION_COLUMNS)
    yield f"""INSERT INTO {history} SELECT {noted}, {by}, {seq}
              FROM {current} SEMI JOIN (SELECT profile FROM undo_version WHERE model = {model} AND NOT counts) USING (profile)"""
    yield f"DELETE FROM {current} WHERE profile IN (SELECT profile FROM undo_version WHERE model = {model})"
    yield f"INSERT INTO {current} SELECT {noted} FROM undo_restored WHERE model = {model} ORDER BY profile"


def _write_holdings(by: int, seq: int) -> Iterator[str]:
    yield f"INSERT INTO moved SELECT i.*, NULL, {by}, {seq}, NULL, NULL FROM identities i SEMI JOIN undo_gone USING (profile, h)"
    yield "DELETE FROM identities USING undo_gone g WHERE identities.profile = g.profile AND identities.h = g.h"
    yield "DELETE FROM lookup USING undo_gone g WHERE lookup.profile = g.profile AND lookup.h = g.h"
    yield f"""UPDATE moved SET returned_by = {by} FROM undo_returned r
              WHERE moved.profile = r.profile AND moved.h = r.h AND moved.taken_seq = r.taken_seq"""
    held = ", ".join(HOLDING_COLUMNS)
    yield f"INSERT INTO identities SELECT {held} FROM undo_returned ORDER BY profile, type"
    yield "INSERT INTO lookup SELECT h, profile FROM undo_returned ORDER BY h"
    yield """INSERT INTO multivalued
             SELECT profile, type FROM identities SEMI JOIN undo_returned USING (profile, type)
             ANTI JOIN multivalued USING (profile, type) GROUP BY profile, type HAVING count(*) > 1"""


def _remove_emptied(models: Sequence[int]) -> Iterator[str]:
    empty = "(SELECT profile FROM undo_emptied)"
    for model in models:
        history, values = history_table(model), values_table(model)
        yield f"DELETE FROM {values} WHERE seq IN (SELECT seq FROM {history} WHERE profile IN {empty})"
        yield f"DELETE FROM {history} WHERE profile IN {empty}"
    yield f"DELETE FROM kept_apart WHERE profile IN {empty} OR other IN {empty}"
    for table in ("moved", "recency", "multivalued", "profiles"):
        yield f"DELETE FROM {table} WHERE profile IN {empty}"


def _close(run: int, by: int, counts: UndoCounts) -> Iterator[str]:
    yield f"UPDATE applied SET undone_by = {by} WHERE run = {run} AND undone_by IS NULL"
    numbers = ", ".join(str(getattr(counts, name)) for name in UNDO_COUNTS)
    yield f"INSERT INTO undone VALUES ({run}, {by}, {numbers})"
    # If it is run again, it starts over.
    yield f"UPDATE run_progress SET chunks = 0 WHERE run = {run}"


def _codes(types: frozenset[IdentityType]) -> str:
    return ", ".join(str(TYPE_CODES[identity_type]) for identity_type in types) or "-1"


def _union(selects: Iterator[str]) -> str:
    return " UNION ALL ".join(selects)


def _no_version() -> str:
    return ", ".join(f"NULL::{kind.removesuffix(' NOT NULL')} AS {name}" for name, kind in VERSION_COLUMNS.items())
