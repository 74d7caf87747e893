"""The column that says when a row was loaded, and an interval's bounds in that column's own terms (decision D22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from warehouse_sync.domain.interval import Interval


class TimestampClass(StrEnum):
    """How a timestamp column is compared (decision D23)."""

    ZONELESS = "zoneless"  # a wall clock in the declared zone
    INSTANT = "instant"
    DATE = "date"
    INTEGER_SECONDS = "integer_seconds"
    INTEGER_MILLISECONDS = "integer_milliseconds"


class LoadTimestampType(StrEnum):
    """The declared types (specification §1.6); ``timestamp`` means what the warehouse means by it."""

    TIMESTAMP_LTZ = "timestamp_ltz"
    TIMESTAMP_NTZ = "timestamp_ntz"
    TIMESTAMP_TZ = "timestamp_tz"
    TIMESTAMP = "timestamp"
    DATETIME = "datetime"
    DATE = "date"
    UNIXTIME_MS = "timestamp_unixtime_ms"
    UNIXTIME_S = "timestamp_unixtime_s"


_CLASSES: Final = {
    LoadTimestampType.TIMESTAMP_LTZ: TimestampClass.INSTANT,
    LoadTimestampType.TIMESTAMP_TZ: TimestampClass.INSTANT,
    LoadTimestampType.TIMESTAMP_NTZ: TimestampClass.ZONELESS,
    LoadTimestampType.DATETIME: TimestampClass.ZONELESS,
    LoadTimestampType.DATE: TimestampClass.DATE,
    LoadTimestampType.UNIXTIME_MS: TimestampClass.INTEGER_MILLISECONDS,
    LoadTimestampType.UNIXTIME_S: TimestampClass.INTEGER_SECONDS,
}


def timestamp_class(declared: LoadTimestampType, *, plain_timestamp_is_instant: bool) -> TimestampClass:
    """The class of a declared type. ``timestamp`` alone is an instant in BigQuery and zoneless in PostgreSQL and DuckDB."""
    if declared is LoadTimestampType.TIMESTAMP:
        return TimestampClass.INSTANT if plain_timestamp_is_instant else TimestampClass.ZONELESS
    return _CLASSES[declared]


@dataclass(frozen=True, slots=True)
class LoadTimestamp:
    """The load-timestamp column of a data model.

    Attributes:
        name: the column in the query's output: found by exact name, else by one case-insensitive match.
        declared: its type as the customer declares it.
        zone: IANA name of the zone that a zoneless value or a date is in; None means UTC.
        offset: how far back the interval is moved before it is compared (decision D5).
    """

    name: str
    declared: LoadTimestampType
    zone: str | None = None
    offset: timedelta = timedelta(0)

    @property
    def tzinfo(self) -> tzinfo:
        return ZoneInfo(self.zone) if self.zone else UTC


Bound = datetime | date | int
"""A bound in the column's terms: naive datetime (zoneless), aware UTC datetime (instant), date, or integer (Unix time)."""


@dataclass(frozen=True, slots=True)
class ColumnBounds:
    """``lower <= column < upper``; ``lower`` is None when the interval has no lower bound."""

    kind: TimestampClass
    lower: Bound | None
    upper: Bound


def column_bounds(interval: Interval, kind: TimestampClass, zone: tzinfo) -> ColumnBounds:
    """An interval's bounds in the column's own terms.

    Monotone: later instants never give smaller bounds, so intervals that touch in time touch in the column, through daylight-saving
    folds and gaps. Hence no row is lost or read twice; a row stamped in the first pass of a fold may be read one interval later.
    """
    lower = _bound(interval.start, kind, zone) if interval.has_lower_bound else None
    return ColumnBounds(kind, lower, _bound(interval.end, kind, zone))


def _bound(moment: datetime, kind: TimestampClass, zone: tzinfo) -> Bound:
    match kind:
        case TimestampClass.INSTANT:
            return moment.astimezone(UTC)
        case TimestampClass.INTEGER_SECONDS:
            return (moment - _EPOCH) // timedelta(seconds=1)  # exact, unlike a float's seconds
        case TimestampClass.INTEGER_MILLISECONDS:
            return (moment - _EPOCH) // timedelta(milliseconds=1)
        case TimestampClass.ZONELESS:
            return _smallest_wall_clock_from(moment, zone)
        case TimestampClass.DATE:
            return _smallest_wall_clock_from(moment, zone).date()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_STEP_BACK: Final = timedelta(hours=26)  # no zone has ever set its clocks back by more than a day
_PROBE: Final = timedelta(minutes=30)


def _smallest_wall_clock_from(moment: datetime, zone: tzinfo) -> datetime:
    """The smallest wall clock that ``moment`` or any later instant shows.

    That is the wall clock of ``moment``, unless clocks are set back soon after: then it may be the first wall clock after the change.
    """
    smallest = _wall(moment, zone)
    if zone is UTC:
        return smallest
    step_start, end = moment, _plus(moment, _LARGEST_STEP_BACK)
    while step_start < end:
        step_end = min(_plus(step_start, _PROBE), end)
        if _leaves_calendar(step_start, zone) or _leaves_calendar(step_end, zone):
            break  # the wall clock stands still at the calendar's end; that is no change of clocks
        if _wall(step_end, zone) - _wall(step_start, zone) < step_end - step_start:
            smallest = min(smallest, _wall(_change_within(step_start, step_end, zone), zone))
        step_start = step_end
    return smallest


def _change_within(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first whole second in ``(before, after]`` that has the offset of ``after``."""
    target = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == target:
            after = middle
        else:
            before = middle
    return after


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError:  # at the very ends of the calendar a zone can leave it
        return datetime.min if moment.year == 1 else datetime.max  # noqa: DTZ901 - wall clocks are naive


def _leaves_calendar(moment: datetime, zone: tzinfo) -> bool:
    return _wall(moment, zone) in {datetime.min, datetime.max}  # noqa: DTZ901 - wall clocks are naive


def _plus(moment: datetime, step: timedelta) -> datetime:
    try:
        return moment + step
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
