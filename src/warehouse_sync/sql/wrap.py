"""The statements a run sends, built as trees around the customer's tree: no text is ever pasted.

The customer's query stands as it is (its own ORDER BY and LIMIT too) in a derived table named ``m``. Nothing inside it can see that
name, and outside it there is no other.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from warehouse_sync.domain.load_timestamp import ColumnBounds
from warehouse_sync.sql.guard import CheckedQuery
from warehouse_sync.sql.lexemes import UnsafeText, scan_generated
from warehouse_sync.sql.literals import bound_literal
from warehouse_sync.sql.parsing import generate, not_rebuilt, parse_generated

_ALIAS: Final = "m"
_STAND_IN: Final = "SELECT 1"
"""Stands for the customer's query while the statement around it is made and checked."""


def probe(query: CheckedQuery) -> str:
    """The statement that shows the columns of a query and reads no row."""
    return preview(query, 0)


def preview(query: CheckedQuery, rows: int) -> str:
    """The statement that reads at most this many rows of a query, whichever they are.

    Raises:
        ValueError: ``rows`` is negative.
    """
    if rows < 0:
        raise ValueError("the number of rows cannot be negative")
    return _verified(_around(exp.Star()).limit(rows, copy=False), query)


def count(query: CheckedQuery, column: str, bounds: ColumnBounds, *, inclusive_end: bool = False) -> str:
    """The statement that counts the rows within bounds; arguments as for ``extract``."""
    return _verified(_filtered(_counted(), query, column, bounds, inclusive_end), query)


def count_without(query: CheckedQuery, column: str) -> str:
    """The statement that counts the rows whose load timestamp is NULL: no interval holds them."""
    return _verified(_counted().where(exp.Is(this=_named(column), expression=exp.Null()), copy=False), query)


def count_from(query: CheckedQuery, column: str, bounds: ColumnBounds) -> str:
    """The statement that counts the rows at the upper bound and after it."""
    upper = bound_literal(bounds.upper, bounds.kind, query.dialect)
    return _verified(_counted().where(exp.GTE(this=_named(column), expression=upper), copy=False), query)


def extract(query: CheckedQuery, column: str, bounds: ColumnBounds, *, inclusive_end: bool = False) -> str:
    """The statement that reads all columns of the rows within bounds.

    Args:
        query: the customer's query.
        column: the exact name of the load-timestamp column as the probe saw it.
        bounds: in the column's own terms. Rows whose column is NULL are in no interval.
        inclusive_end: compare as ``BETWEEN`` does, with both ends inside (decision D4). Rows at an end are then read twice.

    Raises:
        SqlRefused: the statement cannot be rebuilt exactly.
    """
    return _verified(_filtered(_around(exp.Star()), query, column, bounds, inclusive_end), query)


def _counted() -> exp.Select:
    return _around(exp.Anonymous(this="COUNT", expressions=[exp.Star()]))


def _named(column: str) -> exp.Column:
    return exp.column(exp.to_identifier(column, quoted=True), table=exp.to_identifier(_ALIAS))


def _around(selected: exp.Expr) -> exp.Select:
    stand_in = exp.Select(expressions=[exp.Literal.number(1)])
    derived = exp.Subquery(this=stand_in, alias=exp.TableAlias(this=exp.to_identifier(_ALIAS)))
    return exp.Select(expressions=[selected], from_=exp.From(this=derived))


def _filtered(
    select: exp.Select, query: CheckedQuery, column: str, bounds: ColumnBounds, inclusive_end: bool
) -> exp.Select:
    predicate = _predicate(query, column, bounds, inclusive_end)
    return select.where(predicate, copy=False)


def _predicate(query: CheckedQuery, column: str, bounds: ColumnBounds, inclusive_end: bool) -> exp.Expr:
    upper = bound_literal(bounds.upper, bounds.kind, query.dialect)
    lower = None if bounds.lower is None else bound_literal(bounds.lower, bounds.kind, query.dialect)
    if inclusive_end and lower is not None:
        return exp.Between(this=_named(column), low=lower, high=upper)
    ends = (exp.LTE if inclusive_end else exp.LT)(this=_named(column), expression=upper)
    if lower is None:
        return ends
    return exp.and_(exp.GTE(this=_named(column), expression=lower), ends, copy=False)


def _verified(frame: exp.Select, query: CheckedQuery) -> str:
    """The text of the statement: generated from one tree, and then proven to be our frame with the checked text inside it.

    The frame is read back by the parser, with a stand-in for the query. The query itself was read back by the guard, which also saw that
    its brackets and quotes are closed, so that nothing around it can change how it is read; here its text must stand whole in the frame.
    """
    dialect = query.dialect
    around = generate(frame, dialect)
    again = parse_generated(around, dialect)
    if _parts(again) != _parts(frame) or generate(again.args["from_"].this.this, dialect) != _STAND_IN:
        raise not_rebuilt()
    frame.args["from_"].this.set("this", query.tree)
    text = generate(frame, dialect, copy=False)
    try:
        scan_generated(text, dialect)
    except UnsafeText:
        raise not_rebuilt() from None
    if text != around.replace(f"({_STAND_IN})", f"({query.text})", 1):
        raise not_rebuilt()
    return text


def _parts(tree: exp.Expr) -> tuple[object, ...]:
    """What of a statement is ours: everything but the query inside the derived table."""
    source = tree.args.get("from_")
    if not isinstance(tree, exp.Select) or source is None or not isinstance(source.this, exp.Subquery):
        raise not_rebuilt()
    around = {name: value for name, value in tree.args.items() if value and name != "from_"}
    derived = {name: value for name, value in source.this.args.items() if value and name != "this"}
    return around, derived
