"""What undoing a run does, told by cases; the property test holds it against a model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy
from warehouse_sync.errors import RunError
from warehouse_sync.profiles.deletion import DuckDbEraser
from warehouse_sync.profiles.undo import Obstacle, UndoCounts
from warehouse_sync.profiles.undo_preview import DuckDbUndoPreviewer, UndoPreview
from warehouse_sync.sync.undo import undo_run

CUSTOMER, EMAIL = IdentityType.CUSTOMER_ID, IdentityType.EMAIL
UNIQUE_EMAIL = IdentityRules(
    Strategy.PROFILE_CONVERSION, unique=frozenset({CUSTOMER, EMAIL}), login=frozenset({CUSTOMER})
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "profiles", UNIQUE_EMAIL)
    yield made
    made.stores.close()


def preview(home: Home, target: int) -> UndoPreview:
    return DuckDbUndoPreviewer(home.stores).preview(WORKSPACE, DEVELOPMENT, target, home.rules)


def undo(home: Home, target: int) -> UndoCounts:
    """Undoes a run, and holds what it did against what the preview had said."""
    promised = preview(home, target)
    home.runs += 1
    undo_run(home.stores, home.key(home.runs), target, home.rules, now=home.now)
    done = preview(home, target)
    assert (done.undone_by, done.obstacle, done.counts) == (home.runs, Obstacle.UNDONE, promised.counts)
    return promised.counts


def test_what_the_run_replaced_comes_back(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "right", "y": "1"})
    home.sync({"customer_id": "c", "x": "wrong", "y": None, "t": 9})
    assert undo(home, 2) == UndoCounts(contributions_restored=1)
    assert home.values(1) == {"x": "right", "y": "1"}
    assert home.attributes()["x"].run_id == 1
    assert home.sync({"customer_id": "c", "x": "newer", "t": 1}).changed == 1  # a bad time does not stay in the way


def test_what_somebody_has_set_since_stays_and_the_run_is_no_step_back_from_it(home: Home) -> None:
    for time, value in enumerate(["first", "bad", "last"]):
        home.sync({"customer_id": "c", "x": value, "t": time})
    assert undo(home, 2) == UndoCounts()
    assert home.values(1) == {"x": "last"}
    assert undo(home, 3) == UndoCounts(contributions_restored=1)
    assert home.values(1) == {"x": "first"}


def test_what_somebody_has_confirmed_since_stays_as_theirs(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "old"})
    home.sync({"customer_id": "c", "x": "new", "t": 1})
    home.sync({"customer_id": "c", "x": "new", "t": 2})
    assert undo(home, 2) == UndoCounts(contributions_kept=1)
    attribute = home.attributes()["x"]
    assert (attribute.value, attribute.run_id, attribute.load_timestamp) == ("new", 3, START + timedelta(seconds=2))
    assert undo(home, 3) == UndoCounts(contributions_restored=1)
    assert home.values(1) == {"x": "old"}


def test_a_confirmation_is_taken_back_alone(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "x": "1", "t": 99})
    undo(home, 2)
    assert home.attributes()["x"].load_timestamp == START
    assert home.sync({"customer_id": "c", "x": "2", "t": 5}).changed == 1


def test_profiles_that_only_the_run_made_are_removed(home: Home) -> None:
    home.sync({"customer_id": "a", "x": "1"})
    home.sync({"customer_id": "b", "email": "b@x", "x": "2"}, {"customer_id": "c", "x": "3"})
    home.sync({"customer_id": "c", "y": "from another data model"}, model=8)
    counts = undo(home, 2)
    assert counts == UndoCounts(contributions_removed=2, identities_detached=2, identities_kept=1, profiles_removed=1)
    assert home.reader.profile(WORKSPACE, home.mpid(2)) is None
    assert (home.identities(3), home.values(3)) == ({"customer_id": "c"}, {"y": "from another data model"})
    assert home.sync({"customer_id": "b"}, {"mpid": str(home.mpid(2)), "customer_id": "x"}).rejected == 1
    assert home.holders(CUSTOMER, "b") == [4]  # no number is given twice


def test_identities_of_a_unique_type_go_back(home: Home) -> None:
    home.sync({"email": "shared@x"}, {"customer_id": "c"})
    home.sync({"customer_id": "c", "email": "shared@x", "t": 1})
    assert home.holders(EMAIL, "shared@x") == [2]
    assert undo(home, 2) == UndoCounts(identities_detached=1, identities_returned=1)
    assert home.holders(EMAIL, "shared@x") == [1]
    assert home.identities(2) == {"customer_id": "c"}
    explained = home.reader.explain(WORKSPACE, home.mpid(1))
    assert explained is not None
    assert explained.lost == ()


def test_an_identity_that_a_later_run_confirms_stays(home: Home) -> None:
    home.sync({"customer_id": "c"})
    home.sync({"customer_id": "c", "email": "wrong@x", "other": "right", "t": 1})
    home.sync({"customer_id": "c", "other": "right", "x": "1", "t": 2}, model=8)
    counts = undo(home, 2)
    assert (counts.identities_detached, counts.identities_kept) == (1, 1)
    assert home.identities(1) == {"customer_id": "c", "other": "right"}


def test_the_preview_shows_examples(home: Home) -> None:
    home.sync({"email": "s@x", "x": "old"}, {"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "email": "s@x", "x": "2", "t": 1}, {"customer_id": "new", "x": "3"})
    [loser, winner, made] = preview(home, 2).examples
    assert (loser.mpid, loser.returned, loser.attributes) == (home.mpid(1), ((EMAIL, "s@x"),), ())
    [change] = winner.attributes
    assert (change.attribute, change.value, change.becomes) == ("x", "2", "1")
    assert (winner.detached, winner.is_removed) == (((EMAIL, "s@x"),), False)
    assert (made.mpid, made.is_removed, made.attributes[0].becomes) == (home.mpid(3), True, None)
    assert home.values(2) == {"x": "2"}  # it has only looked


def test_the_history_tells_of_it(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "x": "2", "t": 1})
    undo(home, 2)
    home.sync({"customer_id": "c", "x": "4", "t": 2})
    history = home.reader.history(WORKSPACE, home.mpid(1))
    assert history is not None
    assert [(c.changed_by, c.previous, c.value, c.is_undone, c.is_current) for c in history] == [
        (4, "1", "4", False, True),
        (3, "2", "1", False, False),
        (2, "1", "2", True, False),
        (1, None, "1", False, False),
    ]


@pytest.mark.parametrize("start_over", [True, False], ids=["fetched anew", "from the spool it had"])
def test_a_run_that_is_run_again_after_it_was_undone_starts_over(home: Home, start_over: bool) -> None:
    home.sync({"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "x": "bad", "t": 1}, {"customer_id": "d", "x": "bad"}, {"customer_id": ""})
    undo(home, 2)
    home.runs = 1
    rows = ({"customer_id": "c", "x": "good", "t": 1}, {"customer_id": "e", "x": "good"}, {"customer_id": ""})
    counted = home.sync(*rows, start_over=start_over)
    assert home.stores.begin(home.key(2), start_over=False).counts == counted
    assert home.rejects()["no_identity"].count == 1
    home.runs = 3
    assert home.values(1) == {"x": "good"}
    assert home.holders(CUSTOMER, "d") == []
    history = home.reader.history(WORKSPACE, home.mpid(1))
    assert history is not None
    assert [
        (c.changed_by, c.previous, c.value, c.is_undone, c.is_current, c.source.row) for c in history if c.source
    ] == [
        (2, "1", "good", False, True, 3),
        (3, "bad", "1", False, False, 1),
        (2, "1", "bad", True, False, 3),
        (1, None, "1", False, False, 1),
    ]
    assert home.reader.explain(WORKSPACE, home.mpid(1)) is not None
    assert undo(home, 2) == UndoCounts(
        contributions_restored=1, contributions_removed=1, identities_detached=1, profiles_removed=1
    )
    assert home.values(1) == {"x": "1"}


def refused(home: Home, target: int) -> Obstacle | None:
    before = home.state()
    found = preview(home, target).obstacle
    home.runs += 1
    with pytest.raises(RunError) as error:
        undo_run(home.stores, home.key(home.runs), target, home.rules, now=home.now)
    assert error.value.code == "not_undoable"
    assert home.state() == before
    return found


def test_what_cannot_be_undone(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "x": "2", "t": 1})
    assert refused(home, 77) is Obstacle.NOT_APPLIED
    undo(home, 2)
    assert refused(home, 2) is Obstacle.UNDONE
    with home.stores.erasing(WORKSPACE, DEVELOPMENT) as connection:
        assert connection is not None
        connection.execute("UPDATE run_progress SET types = NULL WHERE run = 1")
    assert refused(home, 1) is Obstacle.OLD_FORMAT


def test_a_run_whose_replaced_values_are_forgotten_cannot_be_undone(home: Home) -> None:
    for time in range(3):
        home.sync({"customer_id": "c", "x": str(time), "t": time})
    home.stores.forget_history(START + timedelta(minutes=3))
    assert refused(home, 2) is Obstacle.FORGOTTEN
    assert undo(home, 3) == UndoCounts(contributions_restored=1)
    assert home.values(1) == {"x": "1"}


def test_a_value_whose_predecessors_are_forgotten_is_not_taken_for_the_first(home: Home) -> None:
    for time in range(3):
        home.sync({"customer_id": "c", "x": str(time), "t": time})
    undo(home, 2)  # run 3 stands on run 1 now
    home.stores.forget_history(START + timedelta(minutes=3))
    assert refused(home, 3) is Obstacle.FORGOTTEN


def test_what_a_version_says_outlives_the_history_as_long_as_it_can_come_back(home: Home) -> None:
    home.sync({"customer_id": "c", "x": "1"})
    home.sync({"customer_id": "c", "x": "2", "t": 1})
    undo(home, 2)
    home.sync({"customer_id": "c", "x": "3", "t": 2})
    home.stores.forget_history(
        START + timedelta(minutes=3)
    )  # that run 2 replaced it is forgotten, that run 4 did is not
    undo(home, 4)
    assert home.values(1) == {"x": "1"}


def test_a_deleted_person_does_not_come_back_by_an_undo(home: Home) -> None:
    home.sync({"email": "s@x", "x": "hers"}, {"customer_id": "c"})
    home.sync({"customer_id": "c", "email": "s@x", "t": 1})
    DuckDbEraser(home.stores).delete(WORKSPACE, home.mpid(2), now=START, by="ci")
    assert undo(home, 2) == UndoCounts()
    assert home.holders(EMAIL, "s@x") == []
