"""Tombstones: what keeps a deleted person from coming back with the next row, without keeping anything readable of them.

A tombstone holds a keyed hash of each identity that the person alone held, and of their profile number. Whether a given identity is among
them, only who has the home's key can tell. Identities that another profile holds too have none: rows of the others must find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from warehouse_sync.profiles.relations import Relations

KEY_VARIABLE: Final = "tombstone_key"
"""The engine's variable that holds the key, as text; set for transactions that hash."""

DELETED_PERSON: Final = "deleted_person"
"""Why a row is refused that carries an identity of a deleted person, or names their MPID."""


def identity_print(fingerprint: str) -> str:
    """SQL of the keyed hash of an identity, from SQL of its fingerprint."""
    return f"sha256(getvariable('{KEY_VARIABLE}') || 'identity' || hex({fingerprint}))"


def profile_print(profile: str) -> str:
    """SQL of the keyed hash of a profile number."""
    return f"sha256(getvariable('{KEY_VARIABLE}') || 'profile' || {profile})"


def refuse_deleted_people(relations: Relations, lookup_codes: Sequence[int]) -> None:
    """Marks the rows of ``keyed`` that carry a look-up identity of a deleted person, or name their profile.

    An identity that some profile holds has no tombstone, so only those are hashed that nobody holds.

    Args:
        relations: the open transaction, with the key in place.
        lookup_codes: codes of the look-up identities that the rows carry.
    """
    if not relations.rows("SELECT 1 FROM tombstones LIMIT 1"):
        return
    carried = " UNION ".join(f"SELECT h_{code} AS h FROM keyed WHERE h_{code} IS NOT NULL" for code in lookup_codes)
    if carried:
        relations.execute(
            f"""CREATE TEMP TABLE buried AS
                SELECT h FROM ({carried}) ANTI JOIN lookup USING (h)
                WHERE {identity_print("h")} IN (SELECT print FROM tombstones)"""
        )
    hits = [f"h_{code} IN (SELECT h FROM buried)" for code in lookup_codes]
    hits.append(f"direct IS NOT NULL AND {profile_print('direct')} IN (SELECT print FROM tombstones)")
    relations.execute(f"UPDATE keyed SET reject = '{DELETED_PERSON}' WHERE {' OR '.join(hits)}")
