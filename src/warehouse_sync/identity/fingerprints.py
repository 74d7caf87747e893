"""From identity columns to fingerprints, and the rows that no profile can be found for (decisions D8, D10, D29)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.identity import TYPE_CODES, TYPE_OF_CODE, IdentityRules, IdentityType, mask_of
from warehouse_sync.profiles.fingerprint import fingerprint_sql
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.tombstones import DELETED_PERSON, refuse_deleted_people


class RejectReason(StrEnum):
    """Why a row cannot reach a profile; the row is counted and listed, and the run goes on (decision D10)."""

    NO_IDENTITY = "no_identity"
    NO_LOOKUP_IDENTITY = "no_lookup_identity"
    FRACTIONAL_IDENTITY = "fractional_identity"
    UNKNOWN_MPID = "unknown_mpid"
    DELETED_PERSON = DELETED_PERSON


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """An identity column of a staged relation: its column there, its kind, and the identity type it carries."""

    column: str
    kind: ColumnKind
    identity_type: IdentityType


def build_keyed(
    relations: Relations, source: str, identities: Sequence[IdentitySource], rules: IdentityRules, *, direct: bool
) -> None:
    """Creates ``keyed``: one row per row of ``source`` with the fingerprints of its identities and the reason to reject it, if any.

    Args:
        relations: the open transaction.
        source: a relation with ``ord``, ``load_ts`` and the identity columns; with ``direct``, also ``mpid_text`` (the MPID as given, or
            NULL) and ``direct`` (the profile number it names, or NULL when it names none).
        identities: the identity columns; at most one per type.
        rules: the workspace's rules.
        direct: whether the rows may name their profile by an MPID.
    """
    texts = ", ".join(
        f"{_text(identity)} AS v_{TYPE_CODES[identity.identity_type]}, "
        f"{_is_fractional(identity)} AS bad_{TYPE_CODES[identity.identity_type]}"
        for identity in identities
    )
    codes = [TYPE_CODES[identity.identity_type] for identity in identities]
    fingerprints = ", ".join(f"{fingerprint_sql(f'v_{code}', TYPE_OF_CODE[code], rules)} AS h_{code}" for code in codes)
    mpid = "mpid_text, direct" if direct else "NULL::VARCHAR AS mpid_text, NULL::BIGINT AS direct"
    mask = " + ".join(f"(CASE WHEN h_{code} IS NULL THEN 0 ELSE {1 << code} END)" for code in codes) or "0"
    # Types differ between the fingerprints of a row, so their exclusive-or names the set of its identities.
    group = "coalesce(md5_number('mpid:' || direct), 0)" if direct else "0::UHUGEINT"
    for code in codes:
        group = f"xor({group}, coalesce(h_{code}, 0))"
    bad = " OR ".join(f"bad_{code}" for code in codes) or "false"
    kept = "".join(f", h_{code}, v_{code}" for code in codes)
    lookup_mask = mask_of(frozenset(rules.priority))
    with_texts = f"SELECT ord, load_ts, {mpid}{', ' + texts if texts else ''} FROM {source}"
    with_prints = f"SELECT *{', ' + fingerprints if fingerprints else ''} FROM ({with_texts})"
    with_mask = f"SELECT *, ({mask})::BIGINT AS mask FROM ({with_prints})"
    relations.execute(
        f"""CREATE TEMP TABLE keyed AS
            SELECT ord, load_ts, {group} AS g, mask, direct,
                   CASE WHEN {bad} THEN '{RejectReason.FRACTIONAL_IDENTITY}'
                        WHEN mpid_text IS NOT NULL AND direct IS NULL THEN '{RejectReason.UNKNOWN_MPID}'
                        WHEN direct IS NOT NULL THEN NULL
                        WHEN mask = 0 THEN '{RejectReason.NO_IDENTITY}'
                        WHEN mask & {lookup_mask} = 0 THEN '{RejectReason.NO_LOOKUP_IDENTITY}'
                   END AS reject{kept}
            FROM ({with_mask})"""
    )
    refuse_deleted_people(relations, [code for code in codes if lookup_mask >> code & 1])
    if direct:  # a profile with this number may have been removed
        relations.execute(
            f"""UPDATE keyed SET reject = '{RejectReason.UNKNOWN_MPID}'
                WHERE reject IS NULL AND direct IS NOT NULL AND direct NOT IN (SELECT profile FROM profiles)"""
        )


def carried_types(relations: Relations) -> int:
    """The mask of the identity types that the rows of ``keyed`` carry."""
    [(types,)] = relations.rows("SELECT coalesce(bit_or(mask), 0) FROM keyed WHERE reject IS NULL")
    return int(types)


def text_sql(column: str, kind: ColumnKind) -> str:
    """SQL that writes a value as an identity's text (decision D29): whole numbers plain, strings as they are."""
    if kind in {ColumnKind.DECIMAL, ColumnKind.FLOAT}:
        return f"TRY_CAST({column} AS DECIMAL(38, 0))::VARCHAR"
    return f"{column}::VARCHAR"


def _text(identity: IdentitySource) -> str:
    return text_sql(identity.column, identity.kind)


def _is_fractional(identity: IdentitySource) -> str:
    if identity.kind not in {ColumnKind.DECIMAL, ColumnKind.FLOAT}:
        return "false"
    # NaN, infinities and numbers beyond 38 digits are no identities either: the cast gives NULL for them.
    whole = f"TRY_CAST({identity.column} AS DECIMAL(38, 0))"
    if identity.kind is ColumnKind.FLOAT:
        differs = f"{whole} <> {identity.column}"
    else:  # compared as text: a rounded number need not fit the column's own type
        differs = rf"NOT regexp_full_match({identity.column}::VARCHAR, '-?\d+(\.0*)?')"
    return f"({identity.column} IS NOT NULL AND ({whole} IS NULL OR {differs}))"
