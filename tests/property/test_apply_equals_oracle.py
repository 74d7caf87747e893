"""The apply equals a model that takes one row at a time: same people, same identities, same values, same numbers (I8, R14)."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.one_row_at_a_time import Model, Rules
from warehouse_sync.domain.column import Column, ColumnKind
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType, TimestampClass
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.profiles.compaction import Pace
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.apply import ApplyPlan, apply_chunk
from warehouse_sync.sync.mapping import plan_mapping
from warehouse_sync.sync.records import RecordPlan

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "20"))
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
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

row = st.fixed_dictionaries(
    {
        "identities": st.fixed_dictionaries({}, optional={kind: st.sampled_from(VALUES) for kind in TYPES}),
        "time": st.integers(0, 5),
        "attributes": st.fixed_dictionaries({}, optional={"X": st.integers(0, 2), "x": st.sampled_from(["p", "q"])}),
        "direct": st.one_of(st.none(), st.none(), st.none(), st.integers(1, 6)),
    }
)
workload = st.lists(st.tuples(st.lists(row, max_size=8), st.integers(1, 8)), min_size=1, max_size=4)


def product_rules(rules: Rules) -> IdentityRules:
    types = {t.value: t for t in IdentityType}
    strategy = Strategy(rules.strategy)
    return IdentityRules(
        strategy,
        tuple(types[name] for name in rules.priority),
        frozenset(types[name] for name in rules.unique),
        frozenset(types[name] for name in rules.login),
        frozenset(types[name] for name in rules.immutable),
        rules.conflict_guard,
    )


COLUMNS = (
    Column("updated_at", ColumnKind.TIMESTAMP),
    *(Column(name, ColumnKind.STRING) for name in TYPES),
    Column("mpid", ColumnKind.INTEGER),
    Column("X", ColumnKind.INTEGER),
    Column("x", ColumnKind.STRING),
)


def arrow_table(rows: list[dict], mpids: list[int | None]) -> pa.Table:
    moments = [(EPOCH + timedelta(seconds=r["time"])).replace(tzinfo=None) for r in rows]
    columns = {"updated_at": pa.array(moments, pa.timestamp("us"))}
    for name in TYPES:
        columns[name] = pa.array([r["identities"].get(name) for r in rows], pa.string())
    columns["mpid"] = pa.array(mpids, pa.int64())
    columns["X"] = pa.array([r["attributes"].get("X") for r in rows], pa.int64())
    columns["x"] = pa.array([r["attributes"].get("x") for r in rows], pa.string())
    return pa.table(columns)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=workload)
def test_apply_equals_the_model(name: str, runs: list[tuple[list[dict], int]]) -> None:
    rules = STRATEGIES[name]
    model = Model(rules)
    with tempfile.TemporaryDirectory() as folder:
        # Nothing may be out of order, and a step is so short that passes of compaction go on while runs come and go.
        limits = StoreLimits(memory_mb=256, threads=1, pace=Pace(patience=0, step_rows=3))
        stores = DuckDbStores(Path(folder), b"k" * 32, limits)
        try:
            for number, (rows, chunk_rows) in enumerate(runs, start=1):
                ordered = sorted(rows, key=lambda r: r["time"])
                counts = apply_run(stores, product_rules(rules), number, ordered, chunk_rows)
                compare_run(model, ordered, counts)
                with stores.compaction_step(5328, Environment.DEVELOPMENT):
                    pass
            compare_people(model, stores, product_rules(rules))
        finally:
            stores.close()


def apply_run(
    stores: DuckDbStores, rules: IdentityRules, number: int, rows: list[dict], chunk_rows: int, data_model: int = 7
) -> RunCounts:
    stamp = LoadTimestamp("updated_at", LoadTimestampType.TIMESTAMP_NTZ)
    mapping = plan_mapping(COLUMNS, stamp, priority=rules.priority, plain_timestamp_is_instant=False)
    records = RecordPlan(COLUMNS, mapping, stamp, TimestampClass.ZONELESS)
    run = RunKey(number, 1, 5328, Environment.DEVELOPMENT)
    stores.begin(run, start_over=False)
    codec = stores.codec(5328)
    total = RunCounts()
    for chunk, first in enumerate(range(0, len(rows), chunk_rows)):
        part = rows[first : first + chunk_rows]
        mpids = [None if r["direct"] is None else codec.encode(r["direct"], run.environment) for r in part]
        plan = ApplyPlan(run, data_model, records, rules)
        total += apply_chunk(stores, plan, chunk, arrow_table(part, mpids), now=EPOCH)
    progress = stores.begin(run, start_over=False)
    assert progress.counts == total
    return total


def compare_run(model: Model, rows: list[dict], counts: RunCounts) -> None:
    people, conflicts = model.made, model.conflicts
    model.begin_run()
    placed = [model.apply(r) for r in rows]
    compare_counts(counts, placed, model.made - people, model.conflicts - conflicts)


def compare_counts(counts: RunCounts, placed: list[int | None], made: int, conflicts: int) -> None:
    """``placed`` is the person of each row, None for a rejected one."""
    assert counts.extracted == len(placed)
    assert counts.rejected == placed.count(None)
    assert counts.mapped == len(placed) - counts.rejected
    assert counts.profiles_created == made
    assert counts.identity_conflicts == conflicts


def compare_people(model: Model, stores: DuckDbStores, rules: IdentityRules) -> None:
    reader = DuckDbReader(stores)
    assert reader.profile_count(5328, Environment.DEVELOPMENT) == len(model.people)
    codec = stores.codec(5328)
    for number, person in model.people.items():
        profile = reader.profile(5328, codec.encode(number, Environment.DEVELOPMENT))
        assert profile is not None
        shown = {i.identity_type.value: model.normal(i.identity_type.value, i.value) for i in profile.identities}
        assert shown == model.current_identities(number)
        _, attributes = person.rows.get("m", (0, {}))
        assert {a.name: a.value for a in profile.attributes} == attributes
        for kind, value in person.pairs:
            if kind in model.rules.priority:
                found = reader.find(5328, Environment.DEVELOPMENT, IdentityType(kind), value, rules)
                assert codec.encode(number, Environment.DEVELOPMENT) in found
