"""Nested values of a warehouse as JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal

import pyarrow as pa

from warehouse_sync.warehouses.interval_text import interval_text

Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


def json_texts(column: pa.Array) -> Iterator[str | None]:
    """Each value of a nested column as JSON text; None for NULL.

    Numbers stay exact: a decimal that no float can hold is written as text. NaN and the infinities, which JSON lacks, are null.
    Bytes are hexadecimal; times and intervals are ISO 8601. Keys of a map are text, and the last of equal keys wins.
    """
    is_map = pa.types.is_map(column.type)
    for value in column.to_pylist(maps_as_pydicts=None):
        if value is None:
            yield None
        else:
            plain = _object_of_pairs(value) if is_map else _plain(value)
            yield json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(value: object) -> Json:  # noqa: PLR0911 - one line for each kind of value
    if isinstance(value, Mapping):
        return {_key(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return _plain_list(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return interval_text(*value)
    if value is None or isinstance(value, (str, int)):
        return value
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _plain_list(values: list[object]) -> Json:
    """A list, or the map that Arrow gave as a list of pairs: inside something else nothing but a map has tuples."""
    pairs = [entry for entry in values if isinstance(entry, tuple) and not isinstance(entry, pa.MonthDayNano)]
    return _object_of_pairs(pairs) if pairs else [_plain(entry) for entry in values]


def _object_of_pairs(pairs: list[tuple[object, object]]) -> dict[str, Json]:
    return {_key(key): _plain(entry) for key, entry in pairs}


def _key(key: object) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)
