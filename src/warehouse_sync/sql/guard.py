"""The guard: is this text exactly one read-only query, and can it be written again exactly?

It fails closed. Text is judged by its tree, never by its words, and what runs later is text generated from that tree: what was checked
is what runs. The warehouse connection is read-only besides; this is the first of two barriers.

A recursive WITH is let through: like any join it only reads, and the statement timeout and memory limit of the connection end it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.characters import has_invisible, refuse_invisible, refuse_unstorable, without_byte_order_mark
from warehouse_sync.sql.dialects import DIALECTS, SqlDialect, dialect_named, fold_name
from warehouse_sync.sql.lexemes import UnsafeText, scan_generated
from warehouse_sync.sql.output_names import refuse_repeated_names
from warehouse_sync.sql.parsing import (
    MOST_BYTES,
    STRING_TOKENS,
    braces_at,
    generate,
    not_rebuilt,
    parse_generated,
    parse_tokens,
    refusal,
    refuse_deep_or_long,
    tokens_of,
)
from warehouse_sync.sql.rules import refuse_unsafe

_SEAL: Final = object()
_BEGINNINGS: Final = frozenset(
    {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.FROM, TokenType.TABLE, TokenType.VALUES}
)


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """A query that passed the guard; only the guard makes one.

    Attributes:
        dialect: in which it passed.
        text: the canonical text, generated from the tree; parsing and generating it again gives the same text.
    """

    dialect: SqlDialect
    text: str
    _tree: exp.Expr = field(repr=False, compare=False)
    _seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("a CheckedQuery comes from check_query alone")

    @property
    def tree(self) -> exp.Expr:
        """A copy of the syntax tree, the caller's to change."""
        return self._tree.copy()


def check_query(text: str, dialect: str) -> CheckedQuery:
    """The query as the given dialect reads it, if it is one read-only query.

    Args:
        text: the customer's SQL.
        dialect: a name in ``DIALECTS``.

    Raises:
        SqlRefused: it is not; the message names the problem, where it is known the place, and the remedy. Field ``sql_query``.
    """
    spoken = dialect_named(dialect)
    text = without_byte_order_mark(text)
    _refuse_bytes(text)
    tokens = _one_statement(text, spoken)
    tree = parse_tokens(tokens, text, spoken)
    return _checked(tree, tokens, spoken)


def accepting_dialects(sql_query: str) -> tuple[CheckedQuery, ...]:
    """The query in every supported dialect that accepts it, in the order of ``DIALECTS`` (decision D21).

    Raises:
        SqlRefused: no dialect accepts it; the error is of the dialect that came furthest.
    """
    accepted: list[CheckedQuery] = []
    refusals: list[tuple[int, SqlRefused]] = []
    for name in DIALECTS:
        try:
            accepted.append(check_query(sql_query, name))
        except SqlRefused as error:
            refusals.append((_progress(error), error))
    if accepted:
        return tuple(accepted)
    raise max(refusals, key=lambda pair: pair[0])[1]


def _progress(error: SqlRefused) -> int:
    """How far the check came: a refusal for what the query does says more than a syntax error of a dialect it was not written in."""
    if error.message.startswith("Syntax error"):
        return 0
    return 1 if "not closed" in error.message or "cannot be read as" in error.message else 2


def _refuse_bytes(text: str) -> None:
    if len(text) > MOST_BYTES:
        raise refusal(
            f"The query is longer than {MOST_BYTES // 1024} KiB; put parts of it into a view and select from the view."
        )
    refuse_unstorable(text)
    if len(text.encode()) > MOST_BYTES:
        raise refusal(
            f"The query is longer than {MOST_BYTES // 1024} KiB; put parts of it into a view and select from the view."
        )


def _one_statement(text: str, dialect: SqlDialect) -> Sequence[Token]:
    """The tokens of the one statement, without its trailing semicolon."""
    tokens = tokens_of(text, dialect)
    refuse_deep_or_long(tokens)
    _refuse_invisible(text, tokens)
    if brace := braces_at(tokens, text):
        raise refusal(
            f"The query has a template brace on line {brace.line}; send the SQL with the template already filled in."
        )
    if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if second := next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None):
        raise refusal(
            f"The query has more than one statement: there is a semicolon on line {second.line}; send exactly one SELECT."
        )
    _refuse_beginning(tokens)
    return tokens


def _refuse_invisible(text: str, tokens: Sequence[Token]) -> None:
    if has_invisible(text):
        refuse_invisible(text, ((token.start, token.end) for token in tokens if token.token_type in STRING_TOKENS))


def _refuse_beginning(tokens: Sequence[Token]) -> None:
    if not tokens:
        raise refusal("The query is empty; write a SELECT.")
    if tokens[0].token_type not in _BEGINNINGS:
        word = tokens[0].text[:40]
        raise refusal(f"The query begins with {word!r}; a data model is exactly one SELECT that only reads.")


def _checked(tree: exp.Expr, tokens: Sequence[Token], dialect: SqlDialect) -> CheckedQuery:
    refuse_unsafe(tree, dialect)
    refuse_repeated_names(tree, dialect)
    text = generate(tree, dialect, copy=False)
    if has_invisible(text):  # where a name can be written as a text, it hides there from the first look
        _refuse_invisible(text, tokens_of(text, dialect))
    try:
        generated = scan_generated(text, dialect)
    except UnsafeText:
        raise not_rebuilt() from None
    _refuse_functions(generated.called, tokens, dialect)
    again = parse_generated(text, dialect)
    refuse_unsafe(again, dialect)
    if generate(again, dialect) != text:
        raise not_rebuilt()
    return CheckedQuery(dialect, text, again, _SEAL)


def _refuse_functions(called: Iterable[str], tokens: Sequence[Token], dialect: SqlDialect) -> None:
    for name in called:
        if name in dialect.refused_functions:
            raise refusal(
                f"The function {name} is refused{_place(name, tokens)}: it acts, waits, or reads files, settings or other SQL, "
                "and a data model may only read tables; remove it."
            )


def _place(name: str, tokens: Sequence[Token]) -> str:
    wanted = fold_name(name)
    line = next((token.line for token in tokens if fold_name(token.text) == wanted), None)
    return f" on line {line}" if line else ""
