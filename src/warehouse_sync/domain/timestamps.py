"""The two ways in which the API writes times (specification §1.4, A19), and reading them back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from warehouse_sync.errors import InvalidRequest

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
"""Start of an interval without lower bound (decision D7), written ``0001-01-01T00:00:00Z``."""


END: Final = datetime.max.replace(tzinfo=UTC)
"""End of an interval without upper bound."""


def format_instant(moment: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, for schedules and data; fractions of a second are cut."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04d}-{utc:%m-%dT%H:%M:%SZ}"


def format_audit(moment: datetime) -> str:
    """UTC without a zone suffix, up to three fraction digits, trailing zeros dropped; for ``created_on`` and its like."""
    utc = moment.astimezone(UTC)
    text = f"{utc.year:04d}-{utc:%m-%dT%H:%M:%S}"
    milliseconds = utc.microsecond // 1000
    return f"{text}.{milliseconds:03d}".rstrip("0") if milliseconds else text


def parse_instant(text: str, *, field: str) -> datetime:
    """Reads an ISO 8601 time as an aware UTC moment, whole seconds.

    A time without zone is UTC. Fractions are refused: interval bounds are whole seconds.

    Raises:
        InvalidRequest: the text is no time, naming ``field``.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(f"{field} is not a time. Write it like 2023-02-01T00:05:00Z.", field=field) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(f"{field} lies outside the years 0001 to 9999.", field=field) from None
    if moment.microsecond:
        raise InvalidRequest(
            f"{field} has a fraction of a second. Write whole seconds, like 2023-02-01T00:05:00Z.", field=field
        )
    return moment
