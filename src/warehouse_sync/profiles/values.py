"""How stored attribute values are read back: typed, and as the text of the Profile API (specification §4.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.profiles.protocol import AttributeValue, Scalar

_LARGEST_EXPONENT: Final = 400


def typed_value(stored: Scalar, kind: ColumnKind) -> AttributeValue:
    """The value as JSON can hold it, or as Python's date and decimal types; JSON text is parsed."""
    if kind in {ColumnKind.LIST, ColumnKind.JSON}:
        return _parsed(str(stored))
    if kind is ColumnKind.DECIMAL and isinstance(stored, str):  # above 38 digits
        return Decimal(stored)
    return stored


def _parsed(text: str) -> AttributeValue:
    try:
        parsed: AttributeValue = json.loads(text, parse_float=_number)
    except RecursionError:  # nested deeper than Python follows
        return text
    return parsed


def _number(text: str) -> Decimal | float:
    number = Decimal(text)
    # Written plainly, 1e999999999 would take a gigabyte; beyond what a float can hold it is read as a float would be.
    return number if abs(number.adjusted()) <= _LARGEST_EXPONENT else float(text)


def value_text(value: AttributeValue) -> str | list[str]:
    """The text of a typed value; a list of scalars becomes a list of texts, anything nested becomes compact JSON."""
    if isinstance(value, list):
        if any(isinstance(entry, (list, dict)) for entry in value):
            return _compact(value)
        return ["" if entry is None else _scalar_text(entry) for entry in value]
    if isinstance(value, dict):
        return _compact(value)
    return "" if value is None else _scalar_text(value)


def _scalar_text(value: object) -> str:
    for kind, render in _RENDERERS:
        if isinstance(value, kind):
            return render(value)
    return str(value)


def _timestamp_text(value: datetime) -> str:
    return f"{value.year:04d}-{value:%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"


def _decimal_text(value: Decimal) -> str:
    return f"{value:f}"


def _float_text(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN is not equal to itself
        return str(value)
    return _decimal_text(Decimal(repr(value))).removesuffix(".0")


_RENDERERS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (float, _float_text),
    (Decimal, _decimal_text),
    (datetime, _timestamp_text),
    (date, date.isoformat),
    (time, time.isoformat),
)


def _compact(value: AttributeValue) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_json_number)


def _json_number(value: object) -> float | str:
    return float(value) if isinstance(value, Decimal) else str(value)
