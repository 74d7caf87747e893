"""The load timestamps of a chunk: as the column shows them, in the order of application, and as instants (specification §1.6)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.domain.load_timestamp import Bound, TimestampClass

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks are naive
_EARLIEST_SECOND: Final = (datetime.min - _EPOCH) // timedelta(seconds=1)  # noqa: DTZ901 - as above
_LATEST_SECOND: Final = (datetime.max - _EPOCH) // timedelta(seconds=1)  # noqa: DTZ901 - as above
_DAY: Final = 86_400
_QUARTER_HOUR: Final = 900_000_000  # microseconds; clocks have changed at no finer moments for a century

Microseconds = npt.NDArray[np.int64]


def shown_timestamps(column: pa.ChunkedArray, kind: TimestampClass) -> pa.ChunkedArray:
    """The load timestamps as naive microseconds, fractions below cut, never rounded: wall clocks stay wall clocks.

    Moments outside the calendar, SQL's infinities among them, are its first or its last.
    """
    if kind in {TimestampClass.INTEGER_SECONDS, TimestampClass.INTEGER_MILLISECONDS}:
        units = 1 if kind is TimestampClass.INTEGER_SECONDS else 1_000  # in a second
        whole = (pc.floor(column) if pa.types.is_decimal(column.type) else column).cast(pa.int64())
        # Numbers that are no time of the calendar keep their side of it; multiplied as they are, they would come out anywhere.
        clipped = pc.min_element_wise(
            pc.max_element_wise(whole, _EARLIEST_SECOND * units), _LATEST_SECOND * units, skip_nulls=False
        )
        return pc.multiply(clipped, 1_000_000 // units).cast(pa.timestamp("us"))
    if kind is TimestampClass.DATE:
        days = np.clip(column.cast(pa.int32()).to_numpy(), _EARLIEST_SECOND // _DAY, _LATEST_SECOND // _DAY)
        return _timestamps(days.astype(np.int64) * _DAY * 1_000_000)
    numbers = _numbers(column)
    if column.type.unit == "ns":
        return _timestamps(numbers // 1_000)
    return _timestamps(np.clip(numbers, _EARLIEST_SECOND * 1_000_000, _LATEST_SECOND * 1_000_000 + 999_999))


def shown_bound(bound: Bound, kind: TimestampClass) -> datetime:
    """A bound of an interval as the column shows it: it compares with :func:`shown_timestamps` as it does with the column."""
    if isinstance(bound, datetime):
        return bound.replace(tzinfo=None)
    if isinstance(bound, date):
        return datetime.combine(bound, time.min)
    unit = timedelta(seconds=1) if kind is TimestampClass.INTEGER_SECONDS else timedelta(milliseconds=1)
    return _EPOCH + bound * unit


def application_order(column: pa.ChunkedArray, shown: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The place of each row in the order of application: by load timestamp, then by place in the chunk.

    Args:
        column: the load timestamps as they came; nanoseconds count here.
        shown: the same in microseconds.
    """
    is_finer = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
    moments = _numbers(column if is_finer else shown)
    if len(moments) == 0 or bool(np.all(moments[:-1] <= moments[1:])):
        return np.arange(len(moments), dtype=np.int64)
    order = np.empty(len(moments), dtype=np.int64)
    order[np.argsort(moments, kind="stable")] = np.arange(len(moments), dtype=np.int64)
    return order


def instants(shown: pa.ChunkedArray, kind: TimestampClass, zone: tzinfo) -> pa.ChunkedArray:
    """The same as instants, in UTC. A wall clock that is shown twice means its first time.

    Offsets are looked up once per quarter of an hour, with Python's own zone data, which the interval's bounds were computed with too.
    """
    if zone is UTC or kind not in {TimestampClass.ZONELESS, TimestampClass.DATE} or len(shown) == 0:
        return shown
    walls = _numbers(shown)
    quarters, place = np.unique(walls // _QUARTER_HOUR, return_inverse=True)
    starts = np.array([_offset(int(quarter) * _QUARTER_HOUR, zone) for quarter in quarters], dtype=np.int64)
    ends = np.array([_offset((int(quarter) + 1) * _QUARTER_HOUR - 1, zone) for quarter in quarters], dtype=np.int64)
    offsets = starts[place]
    for row in np.flatnonzero((starts != ends)[place]):
        offsets[row] = _offset(int(walls[row]), zone)
    return _timestamps(walls - offsets)


def _offset(wall: int, zone: tzinfo) -> int:
    """The zone's offset from UTC at a wall clock, in microseconds; at the very ends of the calendar there is none."""
    try:
        offset = (_EPOCH + timedelta(microseconds=wall)).replace(tzinfo=zone).utcoffset()
    except OverflowError:
        return 0
    return 0 if offset is None else offset // timedelta(microseconds=1)


def _numbers(column: pa.ChunkedArray) -> Microseconds:
    numbers: Microseconds = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


def _timestamps(numbers: Microseconds) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(numbers).cast(pa.timestamp("us"))])
