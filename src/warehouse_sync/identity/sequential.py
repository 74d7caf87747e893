"""Resolution of rows one at a time, for rows whose outcome depends on each other (specification §3.5, §3.6).

Rows that share an identity, or that reach the same stored profile by different identities, are resolved here in order; all others are
resolved as a set. Pure: state comes in, changes go out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from warehouse_sync.domain.identity import FOUND_BY_MPID, Guard

Print = str
"""A fingerprint, as text."""


@dataclass(frozen=True, slots=True)
class CodedRules:
    """The rules of resolution in terms of type codes and bit masks.

    Attributes:
        rank: place in the priority by type code; types outside it are absent.
        above: by rank, the mask of all types ranked higher.
    """

    rank: Mapping[int, int]
    above: tuple[int, ...]
    unique: int
    login: int
    immutable: int
    conflict_guard: bool
    known_request_needs_login_match: bool

    def refusing_guards(self, *, row: int, held: int, hit: int) -> Guard:
        """The guards (A1 to A4) that forbid a profile to a row; none if it may have it.

        Args:
            row: mask of the row's look-up types.
            held: mask of the look-up types the profile holds.
            hit: mask of the types in which row and profile share a value.
        """
        guards = Guard(0)
        if self.immutable & held and not self.immutable & hit:
            guards |= Guard.IMMUTABLE
        if self.login & held and not self.login & hit:
            guards |= Guard.LOGIN
        if self.known_request_needs_login_match and self.login & row and not self.login & hit:
            guards |= Guard.ANONYMOUS
        top = min(self.rank[code] for code in self.rank if hit >> code & 1)
        if self.conflict_guard and row & held & self.login & self.unique & self.above[top]:
            guards |= Guard.CONTRADICTION
        return guards


@dataclass(slots=True)
class ProfileState:
    """What resolution must know of a profile: its look-up identities by type, and when it was last seen.

    ``seen`` is negative for a stored profile that never shared an identity: such profiles never tie.
    """

    held: dict[int, dict[Print, int]] = field(default_factory=lambda: defaultdict(dict))
    seen: int = -1

    def mask(self) -> int:
        return sum(1 << code for code, values in self.held.items() if values)


@dataclass(frozen=True, slots=True)
class EntangledRow:
    """One row to resolve: its place, the profile it names directly if it does, and its identities by type code."""

    order: int
    direct: int | None
    identities: Mapping[int, Print]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A profile that guards kept from a row: its number, the mask of the types it shares with the row, and the guards."""

    profile: int
    shared: int
    guards: Guard


@dataclass(slots=True)
class Writing:
    """An identity that rows wrote to a profile.

    Attributes:
        first: order of the first row that did.
        found_by: mask of the types by which that row had found the profile; 0 if it made it, -1 if it named it.
        last: order of the last row that did.
    """

    first: int
    found_by: int
    last: int


@dataclass(slots=True)
class SequentialOutcome:
    """What the rows did.

    Attributes:
        resolved: profile of each row; a profile made by row ``n`` is ``-n - 1`` until it is numbered.
        created: the rows that made a profile.
        refusals: rows for which a guard refused at least one profile, and the best match among those.
        written: by profile, type code and fingerprint: every identity written.
        detached: (fingerprint, profile) pairs that left a stored profile, with the profile that has it instead and the row that took it.
        touched: order of the last row that reached each profile.
    """

    resolved: dict[int, int] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)
    written: dict[tuple[int, int, Print], Writing] = field(default_factory=dict)
    detached: dict[tuple[Print, int], tuple[int, int]] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)


class SequentialResolver:
    """Resolves rows in order against a state that it changes as it goes.

    Args:
        rules: the coded rules.
        profiles: the stored profiles that any of the rows can reach, by number.
        first_seq: the ``seq`` of order 0; rows are seen at ``first_seq + order``.
    """

    def __init__(self, rules: CodedRules, profiles: dict[int, ProfileState], first_seq: int) -> None:
        self._rules = rules
        self._profiles = profiles
        self._first_seq = first_seq
        self._owners: dict[Print, set[int]] = defaultdict(set)
        for number, state in profiles.items():
            for values in state.held.values():
                for value in values:
                    self._owners[value].add(number)
        self.outcome = SequentialOutcome()

    def resolve_all(self, rows: Iterable[EntangledRow]) -> SequentialOutcome:
        """Resolves ``rows``, which must come in ascending order."""
        for row in rows:
            self._attach(*self._profile_of(row), row)
        return self.outcome

    def shared_profiles(self) -> dict[int, int]:
        """Profiles that now share an identity with another, with the ``seq`` they were last seen at (never below 0)."""
        shared = {number for owners in self._owners.values() if len(owners) > 1 for number in owners}
        return {number: max(0, self._profiles[number].seen) for number in shared}

    def _profile_of(self, row: EntangledRow) -> tuple[int, int]:
        """The row's profile, and the mask of the types that led to it: 0 if it was made, ``FOUND_BY_MPID`` if it was named."""
        if row.direct is not None:
            return row.direct, FOUND_BY_MPID
        found = self._best(row)
        if found is not None:
            return found
        number = -row.order - 1
        self._profiles[number] = ProfileState()
        self.outcome.created.append(row.order)
        return number, 0

    def _best(self, row: EntangledRow) -> tuple[int, int] | None:
        hits: dict[int, int] = defaultdict(int)
        mask = 0
        for code, value in row.identities.items():
            if code not in self._rules.rank:
                continue
            mask |= 1 << code
            for number in self._owners.get(value, ()):
                hits[number] |= 1 << code
        admissible, refused = [], []
        for number, hit in hits.items():
            guards = self._rules.refusing_guards(row=mask, held=self._profiles[number].mask(), hit=hit)
            if guards:
                refused.append((self._score(hit), -number, Refusal(number, hit, guards)))
            else:
                admissible.append((self._score(hit), self._profiles[number].seen, -number, number))
        if refused:
            self.outcome.refusals[row.order] = max(refused, key=lambda found: found[:2])[-1]
        if not admissible:
            return None
        best = max(admissible)[-1]
        return best, hits[best]

    def _score(self, hit: int) -> int:
        last = len(self._rules.above)
        return sum(1 << (last - rank) for code, rank in self._rules.rank.items() if hit >> code & 1)

    def _attach(self, number: int, found_by: int, row: EntangledRow) -> None:
        state = self._profiles[number]
        for code, value in row.identities.items():
            held = state.held[code]
            if self._rules.immutable >> code & 1 and held and value not in held:
                continue
            held[value] = row.order
            writing = self.outcome.written.setdefault((number, code, value), Writing(row.order, found_by, row.order))
            writing.last = row.order
            if code not in self._rules.rank:
                continue
            self._owners[value].add(number)
            self.outcome.detached.pop((value, number), None)
            if self._rules.unique >> code & 1:
                self._take_from_others(number, code, value, row.order)
        state.seen = self._first_seq + row.order
        self.outcome.touched[number] = row.order
        self.outcome.resolved[row.order] = number

    def _take_from_others(self, number: int, code: int, value: Print, order: int) -> None:
        for other in self._owners[value] - {number}:
            self._profiles[other].held[code].pop(value, None)
            self.outcome.written.pop((other, code, value), None)
            self.outcome.detached[value, other] = (number, order)
        self._owners[value] = {number}
