"""Replaced row versions and samples of refused rows: kept for a while, then forgotten; current values and counts never are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.unit.profiles.applying import START, WORKSPACE, Home
from warehouse_sync.domain.environment import Environment


def versions(home: Home) -> list[tuple[int, str]]:
    with home.stores.reading(WORKSPACE, Environment.DEVELOPMENT) as opened:
        assert opened is not None
        found: list[tuple[int, str]] = (
            opened[0].execute("SELECT run, a_1 FROM h_7 JOIN v_7 USING (seq) ORDER BY run").fetchall()
        )
        return found


def test_only_versions_replaced_before_the_moment_are_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for number, colour in enumerate(["red", "green", "blue"]):
        home.sync({"customer_id": "c", "colour": colour, "t": number})
    assert versions(home) == [(1, "red"), (2, "green")]
    assert home.stores.forget_history(START - timedelta(days=1)) == 0
    assert home.stores.forget_history(START + timedelta(days=1000)) == 2
    assert versions(home) == []
    assert home.values(1) == {"colour": "blue"}


def test_stores_that_are_not_open_yet_are_found(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.sync({"customer_id": "c", "colour": "red"})
    home.sync({"customer_id": "c", "colour": "green", "t": 1})
    home.stores.close()
    (tmp_path / "notes.duckdb").write_text("not ours")
    again = Home(tmp_path)
    assert again.stores.forget_history(START + timedelta(days=1000)) == 1
    assert (tmp_path / "notes.duckdb").read_text() == "not ours"


def test_only_samples_of_rows_refused_before_the_moment_are_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.sync({"customer_id": "", "colour": "red"})
    early = home.now
    home.sync({"customer_id": None, "colour": "green"})
    assert len(home.rejects()["no_identity"].samples) == 1
    assert home.stores.forget_reject_samples(early) == 0
    assert home.stores.forget_reject_samples(home.now) == 1  # the first run's
    assert len(home.rejects()["no_identity"].samples) == 1
    assert home.stores.forget_reject_samples(home.now + timedelta(seconds=1)) == 1
    assert home.rejects()["no_identity"].samples == ()
    assert home.rejects()["no_identity"].count == 1


def test_values_are_kept_for_the_versions_that_are_and_for_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    people = ({"customer_id": f"c{number % 3}", "colour": f"{number}", "t": number} for number in range(12))
    home.sync(*people, chunk_rows=2)  # the run replaces its own rows: they are no history
    assert said(home) == ["10", "11", "9"]
    home.sync({"customer_id": "c0", "colour": "red", "t": 20})
    home.sync({"customer_id": "c1", "colour": "10", "t": 21})  # says it again
    assert said(home) == ["10", "11", "9", "red"]
    assert home.stores.forget_history(START + timedelta(days=1000)) == 1
    assert said(home) == ["10", "11", "red"]
    assert home.attributes(2)["colour"].load_timestamp == START + timedelta(seconds=21)


def said(home: Home) -> list[str]:
    """Every value that the store holds."""
    with home.stores.reading(WORKSPACE, Environment.DEVELOPMENT) as opened:
        assert opened is not None
        return sorted(value for (value,) in opened[0].execute("SELECT a_1 FROM v_7").fetchall())
