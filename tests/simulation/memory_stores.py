"""A profile store in memory: the fence, the checkpoint and the atomicity of the real one, with the oracle in place of its SQL.

It stands in where tens of thousands of plays are wanted. What it promises, the conformance suite of profile stores holds it to.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tests.oracle.one_row_at_a_time import Model, Rules
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import LeaseLostError
from warehouse_sync.profiles.protocol import RunProgress
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.sync.apply import ApplyPlan

IDENTITIES = ("customer_id", "email")


@dataclass(frozen=True)
class _Held:
    epoch: int
    progress: RunProgress


@dataclass
class _Scope:
    people: Model = field(default_factory=lambda: Model(Rules()))
    runs: dict[int, _Held] = field(default_factory=dict)


class MemoryStores:
    """Implements ``ProfileStores`` for one thread."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[int, Environment], _Scope] = {}

    def people(self, workspace_id: int, environment: Environment) -> Model:
        return self._scope(workspace_id, environment).people

    def begin(self, run: RunKey, *, start_over: bool, memory: RowMemory | None = None) -> RunProgress:
        runs = self._scope(run.workspace_id, run.environment).runs
        known = runs.get(run.run_id)
        if known is not None and known.epoch > run.epoch:
            raise LeaseLostError(f"Run {run.run_id} has a newer holder.")
        fresh = known is None or start_over
        runs[run.run_id] = _Held(run.epoch, RunProgress(0, RunCounts()) if fresh or known is None else known.progress)
        return runs[run.run_id].progress

    @contextmanager
    def chunk(self, run: RunKey, number: int, *, now: datetime) -> Iterator[MemoryChunk]:
        scope = self._scope(run.workspace_id, run.environment)
        held = scope.runs.get(run.run_id)
        if held is None:
            raise LeaseLostError(f"Run {run.run_id} was not begun.")
        chunk = MemoryChunk(copy.deepcopy(scope.people), held, run, number)
        yield chunk
        if chunk.after is None:
            raise RuntimeError("a chunk must end with a checkpoint")
        scope.people = chunk.people
        scope.runs[run.run_id] = chunk.after

    @contextmanager
    def compaction_step(self, workspace_id: int, environment: Environment) -> Iterator[bool]:
        yield False

    def fold_log(self, workspace_id: int, environment: Environment) -> None:
        pass

    def forget_history(self, before: datetime) -> int:
        return 0

    def close(self) -> None:
        self._scopes.clear()

    def _scope(self, workspace_id: int, environment: Environment) -> _Scope:
        return self._scopes.setdefault((workspace_id, environment), _Scope())


class MemoryChunk:
    """The open transaction: works on a copy of the people."""

    def __init__(self, people: Model, held: _Held, run: RunKey, number: int) -> None:
        self.people = people
        self.after: _Held | None = None
        self._held, self._run, self._number = held, run, number

    def checkpoint(self, counts: RunCounts, *, types: int) -> None:
        before = self._held.progress
        if self._held.epoch != self._run.epoch or before.chunks != self._number:
            raise LeaseLostError(f"Run {self._run.run_id} has a newer holder, or chunk {self._number} is not the next.")
        self.after = replace(self._held, progress=RunProgress(before.chunks + 1, before.counts + counts))


def apply_in_memory(stores: Any, plan: ApplyPlan, number: int, table: pa.Table, *, now: datetime) -> RunCounts:
    """What ``apply_chunk`` is to the real store. Of the counts, all that tell how often which row was written are the unchanged ones."""
    stamp = plan.records.mapping.load_timestamp.name
    with stores.chunk(plan.run, number, now=now) as chunk:
        people, known = chunk.people, len(chunk.people.people)
        placed = [people.apply(row, str(plan.data_model_key)) for row in oracle_rows(table, stamp)]
        mapped = sum(person is not None for person in placed)
        created = len(people.people) - known
        counts = RunCounts(
            extracted=len(placed),
            rejected=len(placed) - mapped,
            changed=mapped,
            profiles_matched=mapped - created,
            profiles_created=created,
        )
        chunk.checkpoint(counts, types=0)
    return counts


def oracle_rows(table: pa.Table, stamp: str) -> list[dict[str, object]]:
    """Rows as the oracle takes them, in the order of their load timestamps."""
    rows = sorted(table.to_pylist(), key=lambda row: row[stamp].replace(tzinfo=UTC))
    return [
        {
            "identities": {kind: row.get(kind) for kind in IDENTITIES},
            "time": row[stamp].replace(tzinfo=UTC),
            "attributes": {
                name: value for name, value in row.items() if name not in (*IDENTITIES, stamp) and value is not None
            },
        }
        for row in rows
    ]
