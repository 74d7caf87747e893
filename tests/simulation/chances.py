"""What a seed decides about how bad a world is, and each single misfortune in it."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, fields


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


class Luck:
    """The seed's generator and how bad things are at the moment."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.chances = CALM

    def strikes(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability
