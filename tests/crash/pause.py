"""R2: a holder that is paused beyond its lease and goes on later changes nothing; one whose child is paused is still its run's holder.

The first kind pauses a thread that executes a run, at a random moment of its dealings with the profile store, until another runner has
taken the run over. The second stops the child of a fetch for several leases.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from tests.crash.embedded import Embedded, embedded
from tests.crash.kill_points import Theatre, prepare
from tests.crash.report import Outcome
from tests.crash.stage import ROWS, Stage, wait_until
from tests.oracle import files_of_a_home as files
from warehouse_sync.errors import LeaseLostError
from warehouse_sync.scheduler.runner import Runner

_LEASE: Final = timedelta(seconds=0.3)
_LONG: Final = 3 * _LEASE.total_seconds()
_PATIENCE: Final = 60.0
PLACES: Final = ("begin", "before chunk", "in chunk", "after chunk")


class Gate:
    """Lets whoever passes it through, but for the ``number``-th passing, from 1, which waits until the gate is opened."""

    def __init__(self, place: str, number: int) -> None:
        self._place, self._number = place, number
        self.reached, self.open = threading.Event(), threading.Event()

    def pass_(self, place: str) -> None:
        if place != self._place:
            return
        self._number -= 1
        if self._number == 0:
            self.reached.set()
            assert self.open.wait(_PATIENCE)


class GatedStores:
    """The profile stores as one holder sees them, with a gate on its way."""

    def __init__(self, stores: Any, gate: Gate) -> None:
        self._stores, self._gate = stores, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    def begin(self, *arguments: Any, **named: Any) -> Any:
        self._gate.pass_("begin")
        return self._stores.begin(*arguments, **named)

    @contextmanager
    def chunk(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        self._gate.pass_("before chunk")
        with self._stores.chunk(*arguments, **named) as chunk:
            yield chunk
            self._gate.pass_("in chunk")
        self._gate.pass_("after chunk")


class Ends:
    """When executions of a runner began, and how they ended."""

    def __init__(self, runner: Runner) -> None:
        self.seen: list[Exception | None] = []
        self.begun: list[float] = []
        runner._steps = {kind: _Recorded(steps, self) for kind, steps in runner._steps.items()}


class _Recorded:
    def __init__(self, steps: Any, ends: Ends) -> None:
        self._steps, self._ends = steps, ends

    def execute(self, *arguments: Any) -> Any:
        self._ends.begun.append(time.monotonic())
        try:
            counts = self._steps.execute(*arguments)
        except Exception as error:
            self._ends.seen.append(error)
            raise
        self._ends.seen.append(None)
        return counts


def paused_holder(theatre: Theatre, folder: Path, place: str, number: int) -> str:
    """Pauses a holder at a place until another has the run; returns how the first one ended.

    Raises:
        AssertionError: it changed something, or went on.
    """
    with theatre.untouched.copied(folder) as stage:
        with embedded(stage) as service:
            end = _overtake(service, Gate(place, number))
        [run] = files.runs_of(stage.home)
        assert (run.state, run.counts["extracted"]) == ("success", ROWS), run
        theatre.examine(stage)
    return end


def _overtake(service: Embedded, gate: Gate) -> str:
    first = service.runner(_LEASE, GatedStores(service.stores, gate))
    second = service.runner(_LEASE)
    ends, others = Ends(first), Ends(second)
    service.trigger()
    paused = in_a_thread(first.execute_next)
    assert gate.reached.wait(_PATIENCE)
    overtaking = in_a_thread(lambda: _take_over(second))
    if gate._place == "in chunk":
        time.sleep(_LONG)  # nobody can write while its transaction is open: the other holder waits for it
    else:
        wait_until(lambda: others.seen, _PATIENCE)
    gate.open.set()
    for thread in (paused, overtaking):
        thread.join(_PATIENCE)
        assert not thread.is_alive()
    assert others.seen == [None], others.seen
    [end] = ends.seen
    if isinstance(end, LeaseLostError):
        return "stopped by the store"
    assert end is None, end  # it had applied all there was before it was paused: its verdict was refused
    return "stopped at its verdict"


def _take_over(runner: Runner) -> None:
    end = time.monotonic() + _PATIENCE
    while not runner.execute_next() and time.monotonic() < end:
        time.sleep(0.02)


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def paused_child(theatre: Theatre, folder: Path, delay: float, leases: float = 3) -> str:
    """Stops the child of a fetch for some leases while others would like to have its run; returns whether it was caught.

    Raises:
        AssertionError: the run was taken from its holder.
    """
    with theatre.untouched.copied(folder) as stage:
        with embedded(stage, runs_at_once=2) as service:
            runner = service.runner(_LEASE)
            ends = Ends(runner)
            runner.start()
            try:
                service.trigger()
                caught = _stop_a_child(delay, leases * _LEASE.total_seconds())
                wait_until(lambda: files.runs_of(stage.home)[0].state in {"success", "failed"}, _PATIENCE)
            finally:
                runner.stop()
        assert ends.seen == [None], ends.seen
        assert _epochs(stage) == [1]
        theatre.examine(stage)
    return "caught" if caught else "missed"


def _stop_a_child(delay: float, seconds: float) -> bool:
    children: list[psutil.Process] = []
    wait_until(lambda: children.extend(_fetchers()) or children, _PATIENCE)
    time.sleep(delay)
    with suppress(psutil.Error):
        children[0].suspend()
        time.sleep(seconds)
        children[0].resume()
        return True
    return False


def _fetchers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process(os.getpid()).children():
        with suppress(psutil.Error):
            if "warehouse_sync.sync.child" in child.cmdline():
                found.append(child)
    return found


def _epochs(stage: Stage) -> list[int]:
    with files.opened(stage.store) as store:
        return [epoch for (epoch,) in store.execute("SELECT epoch FROM run_progress").fetchall()]


def campaign(trials: int, seed: int) -> Outcome:
    """Two thirds of the trials pause a holder, the others a child."""
    draw, ends, failures = random.Random(seed), Counter[str](), []
    with TemporaryDirectory(prefix="pause-") as name:
        folder = Path(name)
        theatre = prepare(folder)
        for number in range(trials):
            place, passing, delay = draw.choice(PLACES), draw.randint(1, 3), draw.random() * 0.4
            try:
                if number % 3 == 2:
                    ends[f"child {paused_child(theatre, folder / str(number), delay)}"] += 1
                else:
                    passing = 1 if place == "begin" else passing
                    ends[paused_holder(theatre, folder / str(number), place, passing)] += 1
            except (AssertionError, TimeoutError) as error:
                failures.append(f"{place} {passing}, {delay:.3f}: {str(error)[:500]}")
    return Outcome(trials, failures, ", ".join(f"{end} {times}" for end, times in sorted(ends.items())))
