"""Finds or makes the profile of every row of a chunk, set by set (specification §3.5, §3.6, §3.8).

The result equals processing the rows one at a time in order. Rows with equal sets of identities form a *group*: what its first row decides
holds for the rest. A group that shares no look-up identity with another group, and no profile that another group reaches, depends on
nothing but the stored state: all such groups are resolved together by SQL. The few others are resolved in order by
``identity/sequential.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import pyarrow as pa

from warehouse_sync.domain.identity import FOUND_BY_MPID, TYPE_CODES, Guard, IdentityRules, IdentityType, mask_of
from warehouse_sync.identity.sequential import CodedRules, EntangledRow, ProfileState, SequentialResolver
from warehouse_sync.profiles.relations import Relations

_DIRECT: Final = 255  # in ``hit``: the row names this profile by MPID


@dataclass(frozen=True, slots=True)
class ResolutionCounts:
    """What resolution counted in a chunk.

    Attributes:
        created: profiles made.
        conflicts: rows for which a guard refused at least one profile.
    """

    created: int
    conflicts: int


def code_rules(rules: IdentityRules) -> CodedRules:
    """The rules in terms of type codes. Only look-up types take part in guards and uniqueness."""
    priority = frozenset(rules.priority)
    rank = {TYPE_CODES[identity_type]: place for place, identity_type in enumerate(rules.priority)}
    above = tuple(mask_of(frozenset(rules.priority[:place])) for place in range(len(rules.priority)))
    return CodedRules(
        rank=rank,
        above=above,
        unique=mask_of(rules.unique & priority),
        login=mask_of(rules.login & priority),
        immutable=mask_of(rules.immutable & priority),
        conflict_guard=rules.conflict_guard,
        known_request_needs_login_match=rules.known_request_needs_login_match,
    )


def resolve(
    relations: Relations,
    rules: IdentityRules,
    identity_types: Sequence[IdentityType],
    *,
    first_seq: int,
    next_profile: int,
) -> ResolutionCounts:
    """Reads ``keyed`` and the stored identities; leaves the relations named in ``profiles/relations.py``.

    Three ways lead to a profile: a *settled* group already is where it belongs; an *open* one chooses among the profiles it hits, or
    makes one; an *entangled* one is resolved in order with those it depends on.

    Args:
        relations: the open transaction.
        rules: the workspace's rules.
        identity_types: the types that the rows carry.
        first_seq: the ``seq`` of order 0.
        next_profile: the number of the next new profile.
    """
    coded = code_rules(rules)
    codes = [TYPE_CODES[identity_type] for identity_type in identity_types]
    for statement in _set_statements(coded, codes):
        relations.execute(statement)
    _resolve_entangled(relations, coded, codes, first_seq)
    for statement in _outcome_statements(coded, next_profile, first_seq):
        relations.execute(statement)
    [(created, conflicts)] = relations.rows(
        "SELECT (SELECT count(*) FROM created), (SELECT coalesce(sum(rows), 0) FROM conflict)"
    )
    return ResolutionCounts(created, int(conflicts))


def _set_statements(coded: CodedRules, codes: Sequence[int]) -> Iterator[str]:
    """Groups, their identities and who owns them; which groups are entangled; and the choice for those that are not."""
    yield """CREATE TEMP TABLE grp AS
             SELECT g, min(ord) AS ord, max(ord) AS last_ord, min(load_ts) AS load_ts, count(*) AS rows
             FROM keyed WHERE reject IS NULL GROUP BY g"""
    yield f"CREATE TEMP VIEW pair AS {_pairs(coded, codes)}"
    yield """CREATE TEMP TABLE probe AS
             SELECT p.ord, p.type, p.rank, p.h, p.mask, l.profile
             FROM (SELECT * FROM pair SEMI JOIN grp USING (ord)) p LEFT JOIN lookup l USING (h)"""
    yield f"""CREATE TEMP TABLE direct_hit AS
              SELECT ord, {_DIRECT}::UTINYINT AS type, NULL::INTEGER AS rank, direct AS profile
              FROM keyed JOIN grp USING (ord) WHERE direct IS NOT NULL"""
    # Of each group that reaches somebody: whether by a look-up identity, and whether all it reaches is one profile.
    yield """CREATE TEMP TABLE reaching AS
             SELECT ord, any_value(mask) AS mask, count(*) AS hits, count(rank) > 0 AS is_lookup,
                    min(profile) AS profile, min(profile) = max(profile) AS is_one
             FROM probe WHERE profile IS NOT NULL GROUP BY ord"""
    yield _entangled_statement(coded)
    yield _settled_statement(coded)
    yield "CREATE TEMP TABLE unsettled AS SELECT ord FROM grp ANTI JOIN settled USING (ord)"
    yield """CREATE TEMP TABLE hit AS
             SELECT ord, type, rank, profile FROM probe SEMI JOIN unsettled USING (ord) WHERE profile IS NOT NULL
             UNION ALL SELECT * FROM direct_hit"""
    yield from _choice_statements(coded)


def _entangled_statement(coded: CodedRules) -> str:
    """Groups whose outcome can depend on another group: both have a new identity, or both reach one stored profile.

    An identity that is stored already leads every group that has it to its owner, so only new ones need to be compared themselves.
    """
    repeated = "OR rows > 1" if coded.immutable else ""  # a skipped immutable value breaks "the rest follow the first"
    return f"""CREATE TEMP TABLE entangled AS
               WITH reached AS MATERIALIZED (
                   SELECT ord, profile FROM reaching WHERE is_one AND is_lookup
                   UNION ALL
                   SELECT ord, profile FROM probe SEMI JOIN (SELECT ord FROM reaching WHERE NOT is_one) USING (ord)
                   WHERE rank IS NOT NULL AND profile IS NOT NULL
                   UNION ALL
                   SELECT ord, profile FROM direct_hit)
               SELECT DISTINCT ord FROM (
                   SELECT ord FROM probe SEMI JOIN (
                       SELECT h FROM probe WHERE profile IS NULL AND rank IS NOT NULL
                       GROUP BY h HAVING count(*) > 1) USING (h)
                   UNION ALL
                   SELECT ord FROM reached SEMI JOIN (
                       SELECT profile FROM reached GROUP BY profile HAVING min(ord) <> max(ord)) USING (profile)
                   UNION ALL
                   SELECT ord FROM grp WHERE false {repeated})"""


def _settled_statement(coded: CodedRules) -> str:
    """Groups of which every identity belongs to one and the same profile, and to no other: it is theirs, and nothing is to be written.

    The guards pass by themselves where the group has a login identity (A2, A3) and an immutable one (A1), if there are such types: they are
    matched like all others. And no type ranks above the highest matched one (A4).
    """
    passes = [f"AND mask & {mask} <> 0" for mask in (coded.login, coded.immutable) if mask]
    return f"""CREATE TEMP TABLE settled AS
               SELECT ord, profile FROM reaching ANTI JOIN entangled USING (ord)
               WHERE is_one AND hits = bit_count(mask) {" ".join(passes)}"""


def _choice_statements(coded: CodedRules) -> Iterator[str]:
    """For open groups that depend on no other: the admissible profile with the greatest match, or a new one."""
    guarded = coded.login | coded.immutable
    count = len(coded.above)
    above = "[" + ", ".join(str(mask) for mask in coded.above) + "]::BIGINT[]"
    yield f"""CREATE TEMP TABLE candidate AS
              SELECT ord, profile, sum(1::BIGINT << ({count - 1} - rank))::BIGINT AS score, min(rank) AS top,
                     bit_or(1::BIGINT << type) AS hit_mask
              FROM hit ANTI JOIN entangled USING (ord) WHERE rank IS NOT NULL GROUP BY ord, profile"""
    held = f"""SELECT profile, bit_or(1::BIGINT << type) AS held_mask
               FROM identities SEMI JOIN candidate USING (profile)
               WHERE type IN ({_codes_in(guarded)}) GROUP BY profile"""
    guards = [
        (Guard.IMMUTABLE, f"held_mask & {coded.immutable} <> 0 AND hit_mask & {coded.immutable} = 0"),
        (Guard.LOGIN, f"held_mask & {coded.login} <> 0 AND hit_mask & {coded.login} = 0"),
    ]
    if coded.known_request_needs_login_match:
        guards.append((Guard.ANONYMOUS, f"mask & {coded.login} <> 0 AND hit_mask & {coded.login} = 0"))
    if coded.conflict_guard:
        contradicted = f"mask & held_mask & {coded.login & coded.unique} & ({above})[top + 1] <> 0"
        guards.append((Guard.CONTRADICTION, contradicted))
    refusing = " + ".join(f"(CASE WHEN {refuses} THEN {guard.value} ELSE 0 END)" for guard, refuses in guards)
    yield f"""CREATE TEMP TABLE judged AS
              SELECT ord, profile, score, hit_mask, ({refusing})::UTINYINT AS guards
              FROM (SELECT candidate.*, keyed.mask, coalesce(held_mask, 0) AS held_mask
                    FROM candidate JOIN keyed USING (ord) LEFT JOIN ({held}) USING (profile)
                    WHERE keyed.direct IS NULL)"""
    # A further row of a group meets the refused profile again, unless the first row took all they shared away from it.
    yield f"""CREATE TEMP TABLE conflict AS
              SELECT ord, max(CASE WHEN hit_mask & ~{coded.unique} = 0 THEN 1 ELSE grp.rows END) AS rows
              FROM judged JOIN grp USING (ord) WHERE guards > 0 GROUP BY ord"""
    yield f"""CREATE TEMP TABLE chosen AS
             WITH admissible AS (SELECT * FROM judged WHERE guards = 0),
                  lone AS (SELECT ord, any_value(profile) AS profile, any_value(hit_mask) AS found_by
                           FROM admissible GROUP BY ord HAVING count(*) = 1)
             SELECT * FROM lone
             UNION ALL
             SELECT ord, profile, hit_mask FROM admissible ANTI JOIN lone USING (ord) LEFT JOIN recency USING (profile)
             QUALIFY row_number() OVER (PARTITION BY ord ORDER BY score DESC, coalesce(seq, -1) DESC, profile) = 1
             UNION ALL
             SELECT ord, profile, {FOUND_BY_MPID} FROM direct_hit ANTI JOIN entangled USING (ord)"""


def _outcome_statements(coded: CodedRules, next_profile: int, first_seq: int) -> Iterator[str]:
    """Numbers the new profiles and joins what the three ways of resolving have decided."""
    yield f"""CREATE TEMP TABLE created AS
              SELECT ord, {next_profile - 1} + row_number() OVER (ORDER BY ord) AS profile, entangled FROM (
                  SELECT ord, false AS entangled FROM unsettled ANTI JOIN chosen USING (ord) ANTI JOIN entangled USING (ord)
                  UNION ALL SELECT ord, true FROM one_created)"""
    yield """CREATE TEMP TABLE assigned AS
             SELECT ord, profile, found_by, false AS is_new FROM chosen
             UNION ALL SELECT ord, profile, 0, true FROM created WHERE NOT entangled"""
    yield """CREATE TEMP TABLE placed AS
             SELECT grp.*, profile FROM grp JOIN (
                 SELECT ord, profile FROM settled UNION ALL SELECT ord, profile FROM assigned) USING (ord)"""
    yield """CREATE TEMP VIEW resolved_alone AS
             SELECT one.ord, coalesce(created.profile, one.profile) AS profile
             FROM one_resolved one LEFT JOIN created ON created.ord = -one.profile - 1"""
    yield """CREATE TEMP TABLE latest AS
             SELECT profile, max(ord) AS ord, sum(rows)::BIGINT AS rows FROM (
                 SELECT profile, last_ord AS ord, rows FROM placed UNION ALL SELECT profile, ord, 1 FROM resolved_alone)
             GROUP BY profile"""
    yield from _written_statements(coded, first_seq)
    yield f"""CREATE TEMP TABLE seen AS
              WITH co_owner AS (
                  SELECT hit.profile AS other, a.profile, a.ord
                  FROM hit JOIN assigned a USING (ord)
                  WHERE hit.rank IS NOT NULL AND hit.type NOT IN ({_codes_in(coded.unique)}) AND hit.profile <> a.profile)
              SELECT profile, max(seq) AS seq FROM (
                  SELECT other AS profile, coalesce(recency.seq, 0) AS seq
                  FROM co_owner LEFT JOIN recency ON recency.profile = other
                  UNION ALL
                  SELECT co_owner.profile, {first_seq} + grp.last_ord FROM co_owner JOIN grp USING (ord)
                  UNION ALL
                  SELECT profile, {first_seq} + last_ord FROM placed SEMI JOIN recency USING (profile)
                  UNION ALL
                  SELECT coalesce(created.profile, s.profile), s.seq
                  FROM one_seen s LEFT JOIN created ON created.ord = -s.profile - 1)
              GROUP BY profile"""


def _written_statements(coded: CodedRules, first_seq: int) -> Iterator[str]:
    """Which identities profiles gain, lose, and are given again."""
    kept = ""
    if coded.immutable:  # a value that would change an immutable identity is not written
        kept = f"""WHERE NOT (p.type IN ({_codes_in(coded.immutable)})
                   AND EXISTS (SELECT 1 FROM identities i WHERE i.profile = a.profile AND i.type = p.type)
                   AND NOT EXISTS (SELECT 1 FROM hit WHERE hit.ord = a.ord AND hit.type = p.type AND hit.profile = a.profile))"""
    yield f"""CREATE TEMP TABLE written AS
              SELECT a.ord, a.profile, a.found_by, a.is_new, p.type, p.h, p.value, {first_seq} + grp.last_ord AS seq, grp.load_ts
              FROM assigned a JOIN grp USING (ord) JOIN pair p USING (ord) {kept}"""
    yield f"""CREATE TEMP TABLE attached AS
              SELECT profile, type, h, value, seq, ord, load_ts, found_by, is_new FROM written w WHERE is_new
              UNION ALL
              SELECT profile, type, h, value, seq, ord, load_ts, found_by, is_new FROM written w
              WHERE NOT is_new
                AND NOT EXISTS (SELECT 1 FROM hit WHERE hit.ord = w.ord AND hit.type = w.type AND hit.profile = w.profile)
              UNION ALL
              SELECT coalesce(created.profile, w.profile), w.type, w.h, w.value, {first_seq} + w.last_ord, w.ord, keyed.load_ts,
                     w.found_by, false
              FROM one_written w JOIN keyed USING (ord) LEFT JOIN created ON created.ord = -w.profile - 1 WHERE NOT w.was_held"""
    yield f"""CREATE TEMP TABLE rewritten AS
              SELECT profile, h, seq FROM written SEMI JOIN multivalued USING (profile, type)
              UNION ALL
              SELECT s.profile, p.h, {first_seq} + grp.last_ord
              FROM multivalued m JOIN settled s USING (profile) JOIN grp USING (ord) JOIN pair p USING (ord) WHERE p.type = m.type
              UNION ALL
              SELECT profile, h, {first_seq} + last_ord FROM one_written WHERE was_held"""
    yield f"""CREATE TEMP TABLE detached AS
              SELECT w.h, hit.profile, w.profile AS taker, w.ord
              FROM hit JOIN written w USING (ord, type)
              WHERE hit.rank IS NOT NULL AND hit.type IN ({_codes_in(coded.unique)}) AND hit.profile <> w.profile
              UNION ALL
              SELECT h, d.profile, coalesce(created.profile, taker), d.ord
              FROM one_detached d LEFT JOIN created ON created.ord = -taker - 1"""
    # A row that wrote nothing met the same refusal when its identities were written.
    yield """CREATE TEMP TABLE refused AS
             SELECT ord, r.profile, judged.profile AS other, hit_mask AS shared, guards
             FROM judged SEMI JOIN attached USING (ord) JOIN assigned r USING (ord) WHERE guards > 0
             QUALIFY row_number() OVER (PARTITION BY ord ORDER BY score DESC, judged.profile) = 1
             UNION ALL
             SELECT o.ord, alone.profile, coalesce(created.profile, o.profile), shared, guards
             FROM one_refused o SEMI JOIN attached USING (ord) JOIN resolved_alone alone USING (ord)
             LEFT JOIN created ON created.ord = -o.profile - 1"""


def _pairs(coded: CodedRules, codes: Sequence[int]) -> str:
    """The identities of every row, one row per identity; ``mask`` is the row's, NULL if it names its profile itself."""
    selects = [
        f"""SELECT keyed.ord, {code}::UTINYINT AS type, {coded.rank.get(code, "NULL")}::INTEGER AS rank, h_{code} AS h, v_{code} AS value,
                   CASE WHEN direct IS NULL THEN mask END AS mask
            FROM keyed WHERE h_{code} IS NOT NULL"""
        for code in codes
    ]
    nothing = """SELECT 0::BIGINT AS ord, 0::UTINYINT AS type, 0::INTEGER AS rank, 0::UHUGEINT AS h, ''::VARCHAR AS value,
                        0::BIGINT AS mask WHERE false"""
    return " UNION ALL ".join([*selects, nothing])


def _codes_in(mask: int) -> str:
    """The types of a mask for SQL's IN; -1, which no type is, stands for none."""
    return ", ".join(str(code) for code in range(64) if mask >> code & 1) or "-1"


# --- rows that depend on each other -------------------------------------------------------------------------------------------------


def _resolve_entangled(relations: Relations, coded: CodedRules, codes: Sequence[int], first_seq: int) -> None:
    """Resolves entangled rows in order and leaves their outcome in relations ``one_…``."""
    profiles = _load_profiles(relations)
    held = {
        (number, code, value) for number, state in profiles.items() for code in state.held for value in state.held[code]
    }
    tied = {number for number, state in profiles.items() if state.seen >= 0}
    texts: dict[tuple[int, str], str] = {}
    resolver = SequentialResolver(coded, profiles, first_seq)
    outcome = resolver.resolve_all(_load_rows(relations, codes, texts))
    seen = {number: first_seq + order for number, order in outcome.touched.items() if number in tied}
    _register(relations, "one_created", [(order,) for order in outcome.created])
    _register(relations, "one_resolved", list(outcome.resolved.items()))
    _register(relations, "one_seen", list((seen | resolver.shared_profiles()).items()))
    _register(
        relations,
        "one_refused",
        [(order, refusal.profile, refusal.shared, refusal.guards) for order, refusal in outcome.refusals.items()],
    )
    _register(
        relations,
        "one_written",
        [
            (*place, writing.first, writing.last, writing.found_by, texts[place[1:]], place in held)
            for place, writing in outcome.written.items()
        ],
    )
    moved = [(*place, *taken) for place, taken in outcome.detached.items() if place[1] > 0]
    _register(relations, "one_detached", moved)
    relations.execute("INSERT INTO conflict SELECT ord, 1 FROM one_refused")


def _load_profiles(relations: Relations) -> dict[int, ProfileState]:
    reachable = "SELECT DISTINCT profile FROM hit SEMI JOIN entangled USING (ord)"
    profiles: dict[int, ProfileState] = defaultdict(ProfileState)
    for (profile,) in relations.rows(reachable):
        profiles[profile] = ProfileState()
    held = relations.rows(
        f"SELECT profile, type, h::UUID::VARCHAR, seq FROM identities SEMI JOIN ({reachable}) USING (profile)"
    )
    for profile, code, value, seq in held:
        profiles[profile].held[code][value] = seq
    for profile, seq in relations.rows(f"SELECT profile, seq FROM recency SEMI JOIN ({reachable}) USING (profile)"):
        profiles[profile].seen = seq
    return dict(profiles)


def _load_rows(relations: Relations, codes: Sequence[int], texts: dict[tuple[int, str], str]) -> Iterator[EntangledRow]:
    """The entangled rows in order; also notes each identity's text as first received, which only writing needs."""
    long = " UNION ALL ".join(
        [
            "SELECT ord, direct, NULL::INTEGER AS type, NULL::VARCHAR AS h, NULL::VARCHAR AS value FROM tangled",
            *(
                f"SELECT ord, direct, {code}, h_{code}::UUID::VARCHAR, v_{code} FROM tangled WHERE h_{code} IS NOT NULL"
                for code in codes
            ),
        ]
    )
    rows = relations.rows(
        f"""WITH tangled AS (SELECT keyed.* FROM keyed JOIN grp USING (g) JOIN entangled ON entangled.ord = grp.ord
                             WHERE keyed.reject IS NULL)
            SELECT * FROM ({long}) ORDER BY ord"""
    )
    for (order, direct), cells in groupby(rows, key=lambda row: (row[0], row[1])):
        identities = {}
        for _, _, code, value, text in cells:
            if code is not None:
                identities[code] = value
                texts.setdefault((code, value), text)
        yield EntangledRow(order, direct, identities)


_ONE_SCHEMAS: Final = {
    "one_created": pa.schema([("ord", pa.int64())]),
    "one_resolved": pa.schema([("ord", pa.int64()), ("profile", pa.int64())]),
    "one_written": pa.schema(
        [
            ("profile", pa.int64()),
            ("type", pa.uint8()),
            ("h", pa.string()),
            ("ord", pa.int64()),
            ("last_ord", pa.int64()),
            ("found_by", pa.int64()),
            ("value", pa.string()),
            ("was_held", pa.bool_()),
        ]
    ),
    "one_detached": pa.schema(
        [("h", pa.string()), ("profile", pa.int64()), ("taker", pa.int64()), ("ord", pa.int64())]
    ),
    "one_seen": pa.schema([("profile", pa.int64()), ("seq", pa.int64())]),
    "one_refused": pa.schema(
        [("ord", pa.int64()), ("profile", pa.int64()), ("shared", pa.int64()), ("guards", pa.uint8())]
    ),
}


def _register(relations: Relations, name: str, rows: Sequence[tuple[object, ...]]) -> None:
    schema = _ONE_SCHEMAS[name]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    if "h" not in schema.names:
        relations.register(name, pa.table(arrays, schema=schema))
        return
    # Arrow has no 128-bit integer, so fingerprints travel as text: as UUIDs, which the engine writes a thousand times faster than decimals.
    relations.register(f"{name}_text", pa.table(arrays, schema=schema))
    relations.execute(f"CREATE TEMP VIEW {name} AS SELECT * REPLACE (h::UUID::UHUGEINT AS h) FROM {name}_text")
