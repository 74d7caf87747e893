"""``make prop``: random workloads by the ten thousand, each strategy, against the model that takes one row at a time.

Every batch is applied twice: each run as one chunk, and cut into several, with the rows of its workloads mixed in another order.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pprint import pformat

from tests.oracle.one_row_at_a_time import Rules
from tests.property.batches import Batch
from tests.property.workloads import STRATEGIES, Workload, draw_workload, smallest

TOGETHER = 2_500
"""Workloads in one batch."""


@dataclass(slots=True)
class Tally:
    workloads: int = 0
    rows: int = 0
    people: int = 0


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    wanted.add_argument("--workloads", type=int, default=10_000, help="of each strategy")
    wanted.add_argument("--seed", default="1")
    wanted.add_argument("--only", choices=STRATEGIES, help="this strategy alone")
    given = wanted.parse_args()
    failures = 0
    for name in [given.only] if given.only else STRATEGIES:
        began, tally = time.monotonic(), Tally()
        for first in range(0, given.workloads, TOGETHER):
            numbers = range(first, min(first + TOGETHER, given.workloads))
            failures += not check_batch(name, given.seed, numbers, tally)
        took = time.monotonic() - began
        sys.stdout.write(
            f"{name:20} {tally.workloads:>7,} workloads {tally.rows:>9,} rows {tally.people:>9,} people {took:>7.0f} s\n"
        )
        sys.stdout.flush()
    sys.stdout.write("No difference.\n" if not failures else f"{failures} batches differ; see above.\n")
    return 1 if failures else 0


def check_batch(name: str, seed: str, numbers: Sequence[int], tally: Tally) -> bool:
    rules = STRATEGIES[name]
    workloads = {number: draw_workload(random.Random(f"{seed}/{name}/{number}")) for number in numbers}
    chunks = random.Random(f"{seed}/{name}/{numbers[0]}").randint(2, 8)
    for count in (1, chunks):
        batch = Batch(rules, list(workloads.values()), chunks=count, mixing=mixing(name, count))
        try:
            batch.check()
        except AssertionError as error:
            sys.stdout.write(f"{name}, seed {seed}, workloads {numbers[0]} to {numbers[-1]}, {count} chunks: {error}\n")
            report(name, rules, workloads, count)
            return False
    tally.workloads += len(workloads)
    tally.rows += batch.rows
    tally.people += batch.people
    return True


def mixing(name: str, chunks: int) -> random.Random:
    return random.Random(f"{name}/{chunks}")


def report(name: str, rules: Rules, workloads: dict[int, Workload], chunks: int) -> None:
    """Finds one workload that fails by itself and writes the least of it that still does."""

    def fails(some: Sequence[Workload], count: int) -> bool:
        try:
            Batch(rules, some, chunks=count, mixing=mixing(name, chunks)).check()
        except AssertionError:
            return True
        return False

    numbers = list(workloads)
    while len(numbers) > 1:
        half = numbers[: len(numbers) // 2]
        rest = numbers[len(half) :]
        if fails([workloads[number] for number in half], chunks):
            numbers = half
        elif fails([workloads[number] for number in rest], chunks):
            numbers = rest
        else:
            sys.stdout.write(f"No part of these fails by itself: workloads {numbers}\n")
            return
    for count in (1, 2, 100):  # a chunk of its own for each row, at last
        if fails([workloads[numbers[0]]], count):
            least = smallest(workloads[numbers[0]], lambda found, count=count: fails([found], count))  # type: ignore[misc]
            sys.stdout.write(f"workload {numbers[0]} in {count} chunks, made small:\n{pformat(least, width=140)}\n")
            return


if __name__ == "__main__":
    sys.exit(main())
