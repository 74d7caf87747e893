"""Bounds as typed literals: the warehouse compares like with like and can skip what it need not read."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlglot import exp

from warehouse_sync.domain.load_timestamp import Bound, TimestampClass
from warehouse_sync.sql.dialects import SqlDialect


def bound_literal(bound: Bound, kind: TimestampClass, dialect: SqlDialect) -> exp.Expr:
    """The tree of a bound, such as ``CAST('2023-03-01 14:28:55+00:00' AS TIMESTAMPTZ)`` or a plain integer.

    Raises:
        TypeError: the bound is not of this class; a mistake of ours, never of the customer.
    """
    type_name = dialect.literal_types.get(kind)
    if type_name is None:
        return _integer(bound)
    return exp.cast(exp.Literal.string(_text(bound, kind)), _type(type_name, dialect.name).copy())


@cache
def _type(name: str, dialect: str) -> exp.DataType:
    """Of the few names in ``SqlDialect.literal_types``; to be copied, since a tree belongs to one statement."""
    return exp.DataType.build(name, dialect=dialect)


def _integer(bound: Bound) -> exp.Expr:
    if not isinstance(bound, int):
        raise TypeError("an integer column needs an integer bound")
    number = exp.Literal.number(abs(bound))
    return exp.Neg(this=number) if bound < 0 else number


def _text(bound: Bound, kind: TimestampClass) -> str:
    if isinstance(bound, int):
        raise TypeError("a date or timestamp column needs a date or a timestamp as its bound")
    if kind is TimestampClass.DATE:
        if isinstance(bound, datetime):
            raise TypeError("a date column needs a date as its bound")
        return bound.isoformat()
    if not isinstance(bound, datetime):
        raise TypeError("a timestamp column needs a timestamp as its bound")
    if (bound.tzinfo is None) is not (kind is TimestampClass.ZONELESS):
        raise TypeError("a zoneless column needs a bound without a zone, an instant column one with a zone")
    return bound.isoformat(sep=" ")
