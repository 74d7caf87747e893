"""The names of a query's columns as they are written.

Where a query is put into a derived table, as ours all are, warehouses differ about two columns of one name: some give both, some refuse
every mention of them, DuckDB renames the second without a word. So they are refused before.
"""

from __future__ import annotations

from collections import Counter

from sqlglot import exp

from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.dialects import SqlDialect


def refuse_repeated_names(tree: exp.Expr, dialect: SqlDialect) -> None:
    """Refuses a query that writes one name for two of its columns. What a star stands for is not known here.

    Raises:
        SqlRefused: it does; code ``repeated_column``.
    """
    names = Counter(_folded(name, dialect) for name in _written(tree))
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise SqlRefused(
            f"Several columns have the same name: {', '.join(repeated)}. Give each its own name with AS.",
            field="sql_query",
            code="repeated_column",
        )


def _written(tree: exp.Expr) -> list[exp.Identifier]:
    """The names of the outermost select list: aliases, and columns without one. An expression without alias has a name of its own."""
    while isinstance(tree, exp.Subquery | exp.SetOperation):
        tree = tree.this  # the first SELECT of a set operation names the columns
    if not isinstance(tree, exp.Select):
        return []
    named = [
        column.args.get("alias") if isinstance(column, exp.Alias) else column.this
        for column in tree.expressions
        if isinstance(column, exp.Alias | exp.Column)
    ]
    return [name for name in named if isinstance(name, exp.Identifier)]


def _folded(name: exp.Identifier, dialect: SqlDialect) -> str:
    text = str(name.this)
    if dialect.ignores_case:
        return text.casefold()
    return text if name.quoted else dialect.fold(text)
