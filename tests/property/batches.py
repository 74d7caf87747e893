"""Many workloads through the real apply as one, each with identities of its own, against a model for each.

To start a store costs as much as applying thousands of rows. Workloads that share no identity do not touch each other, so the model of each
tells what must have become of its people, whatever the order that their rows are mixed in. The store numbers profiles as rows make
them, so the models tell every MPID, too.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.oracle.one_row_at_a_time import Model, Person, Rules
from tests.property.workloads import TYPES, Row, Workload
from warehouse_sync.domain.column import Column, ColumnKind
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType, TimestampClass
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.profiles.compaction import Pace
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.export import DuckDbExporter, ExportRequest
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.apply import ApplyPlan, apply_chunk
from warehouse_sync.sync.mapping import plan_mapping
from warehouse_sync.sync.records import RecordPlan

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WORKSPACE, PLACE = 5328, Environment.DEVELOPMENT
LOOKED_UP = 3
"""Workloads of a batch whose people are looked up one by one; all are compared in bulk."""
_NOBODY = 1 << 50

COLUMNS = (
    Column("updated_at", ColumnKind.TIMESTAMP),
    *(Column(name, ColumnKind.STRING) for name in TYPES),
    Column("mpid", ColumnKind.INTEGER),
    Column("X", ColumnKind.INTEGER),
    Column("x", ColumnKind.STRING),
)


def product_rules(rules: Rules) -> IdentityRules:
    types = {t.value: t for t in IdentityType}
    return IdentityRules(
        Strategy(rules.strategy),
        tuple(types[name] for name in rules.priority),
        frozenset(types[name] for name in rules.unique),
        frozenset(types[name] for name in rules.login),
        frozenset(types[name] for name in rules.immutable),
        rules.conflict_guard,
    )


def arrow_table(rows: Sequence[Row], mpids: list[int | None]) -> pa.Table:
    moments = [(EPOCH + timedelta(seconds=r["time"])).replace(tzinfo=None) for r in rows]
    columns = {"updated_at": pa.array(moments, pa.timestamp("us"))}
    for name in TYPES:
        columns[name] = pa.array([r["identities"].get(name) for r in rows], pa.string())
    columns["mpid"] = pa.array(mpids, pa.int64())
    columns["X"] = pa.array([r["attributes"].get("X") for r in rows], pa.int64())
    columns["x"] = pa.array([r["attributes"].get("x") for r in rows], pa.string())
    return pa.table(columns)


def apply_run(
    stores: DuckDbStores, rules: IdentityRules, number: int, rows: Sequence[Row], chunk_rows: int, data_model: int = 7
) -> RunCounts:
    stamp = LoadTimestamp("updated_at", LoadTimestampType.TIMESTAMP_NTZ)
    mapping = plan_mapping(COLUMNS, stamp, priority=rules.priority, plain_timestamp_is_instant=False)
    records = RecordPlan(COLUMNS, mapping, stamp, TimestampClass.ZONELESS)
    run = RunKey(number, 1, WORKSPACE, PLACE)
    stores.begin(run, start_over=False)
    codec = stores.codec(WORKSPACE)
    total = RunCounts()
    for chunk, first in enumerate(range(0, len(rows), chunk_rows)):
        part = rows[first : first + chunk_rows]
        mpids = [None if r["direct"] is None else codec.encode(r["direct"], PLACE) for r in part]
        plan = ApplyPlan(run, data_model, records, rules)
        total += apply_chunk(stores, plan, chunk, arrow_table(part, mpids), now=EPOCH)
    progress = stores.begin(run, start_over=False)
    assert progress.counts == total
    return total


def compare_counts(counts: RunCounts, placed: Sequence[int | None], made: int, conflicts: int) -> None:
    """``placed`` is the person of each row, None for a rejected one."""
    assert counts.extracted == len(placed)
    assert counts.rejected == placed.count(None)
    assert counts.mapped == len(placed) - counts.rejected
    assert counts.profiles_created == made
    assert counts.identity_conflicts == conflicts


@dataclass(slots=True)
class Lane:
    """A workload within a batch: its model, how much later its rows are, and the store's number of each of the model's people."""

    name: str
    workload: Workload
    model: Model
    later: int
    numbers: dict[int, int] = field(default_factory=dict)

    def rows(self, run: int) -> list[Row]:
        return self.workload[run] if run < len(self.workload) else []

    def stored(self, row: Row) -> Row:
        """A row as the store gets it: with identities that no other lane has, at its lane's time."""
        direct = row["direct"]
        number = None if direct is None else self.numbers.get(direct, _NOBODY + direct)
        own = {kind: self.own(value) for kind, value in row["identities"].items()}
        return row | {"identities": own, "direct": number, "time": row["time"] + self.later}

    def own(self, value: str) -> str:
        """A value that is absent stays absent, and white space stays where it is."""
        text = value.strip()
        return value.replace(text, f"{self.name}-{text}") if text else value


class Batch:
    """Applies workloads together and compares what has become of all people, and of all counts.

    Args:
        chunks: how many chunks each run is cut into.
        mixing: in which order rows of different workloads come; those of one workload keep theirs.
    """

    def __init__(self, rules: Rules, workloads: Sequence[Workload], *, chunks: int, mixing: random.Random) -> None:
        self._rules = product_rules(rules)
        self.lanes = [
            Lane(f"w{n}", workload, Model(rules), mixing.randrange(20)) for n, workload in enumerate(workloads)
        ]
        self._chunks = chunks
        self._mixing = mixing
        self.rows = 0
        self.people = 0

    def check(self) -> None:
        """Raises AssertionError where store and models differ."""
        with tempfile.TemporaryDirectory() as folder:
            most = max(sum(len(lane.rows(run)) for lane in self.lanes) for run in range(4))
            # Nothing may be out of order, and a step is so short that passes of compaction go on while runs come and go.
            pace = Pace(patience=0, step_rows=max(3, most // 3))
            stores = DuckDbStores(Path(folder), b"k" * 32, StoreLimits(memory_mb=256, threads=1, pace=pace))
            try:
                for run in range(max(len(lane.workload) for lane in self.lanes)):
                    self._check_run(stores, run)
                    with stores.compaction_step(WORKSPACE, PLACE):
                        pass
                self._compare_people(stores)
                for lane in self._mixing.sample(self.lanes, min(LOOKED_UP, len(self.lanes))):
                    self._look_up(stores, lane)
            finally:
                stores.close()

    def _check_run(self, stores: DuckDbStores, run: int) -> None:
        before = self._conflicts()
        made = self.people
        for lane in self.lanes:
            lane.model.begin_run()
        mixed = self._mixed(run)
        placed = [self._place(lane, row) for lane, row in mixed]
        rows = [lane.stored(row) for lane, row in mixed]
        self.rows += len(rows)
        counts = apply_run(stores, self._rules, run + 1, rows, max(1, ceil(len(rows) / self._chunks)))
        compare_counts(counts, placed, self.people - made, self._conflicts() - before)

    def _mixed(self, run: int) -> list[tuple[Lane, Row]]:
        """The rows of a run in the order of their load timestamps; those of one lane that have the same keep their order."""
        turns = [lane for lane in self.lanes for _ in lane.rows(run)]
        self._mixing.shuffle(turns)
        waiting = {lane.name: iter(lane.rows(run)) for lane in self.lanes}
        mixed = [(lane, next(waiting[lane.name])) for lane in turns]
        return sorted(mixed, key=lambda found: found[0].later + found[1]["time"])

    def _place(self, lane: Lane, row: Row) -> int | None:
        person = lane.model.apply(row)
        if lane.model.made > len(lane.numbers):
            self.people += 1
            lane.numbers[lane.model.made] = self.people
        return person

    def _conflicts(self) -> int:
        return sum(lane.model.conflicts for lane in self.lanes)

    def _compare_people(self, stores: DuckDbStores) -> None:
        found = dict(_exported(stores))
        people = [(lane, local, person) for lane in self.lanes for local, person in lane.model.people.items()]
        assert found.keys() == {lane.numbers[local] for lane, local, _ in people}
        for lane, local, person in people:
            assert _told(found[lane.numbers[local]], lane.model) == _expected(lane, person), (lane.name, local)

    def _look_up(self, stores: DuckDbStores, lane: Lane) -> None:
        reader, codec = DuckDbReader(stores), stores.codec(WORKSPACE)
        for local, person in lane.model.people.items():
            mpid = codec.encode(lane.numbers[local], PLACE)
            profile = reader.profile(WORKSPACE, mpid)
            assert profile is not None
            shown = {
                i.identity_type.value: lane.model.normal(i.identity_type.value, i.value) for i in profile.identities
            }
            assert shown == {kind: lane.own(value) for kind, value in lane.model.current_identities(local).items()}
            for kind, value in person.pairs:
                if kind in lane.model.rules.priority:
                    assert mpid in reader.find(WORKSPACE, PLACE, IdentityType(kind), lane.own(value), self._rules)


def _exported(stores: DuckDbStores) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every profile of the store by its number."""
    wanted = ExportRequest(WORKSPACE, PLACE, ExportForm.JSON_LINES, origins=False)
    codec = stores.codec(WORKSPACE)
    for line in b"".join(DuckDbExporter(stores).export(wanted)).splitlines():
        profile = json.loads(line)
        decoded = codec.decode(int(profile["mpid"]))
        assert decoded is not None
        yield decoded[0], profile


def _told(profile: dict[str, Any], model: Model) -> tuple[object, ...]:
    """What an export tells of a person, comparable: the identities shown, all identities, the attributes."""
    shown = {kind: model.normal(kind, value) for kind, value in profile["identities"].items()}
    others = [(pair["type"], model.normal(pair["type"], pair["value"])) for pair in profile.get("more_identities", ())]
    return shown, Counter([*shown.items(), *others]), profile["attributes"]


def _expected(lane: Lane, person: Person) -> tuple[object, ...]:
    pairs = [(kind, lane.own(value)) for kind, value in person.pairs]
    _, attributes = person.rows.get("m", (0, {}))
    return dict(pairs), Counter(pairs), attributes
