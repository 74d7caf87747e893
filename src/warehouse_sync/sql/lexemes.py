"""A small scanner of our own for generated SQL, so that not everything hangs on one parser.

The parser decides what a query means; this scanner, written from the warehouses' lexical rules and sharing no code with it, looks at
the very text that will be sent and answers two questions: could it hold a comment, a second statement or an open quote, and which
names stand before a parenthesis?
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from warehouse_sync.sql.dialects import SqlDialect

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSING: Final = frozenset(_OPENING.values())


class UnsafeText(Exception):
    """The text has something that generated SQL never has."""


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """What the scanner saw.

    Attributes:
        called: names directly before an opening parenthesis, without quotes, in order, as written.
    """

    called: tuple[str, ...]


def scan_generated(text: str, dialect: SqlDialect) -> GeneratedText:
    """Reads generated SQL as the warehouse would.

    Raises:
        UnsafeText: a semicolon, a comment, a dollar quote, an open quote or unbalanced brackets outside string literals.
    """
    called: list[str] = []
    expected: list[str] = []
    name = ""
    for kind, lexeme in _lexemes(text, dialect):
        if kind == "unsafe":
            raise UnsafeText(lexeme)
        if lexeme in _OPENING and kind == "symbol":
            expected.append(_OPENING[lexeme])
            if lexeme == "(" and name:
                called.append(name)
        elif lexeme in _CLOSING and kind == "symbol" and (not expected or expected.pop() != lexeme):
            raise UnsafeText(lexeme)
        name = _name(kind, lexeme)
    if expected:
        raise UnsafeText(expected[-1])
    return GeneratedText(tuple(called))


def _name(kind: str, lexeme: str) -> str:
    if kind == "word":
        return lexeme
    return lexeme[1:-1].replace(lexeme[0] * 2, lexeme[0]) if kind == "quoted" else ""


def _lexemes(text: str, dialect: SqlDialect) -> Iterator[tuple[str, str]]:
    pattern = _pattern(dialect)
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None or match.lastgroup is None:
            yield "unsafe", text[at]
            return
        at = match.end()
        if match.lastgroup != "space":
            yield match.lastgroup, match.group()


_PATTERNS: Final[dict[str, re.Pattern[str]]] = {}


def _pattern(dialect: SqlDialect) -> re.Pattern[str]:
    if dialect.name not in _PATTERNS:
        _PATTERNS[dialect.name] = _compiled(dialect)
    return _PATTERNS[dialect.name]


def _compiled(dialect: SqlDialect) -> re.Pattern[str]:
    plain = r"'(?:[^'\\]|\\.|'')*+'" if dialect.backslash_escapes else r"'(?:[^']|'')*+'"
    if dialect.hash_comments:
        plain = r"'(?:[^'\\]|\\.)*+'(?!')"  # two strings side by side would begin one with three quotes
    comments = ("|//" if dialect.slash_comments else "") + (r"|\#" if dialect.hash_comments else "")
    dollar, quoted = r"\$[^\W\d]?\w*\$", r'"(?:[^"]|"")++"'
    if dialect.name_quote == "`":
        dollar, quoted = r"\$", r"`[^`\\]++`(?!`)"
    return re.compile(
        rf"""
          (?P<space>[ \t\r\n\f]++)
        | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')
        | (?P<string>(?:[nNbBxX]|[rR][bB]?|[bB][rR]|[uU]&)?{plain})
        | (?P<unsafe>;|--|/\*|\*/{comments}|{dollar})
        | (?P<quoted>{quoted})
        | (?P<word>[^\W\d][\w$]*+(?!'))
        | (?P<number>\d[\w.]*+)
        | (?P<symbol>[^\w\s'";`])
        """,
        re.VERBOSE | re.DOTALL,
    )
