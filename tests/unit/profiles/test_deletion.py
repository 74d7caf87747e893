"""A deleted person is gone everywhere, stays gone, and nobody else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy
from warehouse_sync.profiles.deletion import Deletion, DuckDbEraser

CUSTOMER, EMAIL = IdentityType.CUSTOMER_ID, IdentityType.EMAIL
ANN = {"customer_id": "ann-1", "email": "ann@x", "tier": "gold"}
BOB = {"customer_id": "bob-1", "email": "bob@x", "tier": "iron"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles")
    yield made
    made.stores.close()


def delete(home: Home, number: int) -> Deletion:
    done = DuckDbEraser(home.stores).delete(WORKSPACE, home.mpid(number), now=START, by="ci")
    assert done is not None
    return done


def everything(home: Home) -> str:
    """All that the store holds, as text."""
    with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
        assert opened is not None
        named = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        tables = [name for (name,) in opened[0].execute(named).fetchall()]
        return repr({name: opened[0].execute(f"SELECT * FROM {name}").fetchall() for name in tables})


def reasons(home: Home) -> dict[str, tuple[int, int]]:
    return {reason: (found.count, len(found.samples)) for reason, found in home.rejects().items()}


def test_nothing_readable_is_left(home: Home) -> None:
    home.sync(ANN, BOB)
    home.sync({**ANN, "tier": "silver of ann", "t": 1}, {"customer_id": None, "phone_number_2": "Ann-1 ", "x": "y"})
    home.sync({**ANN, "other": "ann's other", "t": 2}, model=8)
    assert "ann" in everything(home).lower()
    assert delete(home, 1).tombstone.identities == 3
    assert "ann" not in everything(home).lower().replace("ci", "")
    assert home.reader.profile(WORKSPACE, home.mpid(1)) is None
    assert home.reader.history(WORKSPACE, home.mpid(1)) is None
    assert home.holders(CUSTOMER, "ann-1") == []
    assert (home.identities(2), home.values(2)) == ({"customer_id": "bob-1", "email": "bob@x"}, {"tier": "iron"})


@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_a_deleted_person_stays_deleted_when_everything_is_read_again(home: Home, chunk_rows: int | None) -> None:
    home.sync(ANN, BOB)
    delete(home, 1)
    for _ in range(2):
        counts = home.sync(ANN, {"email": " ANN@X", "tier": "lead"}, BOB, chunk_rows=chunk_rows)
        assert (counts.rejected, counts.profiles_created, counts.mapped) == (2, 0, 1)
        assert reasons(home) == {"deleted_person": (2, 0)}
    assert "ann" not in everything(home).lower()


def test_rows_that_are_refused_for_another_reason_leave_no_sample_either(home: Home) -> None:
    home.sync(ANN)
    mpid = home.mpid(1)
    delete(home, 1)
    home.sync(
        {"mpid": str(mpid), "customer_id": None, "tier": "x"}, {"mpid": "999", "customer_id": "ann-1", "tier": "ann"}
    )
    assert reasons(home) == {"deleted_person": (2, 0)}


def test_an_identity_that_somebody_else_holds_is_not_kept_from_coming(home: Home) -> None:
    home.sync({"customer_id": "c1", "email": "family@x"}, {"customer_id": "c2", "email": "family@x", "t": 1})
    done = delete(home, 1)
    assert (done.tombstone.identities, done.shared_identities) == (1, 1)
    counts = home.sync(
        {"customer_id": "c2", "email": "family@x", "x": "1", "t": 2}, {"customer_id": "c1", "email": "family@x"}
    )
    assert (counts.mapped, counts.rejected) == (1, 1)
    assert home.values(2) == {"x": "1"}


def test_what_others_tell_of_the_person_goes_too(tmp_path: Path) -> None:
    unique = frozenset({CUSTOMER, EMAIL})
    home = Home(tmp_path, IdentityRules(Strategy.PROFILE_CONVERSION, unique=unique, login=frozenset({CUSTOMER})))
    home.sync({"email": "zoe@x"}, {"email": "kim@x"})
    home.sync({"customer_id": "zoe", "email": None}, {"customer_id": "zoe", "email": "zoe@x", "t": 1})
    home.sync({"email": "zoe@x", "x": "kept from a known profile"})
    [lost] = home.reader.explain(WORKSPACE, home.mpid(1)).lost
    assert lost.value == "zoe@x"
    delete(home, 3)
    assert home.reader.explain(WORKSPACE, home.mpid(1)).lost == ()
    home.stores.close()


def test_a_tombstone_can_be_lifted(home: Home) -> None:
    home.sync(ANN, BOB)
    eraser = DuckDbEraser(home.stores)
    delete(home, 1)
    [found] = eraser.tombstones(WORKSPACE)
    assert (found.environment, found.number, found.deleted_on, found.deleted_by) == (DEVELOPMENT, 1, START, "ci")
    looked_up = eraser.find_tombstones(WORKSPACE, DEVELOPMENT, EMAIL, " Ann@X", home.rules)
    assert looked_up == (found,)
    assert eraser.find_tombstones(WORKSPACE, DEVELOPMENT, EMAIL, "bob@x", home.rules) == ()
    assert eraser.find_tombstones(WORKSPACE, Environment.PRODUCTION, EMAIL, "ann@x", home.rules) == ()
    assert not eraser.lift(WORKSPACE, DEVELOPMENT, 2)
    assert eraser.lift(WORKSPACE, DEVELOPMENT, 1)
    assert not eraser.lift(WORKSPACE, DEVELOPMENT, 1)
    assert eraser.tombstones(WORKSPACE) == ()
    assert home.sync(ANN).profiles_created == 1
    assert home.holders(CUSTOMER, "ann-1") == [3]  # no number is given twice
    delete(home, 3)
    assert [tombstone.number for tombstone in eraser.tombstones(WORKSPACE)] == [2]


@pytest.mark.parametrize("mpid", [2**62, 0])
def test_who_is_not_there_cannot_be_deleted(home: Home, mpid: int) -> None:
    eraser = DuckDbEraser(home.stores)
    assert eraser.delete(WORKSPACE, home.mpid(1), now=START, by="ci") is None
    home.sync(ANN)
    before = everything(home)
    assert eraser.delete(WORKSPACE, mpid, now=START, by="ci") is None
    assert eraser.delete(WORKSPACE, home.mpid(2), now=START, by="ci") is None
    assert everything(home) == before


def test_the_hash_of_one_workspace_says_nothing_in_another(home: Home, tmp_path: Path) -> None:
    other = Home(home.stores, workspace=7)
    prints: list[Any] = []
    for each in (home, other):
        each.sync(ANN)
        done = DuckDbEraser(each.stores).delete(each.workspace, each.mpid(1), now=START, by="ci")
        assert done is not None
        with each.stores.reading(each.workspace, DEVELOPMENT) as opened:
            assert opened is not None
            prints.append(set(opened[0].execute("SELECT print FROM tombstones").fetchall()))
    assert prints[0] & prints[1] == set()


@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_a_run_that_is_under_way_does_not_bring_the_person_back(home: Home, chunk_rows: int | None) -> None:
    """Rows that were fetched before the deletion are refused when they are applied."""
    home.sync(ANN)
    home.sync(BOB, {"customer_id": "c", "email": "c@x"})
    delete(home, 1)
    assert home.sync(BOB, ANN, chunk_rows=chunk_rows).rejected == 1
    assert home.holders(CUSTOMER, "ann-1") == []
