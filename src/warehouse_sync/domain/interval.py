"""The stretch of time a run answers for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse_sync.domain.timestamps import BEGINNING, format_instant


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Half-open ``[start, end)``: a row stamped exactly ``end`` belongs to the next interval (promise I3).

    Both ends are aware and in UTC. ``start`` equal to ``BEGINNING`` means there is no lower bound.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("interval bounds must be aware")
        if self.end < self.start:
            raise ValueError(f"interval ends before it starts: {self}")

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    @property
    def has_lower_bound(self) -> bool:
        return self.start > BEGINNING

    def shifted(self, offset: timedelta) -> Interval:
        """The interval moved back by ``offset`` (decision D5: a positive offset looks further back).

        An unbounded start stays unbounded, and nothing moves before the beginning of the calendar.
        """
        start = self.start if not self.has_lower_bound else _back(self.start, offset)
        return Interval(start, max(start, _back(self.end, offset)))

    def begun_earlier(self, by: timedelta) -> Interval:
        """The interval with its start moved back; an unbounded start stays unbounded."""
        return Interval(_back(self.start, by), self.end) if self.has_lower_bound else self

    def __str__(self) -> str:
        return f"[{format_instant(self.start)}, {format_instant(self.end)})"


def _back(moment: datetime, offset: timedelta) -> datetime:
    try:
        return moment - offset
    except OverflowError:
        return BEGINNING if offset > timedelta(0) else datetime.max.replace(tzinfo=moment.tzinfo)
