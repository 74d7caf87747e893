"""JSON that means one thing to everybody: no name twice, no numbers that JSON does not have, no text that no database holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from warehouse_sync.errors import InvalidRequest


def refuse_ambiguous_json(body: bytes) -> None:
    """Passes if the body is such JSON, in UTF-8.

    Raises:
        InvalidRequest: it is not; the sentence says why.
    """
    try:
        text = body.decode("utf-8-sig")
        parsed = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest(
            "The body is not valid JSON. Send a JSON object in UTF-8, with Content-Type: application/json."
        ) from None
    if "\\u" in text:  # only an escape can write what UTF-8 and JSON's own rules keep out
        _refuse_unstorable(parsed)


def is_storable(text: str) -> bool:
    """Whether every database can hold this text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = name if is_storable(name) else "?"
            raise InvalidRequest(f"The body names {shown[:100]} twice. Send each field once.")
        found[name] = value
    return found


def _refuse_constant(word: str) -> None:
    raise InvalidRequest(f"The body holds {word}, which is no JSON number.")


def _refuse_unstorable(parsed: object) -> None:
    pending: list[tuple[str, object]] = [("", parsed)]
    while pending:
        field, value = pending.pop()
        if isinstance(value, str):
            _refuse_text(value, field)
        elif isinstance(value, list):
            pending += [(field, entry) for entry in value]
        elif isinstance(value, dict):
            for name, entry in value.items():
                _refuse_text(name, field)
                pending.append((f"{field}.{name}" if field else name, entry))


def _refuse_text(text: str, field: str) -> None:
    if not is_storable(text):
        place = field[:100] or "The body"
        raise InvalidRequest(
            f"{place} holds a text with a NUL or half of a surrogate pair. Remove it.", field=field[:100] or None
        )
