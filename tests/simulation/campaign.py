"""Many plays, on all cores."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import structlog

from tests.crash.report import Outcome
from tests.simulation.world import Result, play

SHORT = (4, 10)
LONG = (20, 60)
"""Ticks of misfortune in a play: with every change, and by ``make crash``."""


def play_many(seeds: Iterable[int], *, store: str = "memory", ticks: tuple[int, int] = LONG, jobs: int = 2) -> Outcome:
    """Plays the seeds; a seed that breaks a promise is one failure."""
    wanted = list(seeds)
    trials, runs, chunks, crashes = 0, 0, 0, 0
    failures: list[str] = []
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=be_quiet) as pool:
        for result in pool.imap_unordered(partial(_played, store=store, ticks=ticks), wanted, chunksize=4):
            trials += 1
            runs, chunks, crashes = runs + result.runs, chunks + result.chunks, crashes + result.crashes
            failures += [f"seed {result.seed}: {'; '.join(result.wrongs)[:600]}"] if result.wrongs else []
    note = f"{trials:,} plays, {runs:,} runs, {chunks:,} chunks, {crashes:,} kills of a process."
    return Outcome(trials, tuple(sorted(failures)), note)


def on_memory(trials: int, seed: int) -> Outcome:
    """The seeds from ``seed`` on."""
    return play_many(range(seed, seed + trials))


def on_duckdb(trials: int, seed: int) -> Outcome:
    """As :func:`on_memory`, with the real profile store."""
    return play_many(range(seed, seed + trials), store="duckdb")


def _played(seed: int, store: str, ticks: tuple[int, int]) -> Result:
    return replace(play(seed, store=store, ticks=ticks), trace=())


def be_quiet() -> None:
    """The product's log lines are of no use in a play."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
