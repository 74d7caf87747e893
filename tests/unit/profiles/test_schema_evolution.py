"""What becomes of attributes when the columns of a data model's query change between runs (decisions D8, D30)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.profiles.applying import START, WORKSPACE, Home, table
from warehouse_sync.domain.environment import Environment

ANN, BOB = {"customer_id": "ann"}, {"customer_id": "bob"}
LATER = START + timedelta(days=1000)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann is profile 1, Bob is profile 2; both are 7 years old, as a number."""
    made = Home(tmp_path)
    made.apply(table([{**ANN, "age": 7}, {**BOB, "age": 7}], age=pa.int64()))
    return made


def columns(home: Home) -> list[str]:
    """The columns of values that the store has for the data model."""
    with home.stores.reading(WORKSPACE, Environment.DEVELOPMENT) as opened:
        assert opened is not None
        found = opened[0].execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'v_7'").fetchall()
        return sorted(name for (name,) in found if name != "seq")


def test_a_new_column_is_a_new_attribute_and_changes_nobody_who_has_no_value_there(home: Home) -> None:
    rows = [{**ANN, "age": 7, "tier": "gold", "t": 1}, {**BOB, "age": 7, "t": 1}]
    counts = home.apply(table(rows, age=pa.int64()))
    assert (counts.changed, counts.unchanged) == (1, 1)
    assert home.values(1) == {"age": 7, "tier": "gold"}
    assert home.values(2) == {"age": 7}


def test_a_column_that_is_gone_takes_its_value_from_those_whose_rows_are_read_anew(home: Home) -> None:
    counts = home.sync({**ANN, "t": 1})
    assert counts.changed == 1
    assert home.values(1) == {}
    assert home.values(2) == {"age": 7}, "a row that is not read says what it said"


def test_a_column_of_another_type_replaces_the_value_of_those_whose_rows_are_read_anew(home: Home) -> None:
    counts = home.sync({**ANN, "age": "7", "t": 1})
    assert counts.changed == 1
    assert home.values(1) == {"age": "7"}
    assert home.values(2) == {"age": 7}
    assert home.texts(1) == home.texts(2) == {"age": "7"}


def test_a_type_that_comes_back_finds_its_column(home: Home) -> None:
    home.sync({**ANN, "age": "seven", "t": 1})
    home.apply(table([{**ANN, "age": 8, "t": 2}], age=pa.int64()))
    assert home.values(1) == {"age": 8}
    assert columns(home) == ["a_1", "a_2"]


def test_numbers_of_another_width_are_another_type_and_equal_values_are_shown_equal(home: Home) -> None:
    for scale, at in ((2, 1), (4, 2)):
        home.apply(table([{**ANN, "sum": Decimal("1.50"), "t": at}], sum=pa.decimal128(18, scale)))
    assert home.values(1) == {"sum": Decimal("1.5")}
    assert home.texts(1) == {"sum": "1.5000"}


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.float64(), pa.bool_(), pa.date32(), pa.list_(pa.string()), pa.null()], ids=str
)
def test_no_change_of_type_fails_a_run(home: Home, type_: pa.DataType) -> None:
    counts = home.apply(table([{**ANN, "age": None, "t": 1}], age=type_))
    assert (counts.changed, counts.rejected) == (1, 0)
    assert home.values(1) == {}


def test_the_old_values_are_history_with_the_types_they_had(home: Home) -> None:
    home.sync({**ANN, "age": "seven", "t": 1})
    home.sync({**ANN, "years": "7", "t": 2})
    told = home.reader.history(WORKSPACE, home.mpid(1))
    assert told is not None
    assert [(c.attribute, c.previous, c.value) for c in told] == [
        ("age", "seven", None),
        ("years", None, "7"),
        ("age", 7, "seven"),
        ("age", None, 7),
    ]


def test_columns_that_say_nothing_any_more_go_with_the_history(home: Home) -> None:
    for number in range(1, 6):
        people: list[dict[str, Any]] = [{**ANN, f"name_{number}": "x", "t": number}, {**BOB, "age": "7", "t": number}]
        home.sync(*people)
    assert len(columns(home)) == 7
    assert home.stores.forget_history(LATER) == 6
    assert len(columns(home)) == 2
    assert home.values(1) == {"name_5": "x"}
    assert home.values(2) == {"age": "7"}
    home.sync({**ANN, "name_6": "y", "t": 7})
    assert home.values(1) == {"name_6": "y"}
    assert home.sync({**BOB, "age": "7", "t": 7}).unchanged == 1


def test_a_reader_learns_of_attributes_that_come_and_go(home: Home) -> None:
    home.sync({**ANN, "t": 1}, {**BOB, "t": 1})
    assert home.values(1) == {}
    home.stores.forget_history(LATER)
    assert columns(home) == []
    assert home.values(1) == {}, "the column is gone from under a reader that knew it"
    home.sync({**ANN, "tier": "gold", "t": 2})
    assert columns(home) == ["a_1"], "the number is given again"
    assert home.values(1) == {"tier": "gold"}
