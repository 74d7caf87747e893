"""Seeded plays of the whole scheduler on a virtual clock (figures R11, R12, R16, R24, R26): the short version of ``make crash ONLY=R12``.

A seed that fails here replays bit for bit: ``.venv/bin/python -m tests.simulation --seed N --short``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

from tests.simulation.campaign import SHORT, be_quiet, plays_of_every_call
from tests.simulation.memory_stores import MemoryChunk
from tests.simulation.world import play
from warehouse_sync.catalog import high_water, runs
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.scheduler.lease_watch import LeaseWatch
from warehouse_sync.scheduler.settlement import Settlement
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.services import outlook

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 100
SEEDS_ON_DUCKDB = 3


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    be_quiet()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("first", range(1, SEEDS + 1, 20))
def test_no_seed_breaks_a_promise(first: int) -> None:
    broken = {seed: result.wrongs for seed in range(first, first + 20) if (result := play(seed, ticks=SHORT)).wrongs}
    assert broken == {}


@pytest.mark.parametrize("seed", range(1, SEEDS_ON_DUCKDB + 1))
def test_no_seed_breaks_a_promise_on_the_real_store(seed: int) -> None:
    assert play(seed, store="duckdb", ticks=SHORT).wrongs == ()


@pytest.mark.parametrize("how", ["fails", "unknown"])
def test_whichever_call_of_a_store_goes_wrong_no_promise_breaks(how: Literal["fails", "unknown"]) -> None:
    """Every third of them; ``make crash ONLY=R7`` takes every one."""
    results = list(plays_of_every_call(8, how, store="memory", ticks=(2, 4), step=3))
    assert len(results) > 3
    assert all(result.runs and result.chunks for result in results)
    assert [result.wrongs for result in results if result.wrongs] == []


def test_a_seed_is_the_same_play_every_time() -> None:
    """In another process, and however Python shuffles its sets there."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "11", "--short"]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    result = play(11, ticks=SHORT)
    assert done.stdout.splitlines()[-1] == f"digest {result.digest}"
    assert play(12, ticks=SHORT).digest != result.digest


def test_no_thread_has_its_own_turns_in_a_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would not be the seed's."""

    def refused(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread.name} was started")

    monkeypatch.setattr(threading.Thread, "start", refused)
    result = play(1, ticks=SHORT)
    assert result.chunks
    assert result.wrongs == ()


def _without_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = MemoryChunk.checkpoint

    def unfenced(chunk: MemoryChunk, counts: RunCounts, *, types: int) -> None:
        chunk._run = replace(chunk._run, epoch=chunk._held.epoch)
        chunk._number = chunk._held.progress.chunks
        checkpoint(chunk, counts, types=types)

    monkeypatch.setattr(MemoryChunk, "checkpoint", unfenced)


def _with_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    last_end = high_water.last_success_end

    def later(*arguments: Any, **options: Any) -> datetime | None:
        end = last_end(*arguments, **options)
        return None if end is None else end + timedelta(seconds=1)

    monkeypatch.setattr(high_water, "last_success_end", later)


def _keeping_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "latest_gap", lambda *_, **__: None)


def _counting_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    succeed = Settlement.succeed
    more = RunCounts(extracted=1)
    monkeypatch.setattr(Settlement, "succeed", lambda settlement, run, counts: succeed(settlement, run, counts + more))


def _comparing_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "read_before", lambda tx, run: runs.first(tx, run.pipeline_key))


def _telling_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Teller, "run_failed", lambda *_: None)


def _forgetting_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseWatch, "abandoned", lambda _watch, _leases: set())


@pytest.mark.parametrize(
    ("sabotage", "law", "first"),
    [
        (_without_fence, "I5", 403),
        (_with_a_gap, "I3", 1),
        (_keeping_silent, "I3", 189),
        (_counting_wrong, "I9", 1),
        (_comparing_with_another, "R23", 1),
        (_telling_nobody, "I10", 9),
        (_forgetting_orphans, "R1", 8),
    ],
)
def test_a_broken_product_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], law: str, first: int
) -> None:
    """Not by every seed; ``first`` is one that does, so that none is played in vain."""
    sabotage(monkeypatch)
    assert any(
        wrong.startswith(law) for seed in range(first, first + 120) for wrong in play(seed, ticks=(10, 20)).wrongs
    )
