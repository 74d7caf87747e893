"""A profile store in memory: the fence, the checkpoint and the atomicity of the real one, with the oracle in place of its SQL.

It stands in where tens of thousands of plays are wanted. What it promises, the conformance suite of profile stores holds it to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tests.oracle.one_row_at_a_time import Model, Rules
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import LeaseLostError, RowsForgottenError
from warehouse_sync.profiles.protocol import RunProgress
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.sync.apply import ApplyPlan

IDENTITIES = ("customer_id", "email")
Digest = tuple[object, ...]


@dataclass(frozen=True)
class _Held:
    epoch: int
    progress: RunProgress


@dataclass
class _Scope:
    people: Model = field(default_factory=lambda: Model(Rules()))
    runs: dict[int, _Held] = field(default_factory=dict)
    digests: dict[tuple[int, int], frozenset[Digest]] = field(default_factory=dict)
    """Of the rows of a pipeline and one of its runs."""
    keeping: set[int] = field(default_factory=set)
    """The runs that keep digests."""


class MemoryStores:
    """Implements ``ProfileStores`` for one thread."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[int, Environment], _Scope] = {}

    def people(self, workspace_id: int, environment: Environment) -> Model:
        return self._scope(workspace_id, environment).people

    def begin(self, run: RunKey, *, start_over: bool, memory: RowMemory | None = None) -> RunProgress:
        scope = self._scope(run.workspace_id, run.environment)
        runs = scope.runs
        known = runs.get(run.run_id)
        if known is not None and known.epoch > run.epoch:
            raise LeaseLostError(f"Run {run.run_id} has a newer holder.")
        fresh = known is None or start_over
        begun = RunProgress(0, RunCounts(), run.epoch if start_over else 0)
        runs[run.run_id] = _Held(run.epoch, begun if fresh or known is None else known.progress)
        if start_over:
            scope.digests = {key: kept for key, kept in scope.digests.items() if key[1] != run.run_id}
            scope.keeping = scope.keeping - {run.run_id} if memory is None else scope.keeping | {run.run_id}
        if memory is not None and memory.previous_run_id is not None:
            pipeline, oldest = memory.pipeline_key, memory.previous_run_id
            passed = {key for key in scope.digests if key[0] == pipeline and key[1] < oldest and key[1] != run.run_id}
            scope.keeping = scope.keeping - {key[1] for key in passed if scope.digests[key]}
            scope.digests = {key: kept for key, kept in scope.digests.items() if key not in passed}
        return runs[run.run_id].progress

    def remembers_rows(self, workspace_id: int, environment: Environment, run_id: int) -> bool:
        return run_id in self._scope(workspace_id, environment).keeping

    @contextmanager
    def chunk(self, run: RunKey, number: int, *, now: datetime) -> Iterator[MemoryChunk]:
        scope = self._scope(run.workspace_id, run.environment)
        held = scope.runs.get(run.run_id)
        if held is None:
            raise LeaseLostError(f"Run {run.run_id} was not begun.")
        chunk = MemoryChunk(_copied(scope.people), dict(scope.digests), frozenset(scope.keeping), held, run, number)
        yield chunk
        if chunk.after is None:
            raise RuntimeError("a chunk must end with a checkpoint")
        scope.people, scope.digests = chunk.people, chunk.digests
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
    """The open transaction: works on copies."""

    def __init__(
        self,
        people: Model,
        digests: dict[tuple[int, int], frozenset[Digest]],
        keeping: frozenset[int],
        held: _Held,
        run: RunKey,
        number: int,
    ) -> None:
        self.people = people
        self.digests = digests
        self.keeping = keeping
        self.after: _Held | None = None
        self._held, self._run, self._number = held, run, number

    def checkpoint(self, counts: RunCounts, *, types: int) -> None:
        before = self._held.progress
        if self._held.epoch != self._run.epoch or before.chunks != self._number:
            raise LeaseLostError(f"Run {self._run.run_id} has a newer holder, or chunk {self._number} is not the next.")
        self.after = replace(
            self._held, progress=replace(before, chunks=before.chunks + 1, counts=before.counts + counts)
        )


def apply_in_memory(stores: Any, plan: ApplyPlan, number: int, table: pa.Table, *, now: datetime) -> RunCounts:
    """What ``apply_chunk`` is to the real store. Of the counts, all that tell how often which row was written are the unchanged ones."""
    stamp = plan.records.mapping.load_timestamp.name
    with stores.chunk(plan.run, number, now=now) as chunk:
        people, known = chunk.people, len(chunk.people.people)
        rows, late = _without_seen(chunk, plan, oracle_rows(table, stamp))
        placed = [people.apply(row, str(plan.data_model_key)) for row in rows]
        mapped = sum(person is not None for person in placed)
        created = len(people.people) - known
        counts = RunCounts(
            extracted=len(placed),
            rejected=len(placed) - mapped,
            changed=mapped,
            profiles_matched=mapped - created,
            profiles_created=created,
            late=late,
        )
        chunk.checkpoint(counts, types=0)
    return counts


def _without_seen(chunk: MemoryChunk, plan: ApplyPlan, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """What ``sync.late_rows.without_seen`` is to the real store."""
    late = plan.late
    if late is None:
        return rows, 0
    mine = late.memory.pipeline_key, plan.run.run_id
    own = [row for row in rows if _not_before(row, late.own_from)]
    chunk.digests[mine] = chunk.digests.get(mine, frozenset()) | {_digest(row) for row in own}
    previous = late.memory.previous_run_id
    if previous is None:
        return rows, 0
    seen = chunk.digests.get((late.memory.pipeline_key, previous), frozenset())
    earlier = [row for row in rows if row not in own and _not_before(row, late.earlier_from)]
    if earlier and previous not in chunk.keeping:
        raise RowsForgottenError(f"The rows of run {previous} are forgotten.")
    left = [row for row in rows if row not in earlier or _digest(row) not in seen]
    return left, sum(row in earlier for row in left)


def _not_before(row: dict[str, Any], bound: datetime | None) -> bool:
    return bound is None or row["time"] >= bound.replace(tzinfo=UTC)


def _copied(people: Model) -> Model:
    """All that an apply changes is copied; the values of a row, which it replaces as a whole, are not."""
    persons = {
        number: replace(person, pairs=list(person.pairs), rows=dict(person.rows))
        for number, person in people.people.items()
    }
    return replace(people, people=persons)


def _digest(row: dict[str, Any]) -> Digest:
    return *row["identities"].values(), row["time"]


def oracle_rows(table: pa.Table, stamp: str) -> list[dict[str, Any]]:
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
