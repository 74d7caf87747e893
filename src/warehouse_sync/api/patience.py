"""Threads for requests that wait for a warehouse. They are few and apart, so that slow warehouses hold up nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from warehouse_sync.api.errors import TooBusy

WAREHOUSES_AT_ONCE: Final = 8
WAITING_AT_MOST: Final = 64

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(slots=True)
class _Room:
    """Who is here, at work or waiting. One per event loop."""

    threads: CapacityLimiter
    inside: int = 0


_room: Final[RunVar[_Room]] = RunVar("warehouse_room")


async def patiently(verb: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Calls a verb that asks a warehouse. Requests beyond ``WAREHOUSES_AT_ONCE`` wait their turn without holding a thread.

    Raises:
        TooBusy: ``WAITING_AT_MOST`` requests wait already.
    """
    try:
        room = _room.get()
    except LookupError:
        room = _Room(CapacityLimiter(WAREHOUSES_AT_ONCE))
        _room.set(room)
    if room.inside >= WAREHOUSES_AT_ONCE + WAITING_AT_MOST:
        raise TooBusy("As many requests wait for warehouses as may. Try again in a moment.")
    room.inside += 1
    try:
        return await to_thread.run_sync(partial(verb, *args, **kwargs), limiter=room.threads)
    finally:
        room.inside -= 1
