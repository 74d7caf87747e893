"""Text to tree and back, in bounded time and depth; whatever the parser throws becomes a sentence for the customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Final, cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.generator import Generator
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType

from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.dialects import DIALECTS, SqlDialect

MOST_BYTES: Final = 64 * 1024
"""The longest query, in bytes of UTF-8."""

MOST_TOKENS: Final = 4_000
"""The most words and signs of a query: what can be checked and wrapped within 300 ms. A long real model has 1,500."""

MOST_WRITTEN_TOKENS: Final = 6_000
"""The same of the text we write: ``a::int`` becomes ``CAST(a AS INT)``, which is twice as long."""

DEEPEST: Final = 24
"""The most brackets and CASEs inside each other; the parser needs some twenty Python frames for each."""

_MOST_SUBSCRIPTS: Final = 100  # of subscripts right after each other: a long chain of them takes quadratic time
_STEPS_PER_TOKEN: Final = 8
_FREE_STEPS: Final = 1_000
_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_KNOWN_FUNCTIONS: Final = ("TABLE",)
_FUNCTIONS_WITH_OWN_SYNTAX: Final = frozenset(
    {
        "CAST",
        "TRY_CAST",
        "EXTRACT",
        "OVERLAY",
        "POSITION",
        "SUBSTRING",
        "TRIM",
        "JSON_TABLE",
        "JSON_OBJECT",
        "JSON_OBJECTAGG",
    }
    | {"XMLELEMENT", "XMLTABLE", "DIRECTORY", "SEMANTIC_VIEW", "OPENJSON"}
)
STRING_TOKENS: Final = frozenset(
    {
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.NATIONAL_RAW_STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
    }
)


class TooMuchWork(Exception):
    """The parser went back and forth more often than any honest query needs."""


def refusal(message: str) -> SqlRefused:
    """An error about the data model's query."""
    return SqlRefused(message, field="sql_query")


def tokens_of(text: str, dialect: SqlDialect) -> Sequence[Token]:
    """The words and signs of a text, without comments.

    Raises:
        SqlRefused: a quote or comment is not closed.
    """
    try:
        return _sqlglot(dialect.name).tokenize(text)
    except (SqlglotError, RecursionError, ValueError, IndexError):
        raise refusal("A quoted text, quoted name or comment in the query is not closed; close it.") from None


def refuse_deep_or_long(tokens: Sequence[Token]) -> None:
    """Looks at size and nesting before the parser recurses.

    Raises:
        SqlRefused: the query is too long or too deeply nested.
    """
    if len(tokens) > MOST_TOKENS:
        raise refusal(
            f"The query has more than {MOST_TOKENS:,} words and signs; put parts of it into a view and select from the view."
        )
    subscripts = pairwise(tokens)
    if (
        sum(a.token_type is TokenType.R_BRACKET and b.token_type is TokenType.L_BRACKET for a, b in subscripts)
        > _MOST_SUBSCRIPTS
    ):
        raise _too_deep()
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
            if depth > DEEPEST:
                raise _too_deep(f" at line {token.line}, column {token.col}")
        elif token.token_type in _CLOSING:
            depth = max(0, depth - 1)


def _too_deep(where: str = "") -> SqlRefused:
    return refusal(
        f"The query is nested too deeply{where} (more than {DEEPEST} brackets or CASEs inside each other, or a very long chain of "
        "operators); put inner parts into a view or a WITH clause."
    )


def parse_tokens(tokens: Sequence[Token], text: str, dialect: SqlDialect) -> exp.Expr:
    """The tree of exactly these tokens, which hold one statement.

    Raises:
        SqlRefused: a syntax error, with line and column, or too much work.
    """
    parser = _parser_class(dialect.name)(error_level=ErrorLevel.IMMEDIATE, dialect=_sqlglot(dialect.name))
    try:
        trees = parser.parse(list(tokens), text)
    except ParseError as error:
        raise _syntax_error(error, dialect) from None
    except RecursionError:
        raise _too_deep() from None
    except TooMuchWork:
        raise refusal("The query takes too long to read; nest less, or put inner parts into a view.") from None
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise refusal(f"The query cannot be read as {dialect.name} SQL; check its syntax.") from None
    if len(trees) != 1 or trees[0] is None:
        raise refusal("The query is empty or has more than one statement; send exactly one SELECT.")
    return trees[0]


def parse_generated(text: str, dialect: SqlDialect) -> exp.Expr:
    """The tree of text that we generated.

    Raises:
        SqlRefused: it cannot be read back, or is too long for that.
    """
    tokens = tokens_of(text, dialect)
    if len(tokens) > MOST_WRITTEN_TOKENS:
        raise refusal(
            f"Written out in full (a::int as CAST(a AS INT), for example), the query has more than {MOST_WRITTEN_TOKENS:,} words and "
            "signs; put parts of it into a view and select from the view."
        )
    return parse_tokens(tokens, text, dialect)


def generate(tree: exp.Expr, dialect: SqlDialect, *, copy: bool = True) -> str:
    """The text of a tree, without comments, on one line, names of functions as the customer wrote them.

    Args:
        copy: False where nobody needs the tree afterwards: writing may change it, and a copy costs a third of the writing.

    Raises:
        SqlRefused: the dialect has no text for a part of the tree.
    """
    generator = _generator_class(dialect.name)(
        dialect=_sqlglot(dialect.name), comments=False, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
    )
    try:
        return str(generator.generate(tree, copy=copy))
    except RecursionError:
        raise _too_deep() from None
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise not_rebuilt() from None


def not_rebuilt() -> SqlRefused:
    """The error for a query that we understand but cannot write again without changing it."""
    return refusal(
        "The query cannot be rebuilt exactly, so what was checked might not be what runs; rewrite the unusual part, or put it into "
        "a view and select from the view."
    )


def braces_at(tokens: Sequence[Token], text: str) -> Token | None:
    """The first opening template brace (``{{`` or ``{%``) outside literals and comments."""
    for token in _opening_braces(tokens):
        if text[token.start : token.start + 2] in {"{{", "{%"}:
            return token
    return None


def _opening_braces(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.token_type in {TokenType.L_BRACE, TokenType.BLOCK_START}:
            yield token


def _syntax_error(error: ParseError, dialect: SqlDialect) -> SqlRefused:
    first = error.errors[0] if error.errors else {}
    word = str(first.get("highlight") or "").strip()[:60]
    near = f" near {word!r}" if word.isprintable() and word else ""
    line, column = first.get("line"), first.get("col")
    where = f" on line {line}, column {column}" if line and column else ""
    return refusal(f"Syntax error in {dialect.name} SQL{where}{near}; correct the query.")


def _is_bare_word(node: exp.Expr) -> bool:
    word = node.this if isinstance(node, exp.Column) else node
    return isinstance(word, exp.Identifier) and not word.args.get("quoted")


for _name in DIALECTS:
    # Loaded here, by one thread. The library's own lazy loading shows a dialect to other threads before it has its generator, and what two
    # runs that begin together build on that writes no database's SQL for as long as the process lives.
    Dialect.get_or_raise(_name)


@cache
def _sqlglot(name: str) -> Dialect:
    """The dialect, without what it does to queries on their way to another database."""
    base: Any = Dialect.get_or_raise(name).__class__

    class FaithfulDialect(base):  # type: ignore[misc]
        INDEX_OFFSET = 0  # else a[i] is read as a[i - 1] and written after simplifying i - 1 + 1, at great cost

        def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
            if name == "duckdb":
                return path  # else doc -> 'a.b', a key with a dot in it, becomes the path $.a.b
            return cast("exp.Expr | None", super().to_json_path(path))

    return cast("Dialect", FaithfulDialect())


@cache
def _parser_class(name: str) -> type[Parser]:
    """The dialect's parser with a ceiling on work: on some nestings it takes exponential time otherwise."""
    base: Any = _sqlglot(name).parser_class

    class BoundedParser(base):  # type: ignore[misc]
        # Every function stays as it is written: the parser would read a customer's own function under a name it knows from
        # another database as that function, and write it back under a third name.
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: base.FUNCTIONS[name] for name in _KNOWN_FUNCTIONS if name in base.FUNCTIONS
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parse for name, parse in base.FUNCTION_PARSERS.items() if name in _FUNCTIONS_WITH_OWN_SYNTAX
        }
        ARRAY_CONSTRUCTORS: ClassVar[dict[str, Any]] = {"ARRAY": exp.Array}
        steps = 0

        def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
            # Only the bare word begins ARRAY[1, 2]. The parser would take array(a)[1] and "array"[1] for it, too, and lose a.
            if (
                this is not None
                and not _is_bare_word(this)
                and this.name.upper() in self.ARRAY_CONSTRUCTORS
                and self._curr
            ):
                this = exp.Paren(this=this)
            return super()._parse_bracket(this)  # type: ignore[no-any-return]

        def _advance(self, times: int = 1) -> None:
            self.steps += 1
            if self.steps > _FREE_STEPS + _STEPS_PER_TOKEN * self._tokens_size:
                raise TooMuchWork
            super()._advance(times)

        def _warn_unsupported(self) -> None:  # would fall back to an opaque command and log the customer's text
            self.raise_error("Unsupported statement")

    return cast("type[Parser]", BoundedParser)


@cache
def _generator_class(name: str) -> type[Generator]:
    """The dialect's generator, put right where it writes something that does not mean the same."""
    base: Any = _sqlglot(name).generator_class

    class FaithfulGenerator(base):  # type: ignore[misc]
        EXPRESSIONS_WITHOUT_NESTED_CTES: ClassVar[set[type[exp.Expr]]] = (
            set()
        )  # else a WITH moves out of the derived table
        MULTI_ARG_DISTINCT = True  # else string_agg(DISTINCT a, ', ') becomes a CASE over a tuple
        # A SELECT is written as it stands: the rest of these rewrite other databases' queries, and look through every scope for them.
        TRANSFORMS: ClassVar[dict[Any, Any]] = {
            kind: t for kind, t in base.TRANSFORMS.items() if kind is not exp.Select
        }

        def not_sql(self, expression: exp.Not) -> str:
            inner = expression.this
            if isinstance(inner, exp.Is):  # for a whole row, x IS NOT NULL is not the opposite of x IS NULL
                return f"{self.sql(inner, 'this')} IS NOT {self.sql(inner, 'expression')}"
            return str(super().not_sql(expression))

    return cast("type[Generator]", FaithfulGenerator)
