"""Compares rows with what profiles hold of them, and mends what a profile cannot hold truly. Comparing changes nothing.

A row is found if some profile that holds one of its identities says, of its data model, what the row says, or something newer. Which
profile the row was written to is not asked: identities may have moved since. And each of its identities must be held by somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from warehouse_sync.profiles.compaction import LOOKUP, note_piece
from warehouse_sync.profiles.merge import AttributeColumn, digest_sql
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.schema import DATA_MODELS, current_table, newest_time, values_table

MISSING: Final = "row_missing"
"""No profile that holds an identity of the row says anything of its data model."""

DIFFERENT: Final = "row_different"
"""Such a profile says something else, which is not newer than the row; or nobody holds another identity of the row."""

COMPARED: Final = "rows_compared"
"""All rows that were looked at."""

KINDS: Final = (MISSING, DIFFERENT)

_NO_TYPE: Final = -1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing the rows of a chunk has found.

    Attributes:
        findings: of each row that was not found its place in the chunk and its number in ``KINDS``.
        rejected: rows that cannot reach a profile, by reason; they are compared with nothing.
        ties: of rows that were not found, and are as old as what a profile says and as the first or the last row of the chunk, their place
            and that profile: another row of that time may be what the profile says.
        told: profiles that say what a row of the chunk's first or last time says.
        vouched: profiles that say what a row says, or that a row reaches which is as new as what they say, or newer.
    """

    findings: list[tuple[int, int]]
    rejected: dict[str, int]
    ties: list[tuple[int, int]]
    told: list[int]
    vouched: list[int]


def compare(
    relations: Relations,
    *,
    data_model_key: int,
    attributes: Sequence[AttributeColumn],
    lookup_codes: Sequence[int],
    immutable_codes: Sequence[int],
) -> Comparison:
    """Compares the rows of ``record`` and ``keyed``; of rows with equal identities only the last one.

    Args:
        relations: the open transaction.
        data_model_key: whose rows they are.
        attributes: what ``c_0``, ``c_1`` … of ``record`` are.
        lookup_codes: codes of the look-up identities that the rows carry.
        immutable_codes: codes of those whose values a profile may have refused, so that nobody holds them.
    """
    _find_holders(relations, data_model_key, lookup_codes)
    relations.execute(
        f"""CREATE TEMP TABLE lost AS
            SELECT DISTINCT ord FROM carried
            ANTI JOIN (SELECT h FROM lookup JOIN identities USING (profile, h)) USING (h)
            WHERE type NOT IN ({", ".join(map(str, [_NO_TYPE, *immutable_codes]))})"""
    )
    digest = digest_sql([(number, f"c_{place}") for place, number in _numbers(relations, data_model_key, attributes)])
    relations.execute(
        f"""CREATE TEMP TABLE compared AS
            SELECT said.ord, said.load_ts, is_last, profile, newest, held.digest = said.digest AS is_told
            FROM (SELECT ord, load_ts, {digest} AS digest FROM record) said
            LEFT JOIN (SELECT max(ord) AS ord, true AS is_last FROM keyed WHERE reject IS NULL GROUP BY g) USING (ord)
            LEFT JOIN holder USING (ord) LEFT JOIN holding held USING (profile)"""
    )
    relations.execute(
        "CREATE TEMP TABLE told AS SELECT DISTINCT profile, load_ts FROM compared WHERE is_told AND newest = load_ts"
    )
    relations.execute(
        """CREATE TEMP TABLE found AS
           SELECT ord, load_ts, count(newest) > 0 AS is_different, ord IN (SELECT ord FROM lost) AS has_lost
           FROM (SELECT judged.*, told.profile IS NOT NULL AS is_tied
                 FROM compared judged LEFT JOIN told ON told.profile = judged.profile AND told.load_ts = judged.load_ts
                 WHERE is_last)
           GROUP BY ord, load_ts
           HAVING has_lost OR NOT coalesce(bool_or(is_told OR newest > load_ts OR is_tied), false)"""
    )
    places = "(SELECT ord, row_number() OVER () - 1 AS place FROM staged)"
    edges = "(SELECT min(load_ts) FROM staged), (SELECT max(load_ts) FROM staged)"
    return Comparison(
        relations.rows(f"SELECT place, is_different::INTEGER FROM found JOIN {places} USING (ord) ORDER BY place"),
        dict(relations.rows("SELECT reject, count(*) FROM keyed WHERE reject IS NOT NULL GROUP BY reject")),
        relations.rows(
            f"""SELECT place, profile FROM found JOIN compared judged USING (ord) JOIN {places} USING (ord)
                WHERE NOT has_lost AND newest = judged.load_ts AND found.load_ts IN ({edges})"""
        ),
        _profiles(relations, f"SELECT profile FROM told WHERE load_ts IN ({edges})"),
        _profiles(relations, "SELECT DISTINCT profile FROM compared WHERE is_told OR load_ts >= newest"),
    )


def reached(relations: Relations, *, lookup_codes: Sequence[int]) -> list[int]:
    """The profiles that hold an identity of a row of ``keyed``, or that one names."""
    _find_carried(relations, lookup_codes)
    return _profiles(relations, "SELECT DISTINCT profile FROM holder")


def _profiles(relations: Relations, query: str) -> list[int]:
    return [profile for (profile,) in relations.rows(query)]


def mend(relations: Relations, *, data_model_key: int, lookup_codes: Sequence[int]) -> None:
    """Lets resolution and merge see what profiles really hold and say that hold an identity of ``keyed``.

    What a profile holds can be found by again, and what it does not hold no longer leads to it. A version whose values are gone is
    forgotten, and one whose values are not those that were noted is noted anew.
    """
    _mend_lookup(relations, lookup_codes)
    _find_holders(relations, data_model_key, lookup_codes)
    if not _is_known(relations, data_model_key):
        return
    current, values = current_table(data_model_key), values_table(data_model_key)
    relations.execute(
        f"""DELETE FROM {current} WHERE profile IN (SELECT profile FROM holder) AND seq NOT IN (SELECT seq FROM {values})"""
    )
    relations.execute(
        f"""UPDATE {current} SET digest = held.digest FROM holding held
            WHERE {current}.profile = held.profile AND {current}.digest <> held.digest"""
    )


def _mend_lookup(relations: Relations, lookup_codes: Sequence[int]) -> None:
    relations.execute(f"CREATE TEMP TABLE mended AS SELECT DISTINCT h FROM ({_carried(lookup_codes)})")
    relations.execute(
        """CREATE TEMP TABLE returned AS
           SELECT h, profile FROM identities SEMI JOIN mended USING (h) ANTI JOIN lookup USING (profile, h)"""
    )
    relations.execute(
        """DELETE FROM lookup USING (
               SELECT h, profile FROM lookup SEMI JOIN mended USING (h) ANTI JOIN identities USING (profile, h)) gone
           WHERE lookup.h = gone.h AND lookup.profile = gone.profile"""
    )
    relations.execute("INSERT INTO lookup SELECT h, profile FROM returned ORDER BY h")
    note_piece(relations, LOOKUP, "SELECT count(*) FROM returned")


def _carried(lookup_codes: Sequence[int]) -> str:
    """A query of ``(ord, type, h)``: the identities that the rows of ``keyed`` carry."""
    pairs = [
        f"SELECT ord, {code} AS type, h_{code} AS h FROM keyed WHERE reject IS NULL AND h_{code} IS NOT NULL"
        for code in lookup_codes
    ]
    return " UNION ALL ".join([f"SELECT ord, {_NO_TYPE} AS type, 0::UHUGEINT AS h FROM keyed WHERE false", *pairs])


def _find_holders(relations: Relations, data_model_key: int, lookup_codes: Sequence[int]) -> None:
    """Makes ``carried (ord, type, h)``, ``holder (ord, profile)``, and ``holding (profile, newest, digest)``: what these say, as their
    values say it now.
    """
    _find_carried(relations, lookup_codes)
    if not _is_known(relations, data_model_key):
        relations.execute(
            "CREATE TEMP TABLE holding AS SELECT 0::BIGINT AS profile, NULL::TIMESTAMP AS newest, 0::UBIGINT AS digest WHERE false"
        )
        return
    current, values = current_table(data_model_key), values_table(data_model_key)
    numbers = relations.rows(f"SELECT number FROM attributes WHERE data_model = {data_model_key} ORDER BY number")
    digest = digest_sql([(number, f"said.a_{number}") for (number,) in numbers])
    relations.execute(
        f"""CREATE TEMP TABLE holding AS
            SELECT {current}.profile, {newest_time(current)} AS newest, {digest} AS digest
            FROM {current} SEMI JOIN holder USING (profile) LEFT JOIN {values} said USING (seq)"""
    )


def _find_carried(relations: Relations, lookup_codes: Sequence[int]) -> None:
    """Makes ``carried (ord, type, h)`` and ``holder (ord, profile)``."""
    relations.execute(f"CREATE TEMP TABLE carried AS {_carried(lookup_codes)}")
    relations.execute(
        """CREATE TEMP TABLE holder AS
           SELECT ord, profile FROM carried JOIN lookup USING (h)
           UNION SELECT ord, direct AS profile FROM keyed WHERE reject IS NULL AND direct IS NOT NULL"""
    )


def _is_known(relations: Relations, data_model_key: int) -> bool:
    return (data_model_key,) in relations.rows(DATA_MODELS)


def _numbers(relations: Relations, data_model_key: int, attributes: Sequence[AttributeColumn]) -> list[tuple[int, int]]:
    """The place of each attribute in ``record``, and its column number; one that was never stored has a number of its own."""
    stored = relations.rows(f"SELECT name, kind, sql_type, number FROM attributes WHERE data_model = {data_model_key}")
    numbers = {(name, kind, sql_type): number for name, kind, sql_type, number in stored}
    following = max(numbers.values(), default=0) + 1
    return [
        (place, numbers.get((attribute.name, attribute.kind.value, attribute.sql_type), following + place))
        for place, attribute in enumerate(attributes)
    ]
