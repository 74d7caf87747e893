"""The apply equals a model that takes one row at a time: same people, same identities, same values, same numbers (I8, R14).

``make prop`` is the long version.
"""

from __future__ import annotations

import random

import pytest

from tests.property.batches import Batch
from tests.property.workloads import STRATEGIES, Workload, draw_workload, smallest

WORKLOADS = 40
CHUNKS = (1, 3, 2, 3, 1, 2, 3)
"""Of each run, by strategy."""


def drawn(name: str) -> list[Workload]:
    return [draw_workload(random.Random(f"{name}/{number}")) for number in range(WORKLOADS)]


@pytest.mark.parametrize(("name", "chunks"), [*zip(STRATEGIES, CHUNKS, strict=True)])
def test_apply_equals_the_model(name: str, chunks: int) -> None:
    Batch(STRATEGIES[name], drawn(name), chunks=chunks, mixing=random.Random(name)).check()


def test_another_model_is_not_equal() -> None:
    batch = Batch(STRATEGIES["default"], drawn("default"), chunks=1, mixing=random.Random(0))
    for lane in batch.lanes:
        lane.model.rules = STRATEGIES["best_match"]
    with pytest.raises(AssertionError):
        batch.check()


def test_a_failing_workload_is_made_small() -> None:
    def fails(workload: Workload) -> bool:
        return sum("email" in row["identities"] for rows in workload for row in rows) >= 2

    least = smallest(next(workload for workload in drawn("default") if fails(workload)), fails)
    rows = [row for run in least for row in run]
    assert [(row["identities"].keys(), row["attributes"], row["direct"]) for row in rows] == [({"email"}, {}, None)] * 2
