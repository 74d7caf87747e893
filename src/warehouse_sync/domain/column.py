"""Columns of a data model's output, and what becomes of them (specification §1.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warehouse_sync.domain.identity import IdentityType


class ColumnKind(StrEnum):
    """The kinds of value that every warehouse's types are reduced to."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"  # a wall clock
    INSTANT = "instant"  # a point in time
    TIME = "time"
    BINARY = "binary"
    LIST = "list"  # of scalars
    JSON = "json"  # an object or a nested list, as JSON text; a top-level array of scalars in it is a list
    NULL = "null"  # every value is NULL and the warehouse names no type


IDENTITY_KINDS = frozenset(
    {ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT, ColumnKind.STRING, ColumnKind.NULL}
)
"""Kinds that can be written as the text of an identity (decision D29)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One output column of the customer's query, by the name the warehouse gives it."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class IdentityColumn:
    column: Column
    identity_type: IdentityType


@dataclass(frozen=True, slots=True)
class Mapping:
    """What each output column becomes on a profile.

    Attributes:
        load_timestamp: the column rows are selected and ordered by; it is not an attribute.
        identities: columns that carry an identity, in column order.
        mpid: the column that names the profile directly, if there is one.
        attributes: all other columns, in column order.
    """

    load_timestamp: Column
    identities: tuple[IdentityColumn, ...]
    mpid: Column | None
    attributes: tuple[Column, ...]
