"""How a profile came to be what it is: which rows attached its identities, took some away, and were kept from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import duckdb

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import FOUND_BY_MPID, TYPE_OF_CODE, Guard, IdentityType, types_of
from warehouse_sync.profiles.ledger import Ledger
from warehouse_sync.profiles.mpid import MpidCodec
from warehouse_sync.profiles.provenance import (
    Contribution,
    Explanation,
    HeldIdentity,
    KeptApart,
    LostIdentity,
)
from warehouse_sync.profiles.versions import Versions, data_models_in, source_of

MOST_EVENTS: Final = 100
_MOST_OTHERS: Final = 20


class Explainer:
    """Explains the profiles of one scope, as one transaction sees them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, codec: MpidCodec, environment: Environment) -> None:
        self._connection = connection
        self._codec = codec
        self._environment = environment
        self._ledger = Ledger(connection)

    def explain(self, profile: int) -> Explanation | None:
        """How a profile came to be what it is; None if there is none with this number."""
        made = self._connection.execute("SELECT run FROM profiles WHERE profile = ?", [profile]).fetchall()
        if not made:
            return None
        identities = tuple(self._identities(profile))
        lost = tuple(self._lost(profile))
        [(run,)] = made
        makers = [found.attached for found in identities if found.made_profile]
        return Explanation(
            mpid=self._mpid(profile),
            created=makers[0] if makers else self._ledger.place(None, run, None),
            identities=identities,
            lost=lost,
            kept_apart=tuple(self._kept_apart(profile)),
            contributions=tuple(self._contributions(profile)),
        )

    def _identities(self, profile: int) -> Iterator[HeldIdentity]:
        held = self._connection.execute(
            """SELECT type, value, run, attached_seq, load_ts, found_by, h::UUID::VARCHAR,
                      row_number() OVER (PARTITION BY type ORDER BY seq DESC) = 1
               FROM identities WHERE profile = ? ORDER BY type, attached_seq NULLS FIRST, value""",
            [profile],
        ).fetchall()
        others = self._holders_beside(profile)
        for code, value, run, seq, load_ts, found_by, print_, is_shown in held:
            yield HeldIdentity(
                identity_type=TYPE_OF_CODE[code],
                value=value,
                is_shown=is_shown,
                attached=self._ledger.place(seq, run, load_ts),
                found_by=None if found_by is None else _found_by(found_by),
                made_profile=found_by == 0,
                named_profile=found_by == FOUND_BY_MPID,
                also_held_by=tuple(others[print_]),
            )

    def _holders_beside(self, profile: int) -> dict[str, list[int]]:
        """The first few other holders of each of a profile's identities, by fingerprint."""
        found = self._connection.execute(
            f"""SELECT h::UUID::VARCHAR, profile FROM lookup SEMI JOIN (SELECT h FROM identities WHERE profile = ?) USING (h)
                WHERE profile <> ? QUALIFY row_number() OVER (PARTITION BY h ORDER BY profile) <= {_MOST_OTHERS}
                ORDER BY profile""",
            [profile, profile],
        ).fetchall()
        holders = defaultdict(list)
        for print_, number in found:
            holders[print_].append(self._mpid(number))
        return holders

    def _lost(self, profile: int) -> Iterator[LostIdentity]:
        moved = self._connection.execute(
            f"""SELECT type, value, run, attached_seq, load_ts, taken_by, taken_seq, taken_run, taken_ts
                FROM moved WHERE profile = ? AND returned_by IS NULL ORDER BY taken_seq DESC, type LIMIT {MOST_EVENTS}""",
            [profile],
        ).fetchall()
        for code, value, run, seq, load_ts, taker, taken_seq, taken_run, taken_ts in moved:
            yield LostIdentity(
                identity_type=TYPE_OF_CODE[code],
                value=value,
                attached=self._ledger.place(seq, run, load_ts),
                taken_by=None if taker is None else self._mpid(taker),
                taken=self._ledger.place(taken_seq, taken_run, taken_ts),
            )

    def _kept_apart(self, profile: int) -> Iterator[KeptApart]:
        rows = self._connection.execute(
            f"""SELECT profile, other, shared, guards, seq, run, load_ts FROM kept_apart
                WHERE profile = ? OR other = ? ORDER BY seq DESC LIMIT {MOST_EVENTS}""",
            [profile, profile],
        ).fetchall()
        for mine, other, shared, guards, *place in rows:
            yield KeptApart(
                self._mpid(mine), self._mpid(other), types_of(shared), Guard(guards), self._ledger.place(*place)
            )

    def _contributions(self, profile: int) -> Iterator[Contribution]:
        versions = Versions(self._connection)
        for model in data_models_in(self._connection):
            version = versions.current(model, profile)
            if version is None:
                continue
            confirmed = None
            if version.again_seq is not None:
                by = self._ledger.run_of(version.again_seq)
                confirmed = self._ledger.place(version.again_seq, by or version.run, version.again_ts)
            yield Contribution(model, source_of(version, self._ledger), confirmed)

    def _mpid(self, profile: int) -> int:
        return self._codec.encode(profile, self._environment)


def _found_by(mask: int) -> tuple[IdentityType, ...]:
    return () if mask == FOUND_BY_MPID else types_of(mask)
