"""What the explanation of a profile tells: who attached, took and was kept from its identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.profiles.applying import START, WORKSPACE, Home
from warehouse_sync.domain.identity import Guard, IdentityRules, IdentityType, Strategy
from warehouse_sync.profiles.provenance import Explanation, HeldIdentity

CUSTOMER, EMAIL, OTHER = IdentityType.CUSTOMER_ID, IdentityType.EMAIL, IdentityType.OTHER
UNIQUE_EMAIL = IdentityRules(
    Strategy.PROFILE_CONVERSION, unique=frozenset({CUSTOMER, EMAIL}), login=frozenset({CUSTOMER})
)
Open = Callable[[IdentityRules], Home]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    homes: list[Home] = []

    def open_home(rules: IdentityRules) -> Home:
        homes.append(Home(tmp_path / f"profiles {len(homes)}", rules))
        return homes[-1]

    yield open_home
    for home in homes:
        home.stores.close()


def explain(home: Home, number: int = 1) -> Explanation:
    found = home.reader.explain(WORKSPACE, home.mpid(number))
    assert found is not None
    return found


def identity(home: Home, kind: IdentityType, number: int = 1) -> HeldIdentity:
    [found] = [held for held in explain(home, number).identities if held.identity_type is kind]
    return found


def test_the_row_that_made_a_profile(opened: Open) -> None:
    home = opened(IdentityRules())
    home.sync({"customer_id": "z"}, {"customer_id": "c", "email": "a", "t": 3})
    found = explain(home, 2)
    assert found.mpid == home.mpid(2)
    assert (found.created.run_id, found.created.row) == (1, 2)
    assert found.created.load_timestamp == START + timedelta(seconds=3)
    assert found.created.applied_on == START + timedelta(minutes=1)
    assert [(i.identity_type, i.made_profile, i.found_by) for i in found.identities] == [
        (CUSTOMER, True, ()),
        (EMAIL, True, ()),
    ]


@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_by_what_a_row_had_found_the_profile_that_it_attached_to(opened: Open, chunk_rows: int | None) -> None:
    home = opened(IdentityRules())
    home.sync({"customer_id": "c", "email": "a"})
    rows = [{"customer_id": "c", "email": "b", "t": 1}, {"customer_id": "c", "other": "o", "email": "b", "t": 2}]
    home.sync(*rows, chunk_rows=chunk_rows)
    [first, second] = [held for held in explain(home).identities if held.identity_type is EMAIL]
    assert (first.value, first.is_shown, second.value, second.is_shown) == ("a", False, "b", True)
    assert (second.found_by, second.attached.run_id, second.attached.row) == ((CUSTOMER,), 2, 1)
    other = identity(home, OTHER)
    assert (other.found_by, other.attached.row, other.made_profile) == ((CUSTOMER, EMAIL), 2, False)


def test_a_row_that_named_the_profile(opened: Open) -> None:
    home = opened(IdentityRules())
    home.sync({"customer_id": "c"})
    home.sync({"mpid": str(home.mpid(1)), "email": "a"})
    assert identity(home, EMAIL).named_profile
    assert identity(home, EMAIL).found_by == ()


@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_an_identity_that_went_to_another_profile(opened: Open, chunk_rows: int | None) -> None:
    home = opened(UNIQUE_EMAIL)
    home.sync({"email": "a"})
    home.sync({"customer_id": "c"}, {"customer_id": "c", "email": "a", "t": 4}, chunk_rows=chunk_rows)
    [lost] = explain(home, 1).lost
    assert (lost.identity_type, lost.value, lost.attached.run_id, lost.taken_by) == (EMAIL, "a", 1, home.mpid(2))
    assert (lost.taken.run_id, lost.taken.row, lost.taken.load_timestamp) == (2, 2, START + timedelta(seconds=4))
    assert explain(home, 2).lost == ()


@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_a_guard_that_kept_a_row_from_a_better_match(opened: Open, chunk_rows: int | None) -> None:
    home = opened(IdentityRules())
    rows = [{"customer_id": "A", "email": "shared"}, {"customer_id": "B", "email": "shared", "t": 2}]
    home.sync(*rows, chunk_rows=chunk_rows)
    for number in (1, 2):
        [apart] = explain(home, number).kept_apart
        assert (apart.profile, apart.other) == (home.mpid(2), home.mpid(1))
        assert (apart.shared, apart.guards, apart.row.row) == ((EMAIL,), Guard.LOGIN | Guard.CONTRADICTION, 2)
    assert identity(home, EMAIL, 1).also_held_by == (home.mpid(2),)
    home.sync(*rows)  # the same again teaches nothing new
    assert len(explain(home, 1).kept_apart) == 1


@pytest.mark.parametrize(
    ("rules", "stored", "row", "guards"),
    [
        (IdentityRules(), {"customer_id": "A", "email": "e"}, {"email": "e"}, Guard.LOGIN),
        (
            IdentityRules(Strategy.PROFILE_LINK, unique=frozenset({CUSTOMER}), login=frozenset({CUSTOMER})),
            {"email": "e"},
            {"customer_id": "B", "email": "e"},
            Guard.ANONYMOUS,
        ),
        (
            IdentityRules(login=frozenset({CUSTOMER, EMAIL})),
            {"customer_id": "A", "email": "e"},
            {"customer_id": "B", "email": "e"},
            Guard.CONTRADICTION,
        ),
        (
            IdentityRules(immutable=frozenset({CUSTOMER}), login=frozenset({CUSTOMER, EMAIL})),
            {"customer_id": "A", "email": "e"},
            {"email": "e"},
            Guard.IMMUTABLE,
        ),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_each_guard_is_named(
    opened: Open, rules: IdentityRules, stored: dict, row: dict, guards: Guard, apart: bool
) -> None:
    home = opened(rules)
    if apart:
        home.sync(stored)
        home.sync(row)
    else:
        home.sync(stored, row | {"t": 1})
    [found] = explain(home, 2).kept_apart
    assert found.guards == guards


def test_who_contributes_and_who_said_it_again(opened: Open) -> None:
    home = opened(IdentityRules())
    home.sync({"email": "a", "x": "1"})
    home.sync({"email": "a", "x": "1", "t": 7})
    home.sync({"email": "a", "z": "1", "t": 2}, model=8)
    [seven, eight] = explain(home).contributions
    assert (seven.data_model_key, seven.source.run_id, seven.source.load_timestamp) == (7, 1, START)
    assert seven.confirmed is not None
    assert (seven.confirmed.run_id, seven.confirmed.load_timestamp) == (2, START + timedelta(seconds=7))
    assert (eight.data_model_key, eight.source.run_id, eight.confirmed) == (8, 3, None)


def test_a_profile_that_is_not_there_is_not_explained(opened: Open) -> None:
    home = opened(IdentityRules())
    assert home.reader.explain(WORKSPACE, home.mpid(1)) is None
    home.sync({"email": "a"})
    assert home.reader.explain(WORKSPACE, home.mpid(2)) is None
