"""Rows as people read them: the text that the Profile API would write of every value (specification §4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, cast

import pyarrow as pa

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.limits import ATTRIBUTE_VALUE_CHARACTERS
from warehouse_sync.profiles.protocol import AttributeValue
from warehouse_sync.profiles.values import typed_value, value_text
from warehouse_sync.sync.records import storable
from warehouse_sync.warehouses.arrow import column_kinds

Cell = str | list[str] | None
"""A value as text, a list as texts, None for NULL."""

_CUT: Final = "…"


def row_texts(table: pa.Table) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a table in normal form. A text longer than an attribute may be is cut and ends with an ellipsis."""
    kinds = [column.kind for column in column_kinds(table.schema)]
    columns = [
        [_text(value, kind) for value in _values(column)]
        for kind, column in zip(kinds, storable(table).columns, strict=True)
    ]
    return tuple(zip(*columns, strict=True))


def _values(column: pa.ChunkedArray) -> Iterable[object]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # a moment that Python's calendar does not hold
        return [_spelled(value) for value in column]


def _spelled(value: pa.Scalar) -> str | None:
    if not value.is_valid:
        return None
    try:
        return str(value)
    except (ValueError, OverflowError):
        return _CUT


def _text(value: object, kind: ColumnKind) -> Cell:
    if value is None:
        return None
    if kind is ColumnKind.JSON:
        value = _parsed(str(value))
    text = value_text(_plain(value))
    return [_cut(entry) for entry in text] if isinstance(text, list) else _cut(text)


def _parsed(text: str) -> object:
    try:
        return typed_value(text, ColumnKind.JSON)
    except ValueError:  # not JSON after all: shown as it is
        return text


def _plain(value: object) -> AttributeValue:
    """As the profile store would hold it."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return cast("AttributeValue", value)


def _cut(text: str) -> str:
    return text if len(text) <= ATTRIBUTE_VALUE_CHARACTERS else text[: ATTRIBUTE_VALUE_CHARACTERS - 1] + _CUT
