"""Notices: what the webhook tells of pipelines that need somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

LONGEST_LIFE: Final = timedelta(days=1)
"""A notice that could not be delivered for so long is given up: it would tell of another day."""

_FIRST_PAUSE: Final = timedelta(seconds=5)
_GROWTH: Final = 2.0
_LONGEST_STEP: Final = timedelta(minutes=30)
LONGEST_PAUSE: Final = 2 * _LONGEST_STEP
"""No notice waits longer for its next attempt."""

LONGEST_ATTEMPT: Final = timedelta(minutes=2)
"""Who has begun an attempt and not told its end after this has died in it: far longer than looking up a host and a delivery may take."""


class NoticeType(StrEnum):
    """What a notice is about. Receivers see these words."""

    RUN_FAILED = "pipeline.run_failed"  # a run failed and is not tried again by itself
    FAULTED = "pipeline.faulted"  # the pipeline, or its connection, waits for somebody
    STALE = "pipeline.stale"  # it is later than its schedule and the grace allow
    RECOVERED = "pipeline.recovered"  # it was stale, and is not any more
    TEST = "webhook.test"  # somebody tries the webhook; about no pipeline


class NoticeOutcome(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened.

    Attributes:
        at: when it happened.
        workspace_id, pipeline_id: the pipeline it is about; None for a test.
        facts: what else there is to say, as JSON; never a secret, a value of a row, or a warehouse's own words.
    """

    type: NoticeType
    at: datetime
    workspace_id: int | None
    pipeline_id: str | None
    facts: Mapping[str, Any]


def pause_after(attempts: int, jitter: float) -> timedelta:
    """How long to wait after an attempt at delivering a notice failed before the next one.

    Args:
        attempts: how many there were, from 1.
        jitter: a random number in [0, 1) that spreads the attempts of many senders.
    """
    doublings = min(attempts - 1, 20)  # more would only overflow
    return min(_FIRST_PAUSE * _GROWTH**doublings, _LONGEST_STEP) * (1 + jitter)
