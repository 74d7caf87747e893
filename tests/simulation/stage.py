"""Actors that take turns: each is a greenlet that runs the product's own code up to its next boundary and then hands over.

A boundary lies before and after every transaction, and wherever a warehouse can keep a run waiting; never inside a transaction, since all
actors share one thread. Who goes on next is the director's choice, so a seed decides the whole play.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from greenlet import getcurrent, greenlet

IDLE = "idle"


class Crashed(BaseException):
    """The actor's process died here. No handler of the product may see it, as none sees a kill."""


@dataclass(eq=False)
class Actor:
    """Something that repeats one step for ever.

    Attributes:
        step: one step; true if there may be more to do at once.
        wakes_after: who can have made work for it; else it looks once in a tick.
        once: whether it leaves after its first step.
        away_until: the tick before which it is not heard of: paused, or waiting for a warehouse.
    """

    name: str
    step: Callable[[], object]
    wakes_after: tuple[str, ...] = ()
    once: bool = False
    away_until: int = 0
    did_work: bool = False
    _play: greenlet | None = field(default=None, repr=False)

    @property
    def is_lazy(self) -> bool:
        """Whether it may skip a tick: it is between two steps, and who makes work for it wakes it."""
        return self._play is None and "planner" in self.wakes_after

    def go_on(self) -> str:
        """Plays up to the next boundary and returns its name; ``IDLE`` at the end of a step."""
        if self._play is None:
            self._play = greenlet(self.step)
        label = self._play.switch()
        if not self._play.dead:
            return str(label)
        self._play, self.did_work = None, bool(label)
        return IDLE

    def die(self) -> None:
        """Ends the actor where it stands."""
        play, self._play = self._play, None
        if play is None:
            return
        with contextlib.suppress(Crashed):
            play.throw(Crashed)
        if not play.dead:
            raise AssertionError(f"{self.name} survived its crash")


class Stage:
    """Where boundaries lead to. ``actor`` is whoever is playing now; None while the scene is set or looked at."""

    def __init__(self) -> None:
        self._director = getcurrent()
        self.tick = 0
        self.actor: Actor | None = None

    def play(self, actor: Actor) -> str:
        self.actor = actor
        try:
            return actor.go_on()
        finally:
            self.actor = None

    def boundary(self, label: str) -> None:
        """Hands over to the director; comes back when it is this actor's turn again."""
        if self.actor is not None:
            self._director.switch(label)

    def wait(self, ticks: int, label: str) -> None:
        """Does not come back for so many ticks."""
        if self.actor is not None:
            self.actor.away_until = self.tick + ticks
            self._director.switch(label)
