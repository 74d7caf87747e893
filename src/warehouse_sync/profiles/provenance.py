"""Why a person has these values and these identities: what a profile store can tell about where each came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from warehouse_sync.domain.identity import Guard, IdentityType
from warehouse_sync.profiles.protocol import AttributeValue


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row of a run.

    Attributes:
        run_id: the run.
        row: its place in the run's order of application, from 1; None if it was not kept.
        load_timestamp: as the row gave it; None if it was not kept.
        applied_on: when it was committed; None if it was not kept.
    """

    run_id: int
    row: int | None
    load_timestamp: datetime | None
    applied_on: datetime | None


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One change of one attribute, as one data model sees it.

    Attributes:
        value: what it became; None if it was taken away.
        source: the row that says ``value``; None if it was taken away.
        previous: what it was; None if there was nothing, or it is not known any more.
        previous_source: the row that said ``previous``.
        is_previous_known: False if earlier versions were forgotten.
        changed_by: the run that made the change: the source's own, or one that undid another.
        changed_on: when that was committed.
        is_undone: whether the change has been undone since.
        is_current: whether the profile shows ``value`` because of this change.
    """

    attribute: str
    data_model_key: int
    value: AttributeValue
    source: RowPlace | None
    previous: AttributeValue
    previous_source: RowPlace | None
    is_previous_known: bool
    changed_by: int
    changed_on: datetime | None
    is_undone: bool
    is_current: bool


@dataclass(frozen=True, slots=True)
class HeldIdentity:
    """An identity of a profile, and why it is there.

    Attributes:
        value: as it was first received.
        is_shown: whether the profile shows it as its value of this type: it was the last one written.
        attached: the first row that wrote it.
        found_by: the types by which that row had found the profile; empty if it made the profile or named it; None if it was not kept.
        made_profile: whether that row made the profile.
        named_profile: whether that row named the profile by its MPID.
        also_held_by: MPIDs of other profiles that hold it, the first few.
    """

    identity_type: IdentityType
    value: str
    is_shown: bool
    attached: RowPlace
    found_by: tuple[IdentityType, ...] | None
    made_profile: bool
    named_profile: bool
    also_held_by: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LostIdentity:
    """An identity that the profile has lost.

    Attributes:
        attached: the row that had attached it here.
        taken_by: MPID of the profile it went to, because a value of its type belongs to one profile at most; None if the run that attached
            it was undone.
        taken: the row that took it, or the run that undid the other.
    """

    identity_type: IdentityType
    value: str
    attached: RowPlace
    taken_by: int | None
    taken: RowPlace


@dataclass(frozen=True, slots=True)
class KeptApart:
    """A row that shared identities with two profiles, and was kept from one of them.

    Attributes:
        profile: MPID of the profile the row wrote to.
        other: MPID of the best match among those it was kept from.
        shared: the types it shares with ``other``.
        guards: what kept it away.
        row: the row.
    """

    profile: int
    other: int
    shared: tuple[IdentityType, ...]
    guards: Guard
    row: RowPlace


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a data model says of a profile.

    Attributes:
        source: the row that says it.
        confirmed: the newest row that said the same, if there is one.
    """

    data_model_key: int
    source: RowPlace
    confirmed: RowPlace | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a profile came to be what it is. Lists of what happened hold the latest ``MOST_EVENTS``, the latest first."""

    mpid: int
    created: RowPlace
    identities: tuple[HeldIdentity, ...]
    lost: tuple[LostIdentity, ...]
    kept_apart: tuple[KeptApart, ...]
    contributions: tuple[Contribution, ...]


class ProvenanceReader(Protocol):
    """Safe to call from any thread while a run applies; each call sees one committed state."""

    def history(self, workspace_id: int, mpid: int) -> tuple[AttributeChange, ...] | None:
        """Every change of a profile's attributes that is kept, the latest first; None if the workspace has no such profile."""
        ...

    def explain(self, workspace_id: int, mpid: int) -> Explanation | None:
        """How a profile came to be what it is; None if the workspace has no such profile."""
        ...
