"""What a seed decides about how bad a world is, and each single misfortune in it."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, fields
from typing import Literal


@dataclass(frozen=True)
class Chances:
    """How likely things are: at each boundary, in each tick or in each conversation."""

    crash: float  # at a boundary: a process is killed
    stop: float  # at a boundary: a process is not heard of for some ticks, its heartbeat neither
    hold: float  # at a boundary: the same for one thread alone
    store_failure: float  # of a transaction: it is not committed
    commit_unknown: float  # of a transaction: it is committed and says it is not
    damage: float  # at a kill: a file of a spool is damaged, or a spool is lost
    warehouse: float  # of a conversation: it goes wrong
    stall: float  # in a conversation: nothing comes for some ticks
    clock: float  # in a tick: a wall clock is set or stands still
    person: float  # in a tick: somebody does something
    late: float  # of a row: it shows up later than its load timestamp says


CALM = Chances(*(0.0 for _ in fields(Chances)))


def draw(rng: random.Random) -> Chances:
    """Every kind of misfortune is absent from some worlds, so that each is also met alone."""
    most = Chances(
        crash=0.03,
        stop=0.04,
        hold=0.04,
        store_failure=0.02,
        commit_unknown=0.03,
        damage=0.5,
        warehouse=0.3,
        stall=0.2,
        clock=0.15,
        person=0.4,
        late=0.3,
    )
    return Chances(**{name: rng.choice([0.0, chance / 4, chance]) for name, chance in asdict(most).items()})


@dataclass
class NthCall:
    """The one misfortune of a play that has no other: one call of a store, control database or profiles, goes wrong.

    Attributes:
        how: ``fails`` with nothing done, or ``unknown``: done, and says that it failed.
        number: which of the calls that can go wrong like that, from 1.
        calls: how many there were so far.
    """

    how: Literal["fails", "unknown"]
    number: int
    calls: int = 0

    @property
    def has_struck(self) -> bool:
        return self.calls >= self.number

    def strikes(self, how: str) -> bool:
        if how != self.how:
            return False
        self.calls += 1
        return self.calls == self.number


class Luck:
    """The seed's generator and how bad things are at the moment; or, in place of chances for stores, the one call that goes wrong."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.chances = CALM
        self.nth_call: NthCall | None = None

    def store_fails(self) -> bool:
        """Whether this call of a store fails with nothing done."""
        if self.nth_call is not None:
            return self.nth_call.strikes("fails")
        return self.strikes(self.chances.store_failure)

    def commit_is_unknown(self) -> bool:
        """Whether this commit takes effect and says that it failed."""
        if self.nth_call is not None:
            return self.nth_call.strikes("unknown")
        return self.strikes(self.chances.commit_unknown)

    def strikes(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability
