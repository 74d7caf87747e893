"""Intervals of the calendar as text: ISO 8601, as databases write them."""

from __future__ import annotations

from typing import Final

_MONTHS: Final = 12
_SECOND: Final = 1_000_000_000
_HOUR: Final = 3600
_MINUTE: Final = 60


def interval_text(months: int, days: int, nanoseconds: int) -> str:
    """An interval like ``P1Y2M3DT4H5M6.7S``; each part has its own sign, and none at all is ``PT0S``."""
    seconds, fraction = divmod(abs(nanoseconds), _SECOND)
    sign = "-" if nanoseconds < 0 else ""
    years, months = _towards_zero(months, _MONTHS)
    date = _parts((years, "Y"), (months, "M"), (days, "D"))
    hours, rest = divmod(seconds, _HOUR)
    minutes, whole = divmod(rest, _MINUTE)
    time = "".join(f"{sign}{number}{letter}" for number, letter in ((hours, "H"), (minutes, "M")) if number)
    if whole or fraction:
        time += f"{sign}{whole}{_fraction(fraction)}S"
    if not date and not time:
        return "PT0S"
    return f"P{date}{'T' if time else ''}{time}"


def _towards_zero(number: int, by: int) -> tuple[int, int]:
    whole, rest = divmod(abs(number), by)
    return (whole, rest) if number >= 0 else (-whole, -rest)


def _parts(*parts: tuple[int, str]) -> str:
    return "".join(f"{number}{letter}" for number, letter in parts if number)


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
