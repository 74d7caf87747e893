"""What the rest of the house may ask of a profile store. Nothing above this package knows which engine stores profiles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Protocol

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.run import RunCounts

Scalar = bool | int | float | Decimal | str | date | datetime | time
AttributeValue = Scalar | list["AttributeValue"] | dict[str, "AttributeValue"] | None


@dataclass(frozen=True, slots=True)
class ProfileIdentity:
    """An identity a profile holds; ``value`` as it was received."""

    identity_type: IdentityType
    value: str


@dataclass(frozen=True, slots=True)
class ProfileAttribute:
    """An attribute, its value, and where the value came from.

    Attributes:
        value: typed, as JSON can hold it or as Python's date and decimal types.
        text: the same as the Profile API writes it: a text, or a list of texts.
        data_model_key: surrogate of the data model that set it.
        run_id: the run that set it.
        load_timestamp: of the row that set it.
    """

    name: str
    value: AttributeValue
    text: str | list[str]
    data_model_key: int
    run_id: int
    load_timestamp: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """All that one workspace and environment knows of one person. ``mpid`` is positive and below 2^63."""

    mpid: int
    environment: Environment
    created_on: datetime
    last_stored_on: datetime
    identities: tuple[ProfileIdentity, ...]
    attributes: tuple[ProfileAttribute, ...]


@dataclass(frozen=True, slots=True)
class RejectSample:
    """One refused row: its place in the run and what it held, as text by column name."""

    ordinal: int
    row: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Rejects:
    """The rows a run refused for one reason: how many, and the first few of them."""

    reason: str
    count: int
    samples: tuple[RejectSample, ...]


class ProfileReader(Protocol):
    """Look-ups. Safe to call from any thread while a run applies; each call sees one committed state."""

    def profile(self, workspace_id: int, mpid: int) -> Profile | None:
        """The profile, in whichever environment it lives; None if the workspace has no such profile."""
        ...

    def find(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> tuple[int, ...]:
        """The MPIDs of the profiles that hold an identity, compared as resolution compares it; ascending.

        Args:
            rules: the workspace's own.
        """
        ...

    def rejects(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[Rejects, ...]:
        """What a run refused, most frequent reason first."""
        ...

    def progress(self, workspace_id: int, environment: Environment, run_id: int) -> RunCounts | None:
        """What the committed chunks of a run counted so far; None if none was committed."""
        ...

    def profile_count(self, workspace_id: int, environment: Environment) -> int:
        """How many profiles there are."""
        ...
