"""The specification's worked examples (§3.5) and journeys (§3.7), literally, through the apply.

Warehouse Sync can express the steps *identify*, *login* and *feed batch*, each a row. It can express neither *logout* nor *modify*: the
journeys' steps 3 and 6, and best match's *modify*, are left out. Hence the numbers of later profiles differ from the page's, by one or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.profiles.applying import Home
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy

CUSTOMER, EMAIL, OTHER = IdentityType.CUSTOMER_ID, IdentityType.EMAIL, IdentityType.OTHER
IDFV, GAID = IdentityType.IOS_IDFV, IdentityType.ANDROID_ADVERTISING_ID
ROKU, ANDROID = IdentityType.ROKU_ADVERTISING_ID, IdentityType.ANDROID_UUID

NONE: frozenset[IdentityType] = frozenset()
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


def rules(*priority: IdentityType, strategy: Strategy = Strategy.PROFILE_CONVERSION, **sets) -> IdentityRules:
    sets = {"unique": NONE, "login": NONE} | {name: frozenset(types) for name, types in sets.items()}
    return IdentityRules(strategy, tuple(priority), **sets)


def step(home: Home, **identities: str) -> int:
    """One row in a run of its own; the number of the profile it reached, which takes an attribute from it."""
    mark = f"step {home.runs + 1}"
    home.sync(identities | {"reached": mark})
    [reached] = [number for number in range(1, home.count() + 1) if home.values(number).get("reached") == mark]
    return reached


def place(home: Home, **identities: str) -> int:
    """A profile that holds exactly these identities, whoever else holds them: made by a mark of its own, then named by its MPID."""
    number = step(home, facebook=f"mark {home.count()}")
    home.sync({"mpid": str(home.mpid(number)), "reached": "placed"} | identities)
    return number


# --- §3.5 ---------------------------------------------------------------------------------------------------------------------------

FACEBOOK = IdentityType.FACEBOOK  # lowest: only marks profiles


def test_example_1_the_tie_is_broken_by_the_next_priority(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, OTHER, IDFV, GAID, FACEBOOK))
    first = place(home, email="h", ios_idfv="1234", other="AAAA")
    second = place(home, email="h", android_advertising_id="2345", other="BBBB")
    assert home.holders(EMAIL, "h") == [first, second]
    assert step(home, email="h", other="AAAA", ios_idfv="2345") == first


def test_example_2_by_the_device(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, IDFV, GAID, FACEBOOK))
    place(home, email="h", ios_idfv="1234")
    second = place(home, email="h", android_advertising_id="2345")
    assert step(home, email="h", android_advertising_id="2345") == second


def test_example_3_one_matching_login_id_is_enough(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, IDFV, GAID, login=[EMAIL, CUSTOMER]))
    first = step(home, customer_id="h.jekyll.85", email="ed", ios_idfv="1234")
    assert step(home, email="ed") == first


def test_example_4_a_login_id_admits(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, IDFV, GAID, login=[EMAIL]))
    step(home, email="ed", ios_idfv="1234")
    second = step(home, email="h.md")
    assert step(home, email="h.md", ios_idfv="5678") == second


def test_example_5_a_device_alone_does_not_reach_a_known_person(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, IDFV, GAID, login=[EMAIL]))
    step(home, email="ed", ios_idfv="1234")
    step(home, email="h.md")
    assert step(home, ios_idfv="1234") == 3
    assert home.holders(IDFV, "1234") == [1, 3]


# --- §3.7 ---------------------------------------------------------------------------------------------------------------------------

C, E, H, F, K = (
    {"customer_id": "ABC123"},
    {"email": "ed.hyde"},
    {"email": "h.jekyll.md"},
    {"ios_idfv": "9876"},
    {"roku_advertising_id": "8765"},
)

JOURNEYS = {
    Strategy.PROFILE_CONVERSION: ([CUSTOMER], [1, 1, 2, 1, 3, 1], {"ABC123": [1], "9876": [1], "8765": [1, 3]}),
    Strategy.PROFILE_LINK: ([CUSTOMER, EMAIL], [1, 2, 3, 2, 4, 2], {"ABC123": [2], "9876": [1, 2], "8765": [2, 4]}),
    Strategy.PROFILE_ISOLATION: (
        [CUSTOMER, EMAIL],
        [1, 2, 3, 2, 4, 2],
        {"ABC123": [2], "9876": [1, 2], "8765": [2, 4]},
    ),
}


@pytest.mark.parametrize("strategy", JOURNEYS)
def test_the_journey(opened: Open, strategy: Strategy) -> None:
    login, expected, holders = JOURNEYS[strategy]
    home = opened(rules(CUSTOMER, EMAIL, IDFV, ROKU, strategy=strategy, unique=[CUSTOMER, EMAIL], login=login))
    steps = [
        F,  # 1 identify
        C | E | F,  # 2 login
        H,  # 4 feed batch; 3 is a logout
        C | E | F,  # 5 login
        K,  # 7 identify; 6 is a modify
        C | H | K,  # 8 login
    ]
    assert [step(home, **identities) for identities in steps] == expected
    person, stranger = expected[1], expected[2]
    assert home.identities(person) == C | H | F | K
    assert home.identities(stranger) == {}  # its e-mail moved: an orphan
    assert home.holders(EMAIL, "h.jekyll.md") == [person]
    types = {"ABC123": CUSTOMER, "9876": IDFV, "8765": ROKU}
    assert {value: home.holders(types[value], value) for value in holders} == holders


def test_an_orphan_is_counted(opened: Open) -> None:
    home = opened(rules(CUSTOMER, EMAIL, unique=[CUSTOMER, EMAIL], login=[CUSTOMER]))
    home.sync(C)
    home.sync(H)
    assert home.sync(C | H).profiles_orphaned == 1
    assert home.sync(C | H).profiles_orphaned == 0


def test_best_match_merges_people_on_a_shared_device(opened: Open) -> None:
    home = opened(rules(EMAIL, IDFV, ANDROID, strategy=Strategy.BEST_MATCH))
    poole, android = {"email": "poole"}, {"android_uuid": "8765"}
    steps = [F, E | F, poole | F, android, android | poole]  # after E | F the page modifies E to H
    assert [step(home, **identities) for identities in steps] == [1, 1, 1, 2, 1]
    assert home.identities(1) == poole | F | android
    assert home.holders(EMAIL, "ed.hyde") == [1]  # without the modify it still finds this profile
    assert home.identities(2) == android


# --- guards and conversion under the default rules (D12) ----------------------------------------------------------------------------


def test_a2_an_email_alone_does_not_reach_a_customer(opened: Open) -> None:
    home = opened(IdentityRules())
    home.sync({"customer_id": "c", "email": "a", "x": "customer"})
    counts = home.sync({"email": "a", "x": "anonymous"})
    assert (counts.profiles_created, counts.identity_conflicts) == (1, 1)
    assert (home.values(1), home.values(2)) == ({"x": "customer"}, {"x": "anonymous"})
    again = home.sync({"email": "a", "x": "again"})
    assert again.profiles_created == 0
    assert (home.values(1), home.values(2)) == ({"x": "customer"}, {"x": "again"})


@pytest.mark.parametrize("chunk_rows", [1, 2])
def test_a4_two_customers_who_share_an_email_stay_two(opened: Open, chunk_rows: int) -> None:
    for login in ([CUSTOMER], [CUSTOMER, EMAIL]):
        home = opened(IdentityRules(unique=frozenset({CUSTOMER}), login=frozenset(login)))
        rows = [{"customer_id": "A", "email": "shared", "x": "A"}, {"customer_id": "B", "email": "shared", "x": "B"}]
        for _ in range(2):
            home.sync(*rows, chunk_rows=chunk_rows)
            assert home.count() == 2
            assert (home.values(1), home.values(2)) == ({"x": "A"}, {"x": "B"})
        assert home.holders(EMAIL, "shared") == [1, 2]


def test_without_a4_the_second_customer_takes_the_first_ones_profile(opened: Open) -> None:
    home = opened(IdentityRules(login=frozenset({CUSTOMER, EMAIL}), conflict_guard=False))
    home.sync({"customer_id": "A", "email": "shared"}, {"customer_id": "B", "email": "shared", "t": 1})
    assert home.count() == 1
    assert home.identities(1)["customer_id"] == "B"


@pytest.mark.parametrize("chunk_rows", [1, 2])
def test_who_later_gets_a_customer_id_stays_the_same_profile(opened: Open, chunk_rows: int) -> None:
    home = opened(IdentityRules())
    counts = home.sync(
        {"customer_id": None, "email": "A@example.com ", "x": "lead"},
        {"customer_id": "c", "email": "a@example.com", "x": "customer", "t": 1},
        chunk_rows=chunk_rows,
    )
    assert (counts.profiles_created, counts.profiles_matched) == (1, 1)
    assert home.identities(1) == {"customer_id": "c", "email": "A@example.com "}  # as first received
    assert home.values(1) == {"x": "customer"}


def test_an_immutable_identity_admits_only_itself_and_never_changes(opened: Open) -> None:
    kinds = frozenset({CUSTOMER})
    home = opened(IdentityRules(unique=kinds, login=kinds, immutable=kinds, conflict_guard=False))
    first = step(home, customer_id="A", email="a")
    assert step(home, customer_id="B", email="a") == 2
    assert step(home, customer_id="A", email="b") == first
    home.sync({"mpid": str(home.mpid(first)), "customer_id": "Z"})
    assert home.identities(first)["customer_id"] == "A"
    assert home.holders(CUSTOMER, "Z") == []


@pytest.mark.parametrize("last", [1, 2])
def test_a_tie_goes_to_who_was_seen_last(opened: Open, last: int) -> None:
    home = opened(rules(EMAIL, IDFV, FACEBOOK))
    for _ in range(2):
        place(home, ios_idfv="shared")
    home.sync({"facebook": f"mark {last - 1}"})
    assert step(home, ios_idfv="shared") == last
    home.sync({"facebook": f"mark {2 - last}"})
    assert step(home, ios_idfv="shared") == 3 - last


def test_only_emails_compare_without_case(opened: Open) -> None:
    home = opened(IdentityRules())
    assert step(home, email="Ann@Example.com") == step(home, email=" ann@example.COM\t") == 1
    assert step(home, other="Abc") != step(home, other="abc")
    verbatim = opened(IdentityRules(fold_email_case=False))
    assert step(verbatim, email="Ann@Example.com") != step(verbatim, email="ann@example.com")


def test_the_same_text_under_two_types_is_two_identities(opened: Open) -> None:
    home = opened(IdentityRules())
    assert step(home, email="x") != step(home, other="x")


def test_types_outside_the_priority_are_kept_and_find_nobody(opened: Open) -> None:
    home = opened(IdentityRules())
    assert step(home, email="a", phone_number_2="1") == 1
    assert step(home, email="b", phone_number_2="1") == 2
    assert home.identities(2) == {"email": "b", "phone_number_2": "1"}
