"""What a data engineer would like to hear about an accepted query before its first run: warnings, never refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from warehouse_sync.domain.identity import identity_of_column, is_mpid_column
from warehouse_sync.sql.dialects import SqlDialect, fold_name
from warehouse_sync.sql.guard import CheckedQuery
from warehouse_sync.sql.parsing import generate

_VOLATILE_NAMES: Final = """
    current_timestamp current_time current_date localtime localtimestamp now sysdate getdate systimestamp today get_current_timestamp
    get_current_time transaction_timestamp statement_timestamp clock_timestamp timeofday random rand randstr uniform normal zipf
    uuid uuid_string gen_random_uuid uuid_generate_v4 uuidv4 uuidv7 seq1 seq2 seq4 seq8
"""
_VOLATILE: Final = frozenset(_VOLATILE_NAMES.split())


@dataclass(frozen=True, slots=True)
class Advice:
    """One warning.

    Attributes:
        code: a stable word for programs: ``no_identity``, ``upper_case_alias``, ``table_not_qualified``, ``volatile_column`` or
            ``no_load_timestamp``.
        message: the likely problem and the remedy.
    """

    code: str
    message: str


def advice(query: CheckedQuery, load_timestamp_name: str) -> tuple[Advice, ...]:
    """Warnings about a query, in a fixed order; empty when there is nothing to say.

    Args:
        query: an accepted query.
        load_timestamp_name: the column the data model names as its load timestamp.
    """
    tree = query.tree
    outputs = _output_columns(tree)
    return (
        *_about_identity(outputs),
        *_about_load_timestamp(outputs, load_timestamp_name),
        *_about_case(outputs, query.dialect),
        *_about_volatile(outputs, query.dialect),
        *_about_tables(tree, query.dialect),
    )


def _output_columns(tree: exp.Expr) -> list[exp.Expr]:
    select = tree
    while isinstance(select, exp.Subquery | exp.SetOperation):
        select = select.this
    return list(select.expressions) if isinstance(select, exp.Select) else []


def _has_star(outputs: list[exp.Expr]) -> bool:
    return any(output.is_star or isinstance(output, exp.Columns) for output in outputs)


def _about_identity(outputs: list[exp.Expr]) -> Iterator[Advice]:
    names = [output.alias_or_name for output in outputs]
    if _has_star(outputs) or any(is_mpid_column(name) or identity_of_column(name) for name in names):
        return
    yield Advice(
        "no_identity",
        "No column of the query carries an identity, so no row can reach a profile; name one such as customer_id, email or mpid, "
        "for example with AS customer_id.",
    )


def _about_load_timestamp(outputs: list[exp.Expr], name: str) -> Iterator[Advice]:
    wanted = fold_name(name)
    if _has_star(outputs) or any(fold_name(output.alias_or_name) == wanted for output in outputs):
        return
    yield Advice(
        "no_load_timestamp", f"The query does not select the load-timestamp column {name!r}; add it to the SELECT list."
    )


def _about_case(outputs: list[exp.Expr], dialect: SqlDialect) -> Iterator[Advice]:
    for output in outputs:
        alias = output.args.get("alias") if isinstance(output, exp.Alias) else None
        if not isinstance(alias, exp.Identifier) or alias.quoted:
            continue
        name, folded = alias.name, dialect.fold(alias.name)
        if folded == name.upper() != name and not identity_of_column(name):
            yield Advice(
                "upper_case_alias",
                f"The column {name} comes back as {folded}, and so will the attribute be named; write it in double quotes to keep "
                "its case.",
            )


def _about_volatile(outputs: list[exp.Expr], dialect: SqlDialect) -> Iterator[Advice]:
    for output in outputs:
        for function in output.find_all(exp.Func):
            name = (
                function.name if isinstance(function, exp.Anonymous) else generate(function, dialect).partition("(")[0]
            )
            if fold_name(name) in _VOLATILE:
                yield Advice(
                    "volatile_column",
                    f"The column {output.alias_or_name or name!r} uses {name}, which differs on every run, so every row looks changed; "
                    "select a stored value instead.",
                )
                break


def _about_tables(tree: exp.Expr, dialect: SqlDialect) -> Iterator[Advice]:
    local = {fold_name(cte.alias) for cte in tree.find_all(exp.CTE)}
    qualifier = "db" if dialect.name != "snowflake" else "catalog"
    told: set[str] = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.args.get(qualifier):
            continue
        name = generate(exp.Table(this=table.this.copy(), db=table.args.get("db")), dialect)
        if name in told or (not table.args.get("db") and fold_name(table.name) in local):
            continue
        told.add(name)
        whole = "database.schema.table" if qualifier == "catalog" else "schema.table"
        yield Advice(
            "table_not_qualified", f"The table {name} is found by the session's defaults; name it in full, as {whole}."
        )
