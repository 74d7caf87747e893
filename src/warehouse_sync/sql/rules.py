"""What a tree must not do: every node is looked at, and only what is known to read is let through."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sqlglot import exp

from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.dialects import SqlDialect, fold_name
from warehouse_sync.sql.nodes import is_allowed, why_refused
from warehouse_sync.sql.parsing import generate, refusal

MOST_TABLES: Final = 300
"""The most tables, views and sub-queries one query may name."""

_WORDS: Final = re.compile(r"[\w$]+(?: [\w$]+)*")
_FILE_NAME: Final = re.compile(
    r"[/\\:*?\[]|\.(?:csv|tsv|txt|json|jsonl|ndjson|geojson|parquet|avro|orc|arrow|feather|xlsx?|db|duckdb|ddb|sqlite3?|gz|zst|bz2|zip"
    r"|shp|gpkg|fgb|vortex|lance|blob)$",
    re.IGNORECASE,
)
_TABLE_ARGUMENTS: Final = frozenset(
    {
        "this",
        "db",
        "catalog",
        "alias",
        "joins",
        "laterals",
        "pivots",
        "sample",
        "when",
        "ordinality",
        "only",
        "rows_from",
    }
)
_SELECT_ARGUMENTS: Final = frozenset(
    {
        "with_",
        "expressions",
        "distinct",
        "from_",
        "joins",
        "laterals",
        "where",
        "group",
        "having",
        "windows",
        "qualify",
        "order",
        "limit",
        "offset",
        "pivots",
        "sample",
        "connect",
        "exclude",
        "replace",
        "rename",
        "match",
        "into",
        "locks",
        "kind",  # SELECT AS STRUCT, SELECT AS VALUE
        "hint",  # their nodes are refused with a better sentence
    }
)
_RELATIONS: Final = (exp.Table, exp.Subquery, exp.Values, exp.Unnest, exp.Lateral, exp.TableFromRows)
_Rule = Callable[[exp.Expr, SqlDialect], None]


def refuse_unsafe(tree: exp.Expr, dialect: SqlDialect) -> None:
    """Walks the whole tree.

    Raises:
        SqlRefused: some part does not merely read tables; names the part and the remedy.
    """
    _refuse_root(tree)
    tables = 0
    for node in tree.walk():
        if not is_allowed(type(node)):
            raise refusal(f"The query is refused: {why_refused(type(node))}.")
        tables += isinstance(node, _RELATIONS)
        if tables > MOST_TABLES:
            raise refusal(
                f"The query names more than {MOST_TABLES} tables and sub-queries; put parts of it into a view."
            )
        for kind, rule in _RULES:
            if isinstance(node, kind):
                rule(node, dialect)


def _refuse_root(tree: exp.Expr) -> None:
    root = tree
    while isinstance(root, exp.Subquery):
        root = root.this
    if not isinstance(root, exp.Select | exp.SetOperation):
        raise refusal(
            "The query is not a SELECT; a data model is exactly one SELECT, UNION, INTERSECT or EXCEPT of SELECTs."
        )


def _check_select(node: exp.Expr, dialect: SqlDialect) -> None:
    for name, value in node.args.items():
        if value and name not in _SELECT_ARGUMENTS:
            raise refusal(
                f"The {dialect.name} query uses a modifier of SELECT that is not supported ({name}); remove it."
            )


def _check_common_table(node: exp.Expr, dialect: SqlDialect) -> None:  # noqa: ARG001 - every rule has this signature
    inner = node.this
    while isinstance(inner, exp.Subquery):
        inner = inner.this
    if not isinstance(inner, exp.Select | exp.SetOperation | exp.Values):
        raise refusal(f"WITH {node.alias} is not a SELECT; every part of a WITH clause must only read.")


def _check_from(node: exp.Expr, dialect: SqlDialect) -> None:
    relation = node.this
    if not isinstance(relation, _RELATIONS):
        raise refusal(f"{generate(relation, dialect)[:80]!r} cannot be read from; name a table, a view or a sub-query.")


def _check_subquery(node: exp.Expr, dialect: SqlDialect) -> None:
    inner = node.this
    readable = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Table, exp.Pivot)
    if not isinstance(inner, readable) or (isinstance(inner, exp.Pivot) and dialect.name != "duckdb"):
        raise refusal("A sub-query is not a SELECT; every sub-query must only read.")


def _check_set_operation(node: exp.Expr, dialect: SqlDialect) -> None:
    for side in (node.this, node.expression):
        if not isinstance(side, exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
            raise refusal(
                f"A side of UNION, INTERSECT or EXCEPT is not a SELECT in {dialect.name} SQL; make both sides SELECTs."
            )


def _check_table(node: exp.Expr, dialect: SqlDialect) -> None:
    for name, value in node.args.items():
        if value and name not in _TABLE_ARGUMENTS:
            raise refusal(f"Table {node.name!r} is read with an option that is not supported ({name}); remove it.")
    if node.args.get("rows_from"):
        return
    if isinstance(node.this, exp.Identifier):
        _check_table_name(node, dialect)
        return
    _check_table_function(node.this, dialect)
    if node.args.get("db"):
        raise _not_a_table(f"{node.args['db'].name}.{_function_name(node.this, dialect)}(…)", dialect)


def _check_table_name(node: exp.Expr, dialect: SqlDialect) -> None:
    full_name = ".".join(part.name for part in (node.args.get("catalog"), node.args.get("db"), node.this) if part)
    if node.name in dialect.refused_tables:
        raise refusal(f"{full_name!r} shows the database system, not your data; name a table or a view of your own.")
    is_path = bool(node.args.get("db")) and fold_name(node.args["db"].name) in dialect.file_formats
    if is_path or (dialect.reads_files and _FILE_NAME.search(full_name)):
        raise refusal(
            f"{full_name!r} looks like a file, and files cannot be read; load it into a table, or name it through a view."
        )


def _check_rows(node: exp.Expr, dialect: SqlDialect) -> None:
    _check_table_function(node.this, dialect)


def _check_lateral(node: exp.Expr, dialect: SqlDialect) -> None:
    if not isinstance(node.this, exp.Subquery):
        _check_table_function(node.this, dialect)


def _check_table_function(node: exp.Expr | None, dialect: SqlDialect) -> None:
    if isinstance(node, exp.Unnest):
        return
    if not isinstance(node, exp.Func):
        text = generate(node, dialect)[:80] if node else "an empty name"
        raise refusal(f"{text!r} cannot be read from; name a table or a view, not a file, stage, text or variable.")
    name = _function_name(node, dialect)
    if fold_name(name) not in dialect.table_functions:
        raise _not_a_table(f"{name}(…)", dialect)


def _not_a_table(what: str, dialect: SqlDialect) -> SqlRefused:
    allowed = ", ".join(sorted(dialect.table_functions)[:6])
    return refusal(
        f"{what} cannot be read from; in FROM only tables, views, sub-queries and a few functions ({allowed}, …) are allowed."
    )


def _function_name(node: exp.Expr, dialect: SqlDialect) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name
    return generate(node, dialect).partition("(")[0].strip()


def _check_column(node: exp.Expr, dialect: SqlDialect) -> None:
    if dialect.name == "snowflake" and node.args.get("table") and fold_name(node.name) == "nextval":
        raise refusal("NEXTVAL moves a sequence forward; remove it from the query.")


def _check_word(node: exp.Expr, dialect: SqlDialect) -> None:
    if not _WORDS.fullmatch(node.name):
        raise refusal(
            f"{node.name[:80]!r} cannot be read as a plain word of {dialect.name} SQL; stages and variables are not allowed."
        )


_RULES: Final[tuple[tuple[type[exp.Expr], _Rule], ...]] = (
    (exp.Select, _check_select),
    (exp.CTE, _check_common_table),
    (exp.From, _check_from),
    (exp.Join, _check_from),
    (exp.Subquery, _check_subquery),
    (exp.SetOperation, _check_set_operation),
    (exp.Table, _check_table),
    (exp.TableFromRows, _check_rows),
    (exp.Lateral, _check_lateral),
    (exp.Column, _check_column),
    (exp.Var, _check_word),
)
