"""Random workloads: runs of rows by which people come, change and get in each other's way; and how a failing one is made small.

A workload is a list of runs, a run a list of rows as the oracle takes them. Few values make rows meet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from tests.oracle.one_row_at_a_time import Rules

Row = dict[str, Any]
Workload = list[list[Row]]

TYPES = ["customer_id", "email", "other", "ios_idfv", "phone_number_2"]  # the last is no look-up identity
VALUES = ["a", "b", "c", " A", ""]

STRATEGIES = {
    "default": Rules(),
    "profile_conversion": Rules("profile_conversion", unique={"customer_id", "email"}, login={"customer_id"}),
    "profile_link": Rules("profile_link", unique={"customer_id", "email"}, login={"customer_id", "email"}),
    "profile_isolation": Rules(
        "profile_isolation",
        priority=["customer_id", "email", "ios_idfv", "other"],
        unique={"customer_id", "email"},
        login={"customer_id", "email"},
    ),
    "best_match": Rules(
        "best_match", priority=["email", "ios_idfv", "other", "customer_id"], unique=set(), login=set()
    ),
    "immutable": Rules(
        "profile_conversion",
        unique={"customer_id", "email"},
        login={"customer_id", "email"},
        immutable={"customer_id", "email"},
    ),
    "unguarded": Rules(unique={"customer_id", "email"}, login={"customer_id", "email"}, conflict_guard=False),
}


def draw_workload(draw: random.Random) -> Workload:
    """One to four runs of up to eight rows each, in the order of their load timestamps."""
    values = draw.sample(VALUES, draw.randint(1, len(VALUES)))
    density = draw.choice((0.25, 0.5, 0.8))
    names_people = draw.random() < 0.5
    runs = [[_draw_row(draw, values, density, names_people) for _ in range(draw.randint(0, 8))]]
    while len(runs) < 4 and draw.random() < 0.6:
        runs.append([_draw_row(draw, values, density, names_people) for _ in range(draw.randint(0, 8))])
    return [sorted(rows, key=lambda row: row["time"]) for rows in runs]


def _draw_row(draw: random.Random, values: list[str], density: float, names_people: bool) -> Row:
    attributes: dict[str, object] = {}
    if draw.random() < 0.7:
        attributes["X"] = draw.randint(0, 2)
    if draw.random() < 0.5:
        attributes["x"] = draw.choice("pq")
    return {
        "identities": {kind: draw.choice(values) for kind in TYPES if draw.random() < density},
        "time": draw.randint(0, 5),
        "attributes": attributes,
        "direct": draw.randint(1, 6) if names_people and draw.random() < 0.4 else None,
    }


def smallest(workload: Workload, fails: Callable[[Workload], bool], *, tries: int = 200) -> Workload:
    """A workload that still fails and of which nothing more can be left out, or as far as so many tries lead."""
    least, tried = workload, 0
    found = True
    while found:
        found = False
        for smaller in _smaller(least):
            tried += 1
            if tried > tries:
                return least
            if fails(smaller):
                least, found = smaller, True
                break
    return least


def _smaller(workload: Workload) -> Iterator[Workload]:
    """Everything that a workload becomes by leaving one thing out, the largest things first."""
    for number in range(len(workload)):
        yield workload[:number] + workload[number + 1 :]
    for number, rows in enumerate(workload):
        for place in range(len(rows)):
            yield [*workload[:number], rows[:place] + rows[place + 1 :], *workload[number + 1 :]]
    for number, rows in enumerate(workload):
        for place, row in enumerate(rows):
            for part in ("identities", "attributes"):
                for name in row[part]:
                    smaller = deepcopy(workload)
                    del smaller[number][place][part][name]
                    yield smaller
            if row["direct"] is not None:
                smaller = deepcopy(workload)
                smaller[number][place]["direct"] = None
                yield smaller
