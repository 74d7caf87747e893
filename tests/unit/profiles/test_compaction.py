"""Compaction puts what is searched in order, step by step, and changes nothing that can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.profiles.applying import DEVELOPMENT, WORKSPACE, Home
from warehouse_sync.profiles.compaction import IDENTITIES, LOOKUP, Pace, SortedTable, current_versions

SORTED_TABLES = (LOOKUP, IDENTITIES, current_versions(7))
SHORT_STEPS = Pace(patience=0, step_rows=4)


def new_people(home: Home, first: int, count: int) -> None:
    home.sync(*({"customer_id": f"c{n}", "email": f"e{n}", "x": str(n)} for n in range(first, first + count)))


def keys(home: Home, table: SortedTable) -> list[Any]:
    """The keys of a table as they lie in the file."""
    return [key for (key,) in ask(home, f"SELECT {table.key} FROM {table.name} ORDER BY rowid")]


def loose(home: Home) -> dict[str, int]:
    return dict(ask(home, "SELECT table_name, loose FROM disorder"))


def ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        assert opened is not None
        found: list[tuple[Any, ...]] = opened[0].execute(query).fetchall()
        return found


def take_step(home: Home) -> bool:
    with home.stores.compaction_step(WORKSPACE, DEVELOPMENT) as was_due:
        return was_due


def fail_in_step(home: Home) -> None:
    with home.stores.compaction_step(WORKSPACE, DEVELOPMENT) as was_due:
        assert was_due
        raise ZeroDivisionError


def take_steps(home: Home) -> int:
    steps = 0
    while take_step(home):
        steps += 1
    return steps


def test_a_pass_sorts_in_short_steps_and_changes_nothing_else(tmp_path: Path) -> None:
    home = Home(tmp_path, pace=SHORT_STEPS)
    new_people(home, 0, 10)
    new_people(home, 10, 10)
    home.sync(*({"customer_id": f"c{n}", "other": f"o{n}", "x": "new"} for n in range(0, 20, 3)))
    before, stored = home.state(), {t: sorted(keys(home, t)) for t in SORTED_TABLES}
    for table in SORTED_TABLES:
        assert keys(home, table) != stored[table], "there is nothing to do"
    assert take_steps(home) > 2 * 5
    for table in SORTED_TABLES:
        assert keys(home, table) == stored[table]
    assert loose(home) == {"lookup": 0, "identities": 0, "m_7": 0}
    assert home.state() == before
    assert home.holders_of_emails("e0", "e19") == [1, 20]


def test_a_pass_goes_on_where_it_stopped(tmp_path: Path) -> None:
    home = Home(tmp_path, pace=SHORT_STEPS)
    new_people(home, 0, 10)
    assert take_step(home)
    assert take_step(home)
    position = ask(home, "SELECT position FROM disorder WHERE table_name = 'lookup'")
    home.stores.close()
    again = Home(tmp_path, pace=SHORT_STEPS)
    assert ask(again, "SELECT position FROM disorder WHERE table_name = 'lookup'") == position != [(0,)]
    take_steps(again)
    assert keys(again, LOOKUP) == sorted(keys(again, LOOKUP))


def test_what_is_written_during_a_pass_is_left_for_the_next(tmp_path: Path) -> None:
    home = Home(tmp_path, pace=SHORT_STEPS)
    new_people(home, 0, 10)
    assert take_step(home)
    new_people(home, 10, 2)
    while ask(home, "SELECT taken FROM disorder WHERE table_name = 'lookup'") != [(None,)]:
        assert take_step(home)
    assert loose(home)["lookup"] == 4
    take_steps(home)
    assert loose(home)["lookup"] == 0
    assert home.holders_of_emails(*(f"e{n}" for n in range(12))) == list(range(1, 13))


def test_a_step_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    home = Home(tmp_path, pace=SHORT_STEPS)
    new_people(home, 0, 10)
    before, fingerprints = home.state(), keys(home, LOOKUP)
    with pytest.raises(ZeroDivisionError):
        fail_in_step(home)
    assert keys(home, LOOKUP) == fingerprints
    assert home.state() == before


def test_a_store_in_good_order_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    new_people(home, 0, 10)
    assert loose(home) == {"lookup": 20, "identities": 0, "m_7": 0}, "new profiles follow all others"
    assert not take_step(home)


@pytest.mark.parametrize("retold", [lambda n: {"email": f"e{n}"}, lambda n: {"email": f"another{n}"}])
def test_only_what_is_written_to_earlier_profiles_is_out_of_order(
    tmp_path: Path, retold: Callable[[int], dict]
) -> None:
    home = Home(tmp_path)
    new_people(home, 0, 3)
    home.sync(*({"customer_id": f"c{n}", **retold(n)} for n in range(2)))
    added = len(keys(home, IDENTITIES)) - 6
    assert loose(home) == {"lookup": 6 + added, "identities": added, "m_7": 2}


def test_the_log_is_folded_when_there_is_much_of_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    log = tmp_path / f"{WORKSPACE}-{DEVELOPMENT}.duckdb.wal"
    new_people(home, 0, 10)
    little = log.stat().st_size
    home.stores.fold_log(WORKSPACE, DEVELOPMENT)
    assert log.stat().st_size == little > 0
    home.sync(*({"customer_id": f"c{n}", "email": f"e{n}", "x": f"{n:4}" * 1000, "t": 1} for n in range(2500)))
    assert log.stat().st_size > 8 << 20
    before = home.profile(1)
    home.stores.fold_log(WORKSPACE, DEVELOPMENT)
    assert not log.exists()
    assert home.profile(1) == before
