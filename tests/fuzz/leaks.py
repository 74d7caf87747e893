"""What an answer must never tell: how the service is made inside (reliability figure S13)."""

from __future__ import annotations

import re
from typing import Final

_INSIDE: Final = {
    "traceback": r"Traceback \(most recent|, line \d+, in |During handling of the above",
    "file path": r"(?<![\w/])/(?:home|root|usr|var|tmp|opt|work|proc|srv|etc|lib)/\w|\.py\b|site-packages|\.venv",
    "class name": r"\b(?:[a-z_]+\.)*[A-Z]\w*(?:Error|Exception|Warning)\b|<class '|object at 0x|\bNoneType\b",
    "our SQL": r"\b(?:INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA)|sqlite|\bUNIQUE constraint",
    "library": r"sqlalchemy|pydantic|starlette|fastapi|sqlglot|uvicorn|pyarrow|snowflake\.connector|(?<![.\w])duckdb\.[a-z]",
    "driver's text": r"\b(?:Catalog|Binder|Parser|IO|Conversion|Invalid Input) Error:|LINE \d+:|\b\d{6} \(\w{5}\)",
}
_PATTERNS: Final = {kind: re.compile(pattern) for kind, pattern in _INSIDE.items()}


# What a warehouse says of the customer's own query is told on purpose, to those who may use that connection.
_WAREHOUSE_SAYS: Final = re.compile(r'The warehouse says: (?:[^"\\]|\\.)*')


def leaks(answer: str, request: str = "") -> list[str]:
    """What an answer tells of the inside, as ``kind: text``. What the request itself holds does not count: a name may be anything."""
    told = _WAREHOUSE_SAYS.sub("", answer)
    return [
        f"{kind}: {found[0]}"
        for kind, pattern in _PATTERNS.items()
        for found in pattern.finditer(told)
        if found[0] not in request
    ]
