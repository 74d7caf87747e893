"""What the rest of the house may ask of a profile store. Nothing above this package knows which engine stores profiles."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Protocol

import pyarrow as pa

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.profiles.relations import Relations
from warehouse_sync.profiles.row_memory import RowMemory

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
class Holders:
    """How many profiles hold an identity, and the profile if it is the only one. None also if the store has lost that one."""

    count: int
    profile: Profile | None


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


@dataclass(frozen=True, slots=True)
class DroppedValues:
    """The values of one attribute that a run left out, for one reason: ``name_too_long``, ``value_too_long`` or ``not_finite``."""

    attribute: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class AppliedRecord:
    """A record as it was applied, while its data model has said nothing newer about the profile.

    Attributes:
        sequence: ascending in the order of applying, within one environment of a workspace.
        mpid: the profile it went to.
        data_model_key, run_id: where it came from.
        load_timestamp: of its row.
        identities: what the profile holds today.
        attributes: what the record says.
    """

    sequence: int
    mpid: int
    data_model_key: int
    run_id: int
    load_timestamp: datetime
    identities: tuple[ProfileIdentity, ...]
    attributes: tuple[ProfileAttribute, ...]


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

    def holders(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> Holders:
        """Whose an identity is, compared as by ``find``, and who that is."""
        ...

    def recent(
        self, workspace_id: int, environment: Environment, *, after: int, most: int
    ) -> tuple[AppliedRecord, ...]:
        """The records that were applied last, the latest first.

        Args:
            after: only those with a greater ``sequence``.
            most: at most so many.
        """
        ...

    def rejects(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[Rejects, ...]:
        """What a run refused, most frequent reason first."""
        ...

    def dropped_values(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[DroppedValues, ...]:
        """The values that a run left out, by attribute and reason, the most frequent first, at most 100 of them."""
        ...

    def new_attributes(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[str, ...]:
        """The names of attributes that no profile could have before a run brought them, in order."""
        ...

    def progress(self, workspace_id: int, environment: Environment, run_id: int) -> RunCounts | None:
        """What the committed chunks of a run counted so far; None if none was committed."""
        ...

    def profile_count(self, workspace_id: int, environment: Environment) -> int:
        """How many profiles there are."""
        ...


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What the store knows of a run.

    Attributes:
        chunks: how many are committed.
        counts: what they counted.
        reading: the epoch that last started over. The chunks are those of what it fetched, and of nothing that another holder did.
    """

    chunks: int
    counts: RunCounts
    reading: int = 0


class ChunkTransaction(Relations, Protocol):
    """The open transaction of one chunk, and the relations that the steps of the apply work on."""

    @property
    def first_seq(self) -> int:
        """The ``seq`` of the chunk's first row in order."""
        ...

    @property
    def next_profile(self) -> int:
        """The number of the next new profile."""
        ...

    def profiles_of_mpids(self, mpids: Sequence[int | None]) -> pa.Array:
        """The numbers (int64) of the profiles that MPIDs name; NULL where there was none in this scope when the run began."""
        ...

    def mpid(self, profile: int) -> int:
        """The MPID of the profile with a number."""
        ...

    def write_rejects(self, reason: str, rows: int, samples: list[tuple[int, str]]) -> None:
        """Notes refused rows of one reason; ``samples`` are (order, JSON object) of the first few."""
        ...

    def write_dropped(self, attribute: str, reason: str, values: int) -> None:
        """Notes how many values of an attribute were left out for a reason."""
        ...

    def checkpoint(self, counts: RunCounts, *, types: int, places: int | None = None) -> None:
        """Moves the run's progress on by this chunk, if the run is still held by this epoch and stands at this chunk.

        Args:
            counts: what the chunk counted.
            types: mask of the identity types that its rows carried.
            places: how many places in the order of application it used; by default one per row.

        Raises:
            LeaseLostError: it does not; the transaction must not commit.
        """
        ...


class ProfileStores(Protocol):
    """The writing side of all profile stores of a home. Safe to use from several threads; a scope has one writer at a time."""

    def begin(self, run: RunKey, *, start_over: bool, memory: RowMemory | None = None) -> RunProgress:
        """Makes ``run.epoch`` the only one that may commit for this run from now on, and tells how far the run has come.

        Args:
            run: the run and the epoch of its new holder.
            start_over: forget the committed chunks: a new attempt reads the warehouse again (its rows merge idempotently).
            memory: where the run will remember its rows; what its pipeline needs no more is forgotten there. None: it remembers nothing.

        Raises:
            LeaseLostError: a newer holder has the run.
            StoreError: the store cannot be used.
        """
        ...

    def chunk(self, run: RunKey, number: int, *, now: datetime) -> AbstractContextManager[ChunkTransaction]:
        """One transaction for one chunk: identities, attributes, rejects, counts and checkpoint commit together or not at all.

        The block must end with ``ChunkTransaction.checkpoint``; otherwise, or when it raises, nothing is kept.

        Args:
            run: the run and the epoch of its holder.
            number: which chunk of the spool, from 0; it must be the first one not yet committed.
            now: the moment noted as the time of application.

        Raises:
            LeaseLostError: a newer holder has the run; nothing was written.
            StoreError: the engine failed. Whether the chunk is committed, only ``begin`` tells.
        """
        ...

    def comparing(self, run: RunKey, *, now: datetime) -> AbstractContextManager[ChunkTransaction]:
        """A transaction like that of a chunk, which sees one committed state, waits for no writer, and of which nothing is kept.

        Args:
            run: a run that was begun.
            now: as for a chunk.

        Raises:
            LeaseLostError: the run was not begun.
            StoreError: the store cannot be read.
        """
        ...

    def compaction_step(self, workspace_id: int, environment: Environment) -> AbstractContextManager[bool]:
        """One transaction that takes a step towards order among the tables that are searched; gives whether there was one to take.

        A step takes a fraction of a second, changes nothing that can be read, and waits for its turn like any other writer.

        Raises:
            StoreError: the engine failed; nothing was changed.
        """
        ...

    def fold_log(self, workspace_id: int, environment: Environment) -> None:
        """Brings what is committed from the store's log into the store itself, if there is much of it.

        Raises:
            StoreError: the engine failed. What is committed is safe, in the log or in the store.
        """
        ...

    def scopes(self) -> list[tuple[int, Environment]]:
        """The workspaces and environments that have a store."""
        ...

    def remembers_rows(self, workspace_id: int, environment: Environment, run_id: int) -> bool:
        """Whether all rows of the interval of a run that is done are remembered still."""
        ...

    def forget_history(self, before: datetime) -> int:
        """Removes row versions that were replaced before a moment, in every scope, and what runs before it remember of their rows.

        Returns how many row versions there were.
        """
        ...

    def forget_reject_samples(self, before: datetime) -> int:
        """Removes samples of rows that were refused before a moment, in every scope; returns how many. Their counts stay."""
        ...
