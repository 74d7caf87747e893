"""Undoing any runs in any order gives what the model that remembers everything says, and so do the runs after it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.undoing import UndoModel
from tests.property.batches import EPOCH, PLACE, WORKSPACE, apply_run, compare_counts, product_rules
from tests.property.workloads import STRATEGIES, TYPES, VALUES
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.run import RunKey
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.undo import undo_run

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "2"))

row = st.fixed_dictionaries(
    {
        "identities": st.fixed_dictionaries({}, optional={kind: st.sampled_from(VALUES) for kind in TYPES}),
        "time": st.integers(0, 5),
        "attributes": st.fixed_dictionaries({}, optional={"X": st.integers(0, 2), "x": st.sampled_from(["p", "q"])}),
        "direct": st.one_of(st.none(), st.none(), st.none(), st.integers(1, 6)),
    }
)
one_run = st.tuples(st.just("run"), st.lists(row, max_size=6), st.integers(1, 6), st.sampled_from(["7", "8"]))
one_undo = st.tuples(st.just("undo"), st.integers(0, 5))
workload = st.lists(st.one_of(one_run, one_run, one_undo), min_size=2, max_size=8)


@pytest.mark.parametrize("name", ["profile_conversion", "profile_link", "immutable"])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=workload)
def test_undo_equals_the_model(name: str, steps: list[tuple]) -> None:
    rules = STRATEGIES[name]
    model = UndoModel(rules)
    with tempfile.TemporaryDirectory() as folder:
        stores = DuckDbStores(Path(folder), b"k" * 32, StoreLimits(memory_mb=256, threads=1))
        try:
            done: list[int] = []
            for number, step in enumerate(steps, start=1):
                if step[0] == "run":
                    _, rows, chunk_rows, data_model = step
                    ordered = sorted(rows, key=lambda r: r["time"])
                    counts = apply_run(stores, product_rules(rules), number, ordered, chunk_rows, int(data_model))
                    people, conflicts = model.made, model.conflicts
                    model.begin_run()
                    chunks = [ordered[first : first + chunk_rows] for first in range(0, len(ordered), chunk_rows)]
                    placed = [place for chunk in chunks for place in model.chunk(number, chunk, data_model)]
                    compare_counts(counts, placed, model.made - people, model.conflicts - conflicts)
                    done += [number] if chunks else []
                elif done:
                    target = done.pop(step[1] % len(done))
                    key = RunKey(number, 1, WORKSPACE, PLACE)
                    undo_run(stores, key, target, product_rules(rules), now=EPOCH)
                    undo_run(stores, key, target, product_rules(rules), now=EPOCH)  # a second attempt does nothing
                    model.undo(target)
                compare(model, stores, product_rules(rules))
        finally:
            stores.close()


def compare(model: UndoModel, stores: DuckDbStores, rules: IdentityRules) -> None:
    reader, codec = DuckDbReader(stores), stores.codec(WORKSPACE)
    assert reader.profile_count(WORKSPACE, PLACE) == len(model.people)
    for number in range(1, model.made + 1):
        profile = reader.profile(WORKSPACE, codec.encode(number, PLACE))
        assert (profile is not None) == (number in model.people), number
        if profile is None:
            continue
        shown = {i.identity_type.value: model.normal(i.identity_type.value, i.value) for i in profile.identities}
        assert shown == model.current_identities(number)
        versions = [version for place, version in model.current.items() if place[0] == number]
        expected: dict[str, object] = {}
        for version in sorted(versions, key=lambda v: (v.newest(), v.run)):
            expected |= version.attributes
        assert {a.name: a.value for a in profile.attributes} == expected
        assert {a.run_id for a in profile.attributes} <= {version.run for version in versions}
    pairs = {pair for person in model.people.values() for pair in person.pairs if pair[0] in model.rules.priority}
    for kind, value in sorted(pairs):
        found = reader.find(WORKSPACE, PLACE, IdentityType(kind), value, rules)
        holders = [number for number, person in model.people.items() if (kind, value) in person.pairs]
        assert sorted(codec.decode(mpid)[0] for mpid in found) == sorted(holders)
