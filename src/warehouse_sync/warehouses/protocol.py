"""What every warehouse adapter does, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import InvalidRequest, WarehouseStep

ALL_STEPS: Final = tuple(step for step in WarehouseStep if step not in {WarehouseStep.QUERY, WarehouseStep.FETCH})
"""The steps of a check of a warehouse that has all of them."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a connection object of this type (specification §1.5).

    Attributes:
        name: as published, or the vendor's own word.
        description: one line for the API reference.
        required: whether every connection must have it. What only some ways of logging in need is in ``LogIn.needs``.
        secret: stored in the vault and masked in every response.
        example: a plausible value for the API reference; None for secrets.
        choices: the only values it may have; empty if it may have any.
        is_number: a whole number in JSON; adapters get its digits.
        most_characters: the longest value.
        published: in the published connection object, whose answers always have it; a field of ours is there only if it has a value.
    """

    name: str
    description: str
    required: bool = True
    secret: bool = False
    example: str | None = None
    choices: tuple[str, ...] = ()
    is_number: bool = False
    most_characters: int = 4096
    published: bool = True


@dataclass(frozen=True, slots=True)
class LogIn:
    """One way of logging in to a type of warehouse that has several.

    Attributes:
        name: for sentences: "… is required to log in by NAME".
        needs: fields without which it cannot be, beside the type's required ones. They also tell that it is meant.
        may: fields that only make sense with it.
    """

    name: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        return self.needs + self.may


class IdentifierCase(StrEnum):
    """What becomes of a name written without quotes."""

    UPPER = "upper"
    LOWER = "lower"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a type of warehouse can do.

    Attributes:
        identifiers: what becomes of names written without quotes.
        load_timestamps: the declared types that its columns can have, Unix times aside (specification §1.6).
        timestamp_digits: digits of a second that its timestamps keep on their way to the spool.
        can_cancel: whether a running statement can be stopped from outside.
        holds_bytes_billed: whether it refuses a statement that would bill more bytes than it is told.
        cost: what a run costs there, and what to do about it; one sentence for people.
    """

    identifiers: IdentifierCase
    load_timestamps: tuple[LoadTimestampType, ...]
    timestamp_digits: int
    can_cancel: bool
    cost: str
    holds_bytes_billed: bool = False


@dataclass(frozen=True, slots=True)
class WarehouseType:
    """What is known of a type of warehouse without its driver.

    Attributes:
        name: the ``type`` of the connection object.
        title: its name for people.
        dialect: sqlglot's name of its SQL dialect.
        fields: the connection's fields beyond the common ones.
        capabilities: what it can do.
        tested: what the tests run against; "emulated" where that is not the vendor's own software.
        steps: what a check goes through, in order.
        logins: its ways of logging in, if there are several.
        also_needs: fields that are required only beside some values of others, from those values.
        plain_timestamp_is_instant: what a declared load-timestamp type ``timestamp`` means here (decision D23).
        extra: the extra that installs its driver: ``pip install warehouse-sync[EXTRA]``; None if always there.
    """

    name: str
    title: str
    dialect: str
    fields: tuple[FieldSpec, ...]
    capabilities: Capabilities
    tested: str
    steps: tuple[WarehouseStep, ...] = ALL_STEPS
    logins: tuple[LogIn, ...] = ()
    also_needs: Callable[[Mapping[str, str]], tuple[str, ...]] = lambda _values: ()
    plain_timestamp_is_instant: bool = False
    extra: str | None = None

    def login_meant(self, given: Collection[str]) -> LogIn | None:
        """The way of logging in that the names of given fields tell; None if they tell none.

        Raises:
            InvalidRequest: they tell several.
        """
        meant = [login for login in self.logins if any(name in given for name in login.needs)]
        if len(meant) > 1:
            raise InvalidRequest(
                f"A {self.name} connection logs in one way: give {_ways(meant)}, not both.", field=meant[1].needs[0]
            )
        return meant[0] if meant else None

    def check_login(self, names: Collection[str]) -> None:
        """Whether the fields of a connection suffice for one way of logging in.

        Raises:
            InvalidRequest: they do not; names the field that is missing.
        """
        if not self.logins:
            return
        login = self.login_meant(names)
        if login is None:
            raise InvalidRequest(
                f"A {self.name} connection needs a way to log in: give {_ways(self.logins)}.",
                field=self.logins[0].needs[0],
            )
        for name in login.needs:
            if name not in names:
                raise InvalidRequest(f"{name} is required to log in by {login.name}.", field=name)
        strangers = [name for other in self.logins for name in other.fields if name not in login.fields]
        for name in strangers:
            if name in names:
                raise InvalidRequest(f"{name} is not used to log in by {login.name}. Remove it.", field=name)


def _ways(logins: Collection[LogIn]) -> str:
    return ", or ".join(f"{' and '.join(login.needs)} ({login.name})" for login in logins)


class Warehouse(Protocol):
    """A conversation with one warehouse, read-only. Opened lazily, closed by the caller. Not shared between threads, but for
    ``cancel``.

    All SQL that arrives here is generated by ``sql/``; an adapter never edits text. Every method raises ``WarehouseError`` and
    nothing else: drivers' exceptions are translated here, by code, not by class or text.
    """

    @property
    def bytes_scanned(self) -> int | None:
        """By all statements so far; None where the warehouse does not say."""
        ...

    def check(self) -> str | None:
        """Goes through the type's ``steps``, from resolving the name to using the database, reading no data.

        The error of a step that fails names that step.

        Returns:
            the field of the connection that was accepted at the log-in, where several may be tried; else None.
        """
        ...

    def probe(self, sql: str) -> pa.Schema:
        """The columns of a query that returns no rows, in order.

        Types are the normal forms of ``warehouses/arrow.py``; semi-structured columns are text marked as JSON there.
        """
        ...

    def count(self, sql: str) -> int:
        """The single number that a counting query returns."""
        ...

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query, in the order and batches of the driver, in bounded memory.

        Every batch has exactly the schema that ``probe`` gives for the same select list.
        """
        ...

    def cancel(self) -> None:
        """Stops the running query as soon as the driver allows; callable from another thread."""
        ...

    def close(self) -> None:
        """Ends the conversation; safe to call twice."""
        ...
