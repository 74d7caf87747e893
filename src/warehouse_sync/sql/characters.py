"""Characters that must not stand in a query: what a reader cannot see, a reviewer cannot judge and databases read differently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from warehouse_sync.errors import SqlRefused

# Controls but tab, line feed, carriage return and form feed; every space but U+0020; format characters (zero-width, bidirectional,
# byte-order mark, tags), fillers without a glyph, variation selectors, line and paragraph separators.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5"
    "\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK: Final = "\ufeff"

Span = tuple[int, int]
"""First and last offset of a string literal, both inclusive."""


def without_byte_order_mark(text: str) -> str:
    """The text without the mark that some editors put at the start of a file."""
    return text.removeprefix(_BYTE_ORDER_MARK)


def refuse_unstorable(text: str) -> None:
    """Refuses what no database text may hold, in string literals too: NUL, and halves of surrogate pairs.

    Raises:
        SqlRefused: names the character and its place.
    """
    found = _SURROGATE.search(text)
    at = text.find("\x00")
    if at < 0 and found:
        at = found.start()
    if at >= 0:
        raise _refusal(text, at)


def refuse_invisible(text: str, string_literals: Iterable[Span]) -> None:
    """Refuses characters without a glyph outside string literals.

    Raises:
        SqlRefused: names the character and its place.
    """
    if not (found := [match.start() for match in _INVISIBLE.finditer(text)]):
        return
    spans = sorted(string_literals)
    next_span = 0
    for at in found:
        while next_span < len(spans) and spans[next_span][1] < at:
            next_span += 1
        if next_span == len(spans) or at < spans[next_span][0]:
            raise _refusal(text, at)


def has_invisible(text: str) -> bool:
    return _INVISIBLE.search(text) is not None


def _refusal(text: str, at: int) -> SqlRefused:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    name = unicodedata.name(text[at], "control character")
    return SqlRefused(
        f"The query has an invisible or forbidden character, U+{ord(text[at]):04X} ({name}), on line {line}, column {column}; "
        "delete it or type an ordinary space.",
        field="sql_query",
    )
