"""Many plays, on all cores."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.pool import Pool
from typing import Literal

import structlog

from tests.crash.report import Outcome
from tests.simulation.chances import NthCall
from tests.simulation.world import Result, play

SHORT = (4, 10)
LONG = (20, 60)
"""Ticks of misfortune in a play: with every change, and by ``make crash``."""
FEW = (2, 4)
"""Where there is a play for every call of a store."""


def play_many(
    seeds: Iterable[int], *, store: str = "memory", ticks: tuple[int, int] = LONG, jobs: int | None = None
) -> Outcome:
    """Plays the seeds, on as many processes as there are cores by default; a seed that breaks a promise is one failure."""
    wanted = list(seeds)
    trials, runs, chunks, crashes = 0, 0, 0, 0
    failures: list[str] = []
    with _players(jobs) as pool:
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


def every_call(trials: int, seed: int) -> Outcome:
    """Plays without any misfortune but one: in each, another call of a store goes wrong. So many plays at least, over whole seeds."""
    made, runs, failures, last = 0, 0, list[str](), seed
    with _players() as pool:
        for number, results in enumerate(pool.imap(_every_call_of, range(seed, seed + trials))):
            made, runs, last = made + len(results), runs + sum(result.runs for result in results), seed + number
            failures += [f"seed {result.seed}: {'; '.join(result.wrongs)[:600]}" for result in results if result.wrongs]
            if made >= trials:
                pool.terminate()
                break
    return Outcome(made, tuple(failures), f"{made:,} plays of {last - seed + 1} seeds, {runs:,} runs.")


def plays_of_every_call(
    seed: int, how: Literal["fails", "unknown"], *, store: str, ticks: tuple[int, int], step: int = 1
) -> Iterator[Result]:
    """The plays of a seed in which the first, second, third … call goes wrong, as long as there is one; of these every ``step``-th."""
    number = 1
    while True:
        nth_call = NthCall(how, number)
        result = play(seed, ticks=ticks, store=store, nth_call=nth_call)
        if not nth_call.has_struck:
            return
        told = f"call {number} {how}: "
        yield replace(result, trace=(), wrongs=tuple(told + wrong for wrong in result.wrongs))
        number += step


def _players(jobs: int | None = None) -> Pool:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return multiprocessing.get_context("spawn").Pool(jobs or cores, initializer=_begin_to_play)


def _begin_to_play() -> None:
    """What was imported stays, so nobody has to look through it for garbage."""
    be_quiet()
    gc.freeze()


def _every_call_of(seed: int) -> list[Result]:
    hows: tuple[Literal["fails", "unknown"], ...] = ("fails", "unknown")
    return [result for how in hows for result in plays_of_every_call(seed, how, store="duckdb", ticks=FEW)]


def _played(seed: int, store: str, ticks: tuple[int, int]) -> Result:
    return replace(play(seed, store=store, ticks=ticks), trace=())


def be_quiet() -> None:
    """The product's log lines are of no use in a play."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
