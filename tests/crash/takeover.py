"""R24: a run whose warehouse is silent for ten leases stays with its holder; one whose holder is dead has another within two."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.crash.embedded import embedded
from tests.crash.kill_points import Theatre, prepare
from tests.crash.pause import PLACES, Ends, Gate, GatedStores, in_a_thread, paused_child
from tests.crash.report import Outcome
from tests.crash.stage import wait_until

_LEASE: Final = timedelta(seconds=2)
_SILENT_LEASES: Final = 10
_PATIENCE: Final = 60.0


def taken_over(theatre: Theatre, folder: Path, place: str, number: int) -> float:
    """Lets a holder die, as a thread that never goes on and renews nothing; returns after how many leases another had its run.

    Raises:
        AssertionError: that took more than two, or something is lost or twice.
    """
    gate = Gate(place, number)
    with theatre.untouched.copied(folder) as stage:
        with embedded(stage) as service:
            dead, living = service.runner(_LEASE, GatedStores(service.stores, gate)), service.runner(_LEASE)
            ends = Ends(living)
            service.trigger()
            thread = in_a_thread(dead.execute_next)
            assert gate.reached.wait(_PATIENCE)
            died = time.monotonic()
            living._start_thread("run", living._execute_due, living._wait_for_work)
            pause = _LEASE.total_seconds() / 4
            living._start_thread("heartbeat", living.renew_leases, lambda: living._stopping.wait(pause))
            try:
                wait_until(lambda: ends.seen, _PATIENCE)
            finally:
                living.stop()
                gate.open.set()
                thread.join(_PATIENCE)
        assert ends.seen == [None], ends.seen
        leases = (ends.begun[0] - died) / _LEASE.total_seconds()
        assert leases <= 2, f"taken over after {leases:.2f} leases"
        theatre.examine(stage)
    return leases


def campaign(trials: int, seed: int) -> Outcome:
    """Half of the trials a silent warehouse, half a dead holder."""
    draw, seen, failures, slowest = random.Random(seed), Counter[str](), [], 0.0
    with TemporaryDirectory(prefix="takeover-") as name:
        folder = Path(name)
        theatre = prepare(folder)
        for number in range(trials):
            place, passing, delay = draw.choice(PLACES), draw.randint(1, 3), draw.random() * 0.3
            try:
                if number % 2:
                    seen[f"silent child {paused_child(theatre, folder / str(number), delay, _SILENT_LEASES)}"] += 1
                else:
                    passing = 1 if place == "begin" else passing
                    place = "before chunk" if place == "in chunk" else place  # who dies in a transaction holds none
                    slowest = max(slowest, taken_over(theatre, folder / str(number), place, passing))
                    seen["dead holder"] += 1
            except (AssertionError, TimeoutError) as error:
                failures.append(f"{place} {passing}, {delay:.3f}: {str(error)[:500]}")
    note = ", ".join(f"{what} {times}" for what, times in sorted(seen.items()))
    return Outcome(trials, failures, f"{note}; the slowest takeover after {slowest:.2f} leases")
