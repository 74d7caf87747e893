"""What the history of a profile tells: every change of every attribute, and why the present values are what they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.unit.profiles.applying import START, WORKSPACE, Home, table
from warehouse_sync.profiles.provenance import AttributeChange


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def changes(home: Home, number: int = 1) -> tuple[AttributeChange, ...]:
    found = home.reader.history(WORKSPACE, home.mpid(number))
    assert found is not None
    return found


def told(home: Home, number: int = 1) -> list[tuple]:
    return [(c.changed_by, c.attribute, c.previous, c.value, c.is_current) for c in changes(home, number)]


def test_every_changed_attribute_is_told_with_its_old_value(home: Home) -> None:
    home.sync({"email": "a", "x": "1", "y": "2"})
    home.sync({"email": "a", "x": "3", "y": "2", "t": 5})
    home.sync({"email": "a", "x": None, "y": "4", "t": 6})
    assert told(home) == [
        (3, "x", "3", None, False),
        (3, "y", "2", "4", True),
        (2, "x", "1", "3", False),
        (1, "x", None, "1", False),
        (1, "y", None, "2", False),
    ]


def test_a_change_names_both_rows(home: Home) -> None:
    home.sync({"email": "z", "x": "z"}, {"email": "a", "x": "1", "t": 1})
    home.sync({"email": "a", "x": "2", "t": 9})
    change = changes(home, 2)[0]
    assert change.source is not None
    assert change.previous_source is not None
    assert (change.source.run_id, change.source.row, change.source.load_timestamp) == (
        2,
        1,
        START + timedelta(seconds=9),
    )
    assert (change.previous_source.run_id, change.previous_source.row) == (1, 2)
    assert change.previous_source.load_timestamp == START + timedelta(seconds=1)
    assert change.changed_on == change.source.applied_on == START + timedelta(minutes=2)
    assert change.previous_source.applied_on == START + timedelta(minutes=1)


def test_rows_are_counted_through_the_chunks_of_a_run(home: Home) -> None:
    rows = [{"email": f"e{n}", "x": "1", "t": n} for n in range(5)]
    home.sync(*rows, chunk_rows=2)
    assert [changes(home, number)[0].source.row for number in range(1, 6)] == [1, 2, 3, 4, 5]


def test_a_row_that_says_the_same_is_no_change_and_does_not_take_the_credit(home: Home) -> None:
    home.sync({"email": "a", "x": "1"})
    home.sync({"email": "a", "x": "1", "t": 7})
    [change] = changes(home)
    assert change.source is not None
    assert (change.changed_by, change.source.run_id, change.source.load_timestamp) == (1, 1, START)
    assert home.attributes()["x"].load_timestamp == START + timedelta(seconds=7)  # what later rows are compared with


def test_of_two_data_models_the_one_that_shows_is_current(home: Home) -> None:
    home.sync({"email": "a", "x": "from 7", "t": 5}, model=7)
    home.sync({"email": "a", "x": "from 8", "t": 3}, model=8)
    assert [(c.data_model_key, c.is_current) for c in changes(home)] == [(8, False), (7, True)]


def test_a_retyped_attribute_is_one_attribute(home: Home) -> None:
    home.sync({"email": "a", "x": "17"})
    home.apply(table([{"email": "a", "x": 17}], x=pa.int64()))
    assert told(home)[0] == (2, "x", "17", 17, True)


def test_a_row_that_its_own_run_replaces_leaves_no_trace(home: Home) -> None:
    home.sync({"email": "a", "x": "0"})
    home.sync({"email": "a", "x": "1", "t": 1}, {"email": "a", "x": "2", "t": 2}, chunk_rows=1)
    assert told(home) == [(2, "x", "0", "2", True), (1, "x", None, "0", False)]


def test_what_was_forgotten_is_not_made_up(home: Home) -> None:
    for number in range(3):
        home.sync({"email": "a", "x": str(number), "t": number})
    home.stores.forget_history(START + timedelta(minutes=3))
    assert [(c.changed_by, c.previous, c.value, c.is_previous_known) for c in changes(home)] == [
        (3, "1", "2", True),
        (2, None, "1", False),
    ]


def test_a_profile_that_is_not_there_has_no_history(home: Home) -> None:
    assert home.reader.history(WORKSPACE, home.mpid(1)) is None
    home.sync({"email": "a", "x": "1"})
    assert home.reader.history(WORKSPACE, home.mpid(2)) is None
    assert home.reader.history(WORKSPACE, 2**62) is None
