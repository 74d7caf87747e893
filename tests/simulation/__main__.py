"""Plays seeds: ``python -m tests.simulation --seed N`` replays one and tells what happened; ``--seeds N --first M`` plays many."""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console

from tests.simulation.campaign import LONG, SHORT, be_quiet, play_many
from tests.simulation.world import play

_console = Console(markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="play this seed and tell everything that happened")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--store", choices=["memory", "duckdb"], default="memory", help="which profile store")
    parser.add_argument("--jobs", type=int, help="processes; by default as many as there are cores")
    parser.add_argument("--short", action="store_true", help="plays as short as the tests')")
    options = parser.parse_args()
    ticks = SHORT if options.short else LONG
    if options.seed is not None:
        be_quiet()
        result = play(options.seed, ticks=ticks, store=options.store)
        for line in (*result.trace, *(f"BROKEN {wrong}" for wrong in result.wrongs), f"digest {result.digest}"):
            _console.print(line)
        return int(bool(result.wrongs))
    started = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    summary = play_many(seeds, store=options.store, ticks=ticks, jobs=options.jobs)
    for failure in summary.failures:
        _console.print(failure)
    seconds = time.monotonic() - started
    _console.print(f"{summary.note} {len(summary.failures)} failures, {seconds:.0f} s.")
    return int(bool(summary.failures))


if __name__ == "__main__":
    sys.exit(main())
