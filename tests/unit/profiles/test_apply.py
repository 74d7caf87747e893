"""The merge through whole runs: what wins, what is kept, what is counted (decisions D8, D9, D30, D31)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.unit.profiles.applying import START, Home, table
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.sync.apply import apply_chunk


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def history(home: Home, model: int = 7) -> list[tuple]:
    with home.stores.reading(5328, home.key(1).environment) as opened:
        kept = f"SELECT profile, run, replaced_by, a_1 FROM h_{model} JOIN v_{model} USING (seq) ORDER BY seq"
        return opened[0].execute(kept).fetchall()


# --- the newest row of a data model is its whole contribution (D8) ------------------------------------------------------------------


def test_null_clears_a_value(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "y": "2"})
    counts = home.sync({"email": "a", "x": None, "y": "2", "t": 1})
    assert home.values() == {"y": "2"}
    assert counts.changed == 1


def test_an_older_row_is_superseded(home: Home) -> None:
    home.sync({"email": "a", "x": "new", "t": 9})
    counts = home.sync({"email": "a", "x": "old", "t": 8})
    assert home.values() == {"x": "new"}
    assert counts == RunCounts(extracted=1, superseded=1, profiles_matched=1)


def test_of_equal_times_the_later_run_wins(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "t": 9})
    assert home.sync({"email": "a", "x": "2", "t": 9}).changed == 1
    assert home.values() == {"x": "2"}
    assert home.attributes()["x"].run_id == 2


def test_the_same_again_changes_nothing(home: Home) -> None:
    home.sync({"email": "a", "x": "1"})
    counts = home.sync({"email": "a", "x": "1", "t": 1})
    assert counts == RunCounts(extracted=1, unchanged=1, profiles_matched=1)
    assert home.attributes()["x"].run_id == 1
    assert home.profile(1).last_stored_on == START + timedelta(minutes=1)


def test_a_row_that_says_the_same_is_as_new_as_it_is(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "t": 0})
    home.sync({"email": "a", "x": "1", "t": 9})
    assert home.sync({"email": "a", "x": "late", "t": 5}).superseded == 1
    assert home.values() == {"x": "1"}


def test_a_new_identity_counts_as_a_change(home: Home) -> None:
    home.sync({"email": "a", "other": None, "x": "1"})
    counts = home.sync({"email": "a", "other": "o", "x": "1", "t": 1})
    assert (counts.changed, counts.unchanged) == (1, 0)
    assert home.identities(1) == {"email": "a", "other": "o"}


def test_swapped_values_are_a_change(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "y": "2"})
    assert home.sync({"email": "a", "x": "2", "y": "1"}).changed == 1
    assert home.values() == {"x": "2", "y": "1"}


# --- columns that come, go and change (D30) -----------------------------------------------------------------------------------------


def test_a_new_column(home: Home) -> None:
    home.sync({"email": "a", "x": "1"}, {"email": "b", "x": "1"})
    counts = home.sync({"email": "a", "x": "1", "y": "2"}, {"email": "b", "x": "1", "y": None})
    assert (counts.changed, counts.unchanged) == (1, 1)  # a column that says nothing of b changes nothing of b
    assert (home.values(1), home.values(2)) == ({"x": "1", "y": "2"}, {"x": "1"})


def test_a_dropped_column(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "y": "2"}, {"email": "b", "x": "1", "y": "2"})
    assert home.sync({"email": "a", "x": "1"}).changed == 1
    assert home.values(1) == {"x": "1"}
    assert home.values(2) == {"x": "1", "y": "2"}  # no row came for b


def test_a_retyped_column(home: Home) -> None:
    home.sync({"email": "a", "x": "17"}, {"email": "b", "x": "17"})
    assert home.apply(table([{"email": "a", "x": 17}], x=pa.int64())).changed == 1
    assert (home.values(1), home.values(2)) == ({"x": 17}, {"x": "17"})
    home.sync({"email": "a", "x": "eighteen"})
    assert home.values(1) == {"x": "eighteen"}


def test_columns_in_another_order_are_the_same(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "y": "2"})
    assert home.sync({"y": "2", "x": "1", "email": "a"}).unchanged == 1


def test_case_makes_another_attribute(home: Home) -> None:
    home.sync({"email": "a", "Level": "1", "level": "2"})
    home.sync({"email": "a", "LEVEL": "3"})
    assert home.values() == {"LEVEL": "3"}


# --- several data models ------------------------------------------------------------------------------------------------------------


def test_of_two_data_models_the_newest_load_timestamp_wins(home: Home) -> None:
    home.sync({"email": "a", "x": "from 7", "y": "y", "t": 5}, model=7)
    home.sync({"email": "a", "x": "from 8", "z": "z", "t": 3}, model=8)
    assert home.values() == {"x": "from 7", "y": "y", "z": "z"}
    assert home.attributes()["z"].data_model_key == 8
    home.sync({"email": "a", "x": "from 8", "z": "z", "t": 6}, model=8)
    assert home.values()["x"] == "from 8"
    home.sync({"email": "a", "x": None, "y": None, "t": 7}, model=7)
    assert home.values() == {"x": "from 8", "z": "z"}


def test_at_equal_times_the_later_run_shows(home: Home) -> None:
    home.sync({"email": "a", "x": "first", "t": 5}, model=9)
    home.sync({"email": "a", "x": "second", "t": 5}, model=8)
    assert home.values() == {"x": "second"}


def test_one_models_null_uncovers_the_others_value(home: Home) -> None:
    home.sync({"email": "a", "x": "old", "t": 1}, model=7)
    home.sync({"email": "a", "x": "new", "t": 2}, model=8)
    home.sync({"email": "a", "x": None, "t": 3}, model=8)
    assert home.values() == {"x": "old"}


# --- history (D31) ------------------------------------------------------------------------------------------------------------------


def test_a_replaced_row_is_kept(home: Home) -> None:
    home.sync({"email": "a", "x": "1"})
    home.sync({"email": "a", "x": "2"})
    home.sync({"email": "a", "x": "2"})
    home.sync({"email": "a", "x": None})
    assert history(home) == [(1, 1, 2, "1"), (1, 2, 4, "2")]


def test_rows_that_one_run_replaces_itself_are_no_history(home: Home) -> None:
    home.sync({"email": "a", "x": "1"}, {"email": "a", "x": "2"}, {"email": "a", "x": "3"}, chunk_rows=1)
    assert home.values() == {"x": "3"}
    assert history(home) == []


# --- chunks -------------------------------------------------------------------------------------------------------------------------


ROWS = [
    {
        "customer_id": f"c{number % 5}",
        "email": f"e{number % 7}",
        "x": f"{number % 3}",
        "y": None if number % 4 else "y",
        "t": number // 3,
    }
    for number in range(40)
]


@pytest.mark.parametrize("chunk_rows", [1, 3, 7, 39])
def test_chunks_of_any_size_give_the_same_people(home: Home, tmp_path: Path, chunk_rows: int) -> None:
    other = Home(tmp_path / "other")
    try:
        whole, parts = home.sync(*ROWS), other.sync(*ROWS, chunk_rows=chunk_rows)
        assert other.state() == home.state()
        for name in ("extracted", "rejected", "mapped", "profiles_created", "profiles_matched", "identity_conflicts"):
            assert getattr(parts, name) == getattr(whole, name)
        assert (parts.changed, parts.superseded) == (whole.changed, whole.superseded)
        again = [found.sync(*ROWS, chunk_rows=size) for found, size in ((home, None), (other, chunk_rows))]
        assert [counts.profiles_created for counts in again] == [0, 0]
        assert other.state() == home.state()
    finally:
        other.stores.close()


def test_what_the_store_counted_is_what_the_run_counted(home: Home) -> None:
    counts = home.sync(*ROWS, chunk_rows=9)
    assert home.reader.progress(5328, home.key(1).environment, 1) == counts
    assert counts.extracted == counts.mapped + counts.rejected == 40
    assert home.count() == counts.profiles_created
    assert home.reader.profile_count(5328, home.key(1).environment) == 5


def test_a_second_attempt_counts_anew_and_merges_the_same(home: Home) -> None:
    first = home.sync(*ROWS, chunk_rows=9)
    state = [row[:3] for row in home.state()]
    home.runs -= 1
    again = home.sync(*ROWS, chunk_rows=9, start_over=True)
    assert [row[:3] for row in home.state()] == state
    assert (again.extracted, again.mapped, again.profiles_created) == (first.extracted, first.mapped, 0)
    assert home.reader.progress(5328, home.key(1).environment, 1) == again


def test_a_second_attempt_forgets_the_rejects_of_the_first(home: Home) -> None:
    home.sync({"email": None}, {"email": "a"})
    home.runs -= 1
    home.sync({"email": None}, {"email": "a"}, start_over=True)
    assert home.rejects()["no_identity"].count == 1


def test_an_empty_chunk(home: Home) -> None:
    empty = table([{"email": "a", "x": "1"}]).slice(0, 0)
    home.runs = 1
    home.stores.begin(home.key(1), start_over=False)
    assert apply_chunk(home.stores, home.plan(home.key(1), empty), 0, empty, now=START) == RunCounts()
    assert home.count() == 0


def test_environments_are_disjoint(home: Home) -> None:
    rows = table([{"email": "a", "x": "production"}])
    run = home.key(100, environment=Environment.PRODUCTION)
    home.sync({"email": "a", "x": "development"})
    home.stores.begin(run, start_over=False)
    counts = apply_chunk(home.stores, home.plan(run, rows), 0, rows, now=START)
    assert counts.profiles_created == 1
    assert home.values(1) == {"x": "development"}
    assert home.reader.profile(5328, home.mpid(1, Environment.PRODUCTION)).attributes[0].value == "production"
    assert len(home.reader.find(5328, Environment.PRODUCTION, IdentityType.EMAIL, "A ", home.rules)) == 1
    assert home.reader.profile(5329, home.mpid(1)) is None
