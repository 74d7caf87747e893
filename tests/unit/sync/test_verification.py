"""Rows are compared with what the profiles hold: nothing is found where nothing is wrong, and what is wrong is found and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.errors import RunError
from warehouse_sync.profiles.comparison import COMPARED, DIFFERENT, MISSING
from warehouse_sync.profiles.deletion import DuckDbEraser
from warehouse_sync.profiles.extra import EXTRA, Vouched
from warehouse_sync.sync.verification import (
    ExtraSearch,
    OwnRows,
    Vouchers,
    find_differences,
    settle_chunk,
    settle_extra,
)

MODEL = 7
EMAILS = "SELECT h FROM identities WHERE value LIKE '%@x.org'"
SHOP = [{"customer_id": f"c-{n}", "email": f"p{n}@x.org", "tier": f"t{n}", "t": n} for n in range(1, 7)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path)
    yield opened
    opened.stores.close()


def verified(home: Home, rows: pa.Table, *, repairs: bool = False, chunk_rows: int | None = None) -> dict[str, int]:
    """A run that compares rows in the order of their load timestamps; what it has found, by kind."""
    rows = rows.sort_by("t")
    size = chunk_rows or max(1, rows.num_rows)
    chunks = [rows.slice(first, size) for first in range(0, rows.num_rows, size)]
    home.runs += 1
    plan = home.plan(home.key(home.runs), rows)
    home.stores.begin(plan.run, start_over=True)
    findings = find_differences(home.stores, plan, chunks, lambda: False, now=home.now)
    for number, (chunk, finding) in enumerate(zip(chunks, findings, strict=True)):
        settle_chunk(home.stores, plan, number, chunk, finding, repairs=repairs, now=home.now)
    found = {reason: noted.count for reason, noted in home.rejects().items()}
    assert found.pop(COMPARED) == rows.num_rows
    return {reason: count for reason, count in found.items() if reason in {MISSING, DIFFERENT}}


def extra(home: Home, rows: pa.Table, *, until: int, since: int | None = None, runs: list[int]) -> dict[str, int]:
    """What a run finds that compares the rows before a second, and reads all from another on; ``row_extra`` without its profiles is 0."""
    home.runs += 1
    plan = home.plan(home.key(home.runs), rows)
    home.stores.begin(plan.run, start_over=True)
    chunks = [rows.slice(first, 7) for first in range(0, rows.num_rows, 7)]
    own = OwnRows((START + timedelta(seconds=until)).replace(tzinfo=None), inclusive=False)
    vouchers = Vouchers.of(home.stores, plan.run, own, now=home.now)
    findings = find_differences(home.stores, plan, chunks, lambda: False, now=home.now, vouchers=vouchers)
    for number, (chunk, finding) in enumerate(zip(chunks, findings, strict=True)):
        settle_chunk(home.stores, plan, number, chunk, finding, repairs=False, now=home.now)
    begins = None if since is None else (START + timedelta(seconds=since)).replace(tzinfo=None)
    settle_extra(home.stores, plan.run, len(chunks), ExtraSearch(MODEL, "t", runs, begins), vouchers, now=home.now)
    return {reason: noted.count for reason, noted in home.rejects().items()}


def by_hand(home: Home, *statements: str) -> None:
    with home.stores._writing(WORKSPACE, DEVELOPMENT) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_in_a_store_that_nobody_has_touched(home: Home, seed: int) -> None:
    draw = random.Random(seed)
    rows = [
        {
            "customer_id": f"c-{draw.randrange(8)}" if draw.random() < 0.7 else None,
            "email": f"p{draw.randrange(10)}@x.org" if draw.random() < 0.8 else None,
            "tier": draw.choice(["gold", "silver", None]),
            "t": draw.randrange(12),
        }
        for _ in range(60)
    ]
    rows.sort(key=lambda row: row["t"])
    for first, last in ((0, 4), (4, 8), (8, 12)):  # as runs read intervals
        home.apply(table([row for row in rows if first <= row["t"] < last]), chunk_rows=draw.choice([None, 7]))
    before = home.state()
    assert verified(home, table(rows), chunk_rows=13) == {}
    assert verified(home, table(rows), repairs=True) == {}
    assert home.state() == before


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (["DELETE FROM m_7 WHERE profile = 3"], {MISSING: 1}),
        (["DELETE FROM v_7 WHERE seq = 3"], {DIFFERENT: 1}),
        (["UPDATE v_7 SET a_1 = 'changed' WHERE seq IN (2, 3)"], {DIFFERENT: 2}),
        (["UPDATE m_7 SET digest = 1 WHERE profile = 3", "UPDATE v_7 SET a_1 = NULL WHERE seq = 3"], {DIFFERENT: 1}),
        (["DELETE FROM m_7", "DELETE FROM v_7"], {MISSING: 6}),
        (
            [f"DELETE FROM {name} WHERE profile = 3 AND h IN ({EMAILS})" for name in ("lookup", "identities")],
            {DIFFERENT: 1},
        ),
        ([f"DELETE FROM identities WHERE profile = 3 AND h IN ({EMAILS})"], {DIFFERENT: 1}),
        ([f"DELETE FROM lookup WHERE profile = 3 AND h IN ({EMAILS})"], {DIFFERENT: 1}),
        (["DELETE FROM lookup WHERE profile = 3"], {MISSING: 1}),
    ],
)
def test_what_was_damaged_is_found_and_put_back(home: Home, damage: list[str], found: dict[str, int]) -> None:
    home.sync(*SHOP)
    before = home.state()
    by_hand(home, *damage)
    assert verified(home, table(SHOP)) == found
    assert verified(home, table(SHOP), repairs=True, chunk_rows=4) == found  # looking has changed nothing
    assert [state[:3] for state in home.state()] == [state[:3] for state in before]
    assert verified(home, table(SHOP)) == {}


def test_a_person_who_was_taken_out_as_a_whole_comes_back(home: Home) -> None:
    home.sync(*SHOP)
    tables = ("m_7", "profiles", "identities", "lookup")
    by_hand(home, *(f"DELETE FROM {name} WHERE profile = 3" for name in tables))
    assert verified(home, table(SHOP)) == {MISSING: 1}
    [sample] = home.rejects()[MISSING].samples
    assert (sample.row["customer_id"], sample.row["t"]) == ("c-3", "2023-02-13 10:00:03.000000")
    assert verified(home, table(SHOP), repairs=True) == {MISSING: 1}
    assert home.texts(7) == {"tier": "t3"}
    assert verified(home, table(SHOP)) == {}


def test_a_deleted_person_is_neither_missed_nor_brought_back(home: Home) -> None:
    home.sync(*SHOP)
    assert DuckDbEraser(home.stores).delete(WORKSPACE, home.mpid(3), now=START, by="ci") is not None
    assert verified(home, table(SHOP)) == {}
    assert home.rejects()["deleted_person"].count == 1
    assert verified(home, table(SHOP), repairs=True) == {}
    assert home.reader.profile(WORKSPACE, home.mpid(3)) is None


def test_of_people_with_newer_rows_only_those_are_missed(home: Home) -> None:
    home.sync(*SHOP)
    newer: list[dict[str, Any]] = [{**SHOP[0], "tier": "new", "t": 60}, {**SHOP[1], "t": 60}]
    assert verified(home, table([*SHOP, *newer])) == {DIFFERENT: 1}  # the other says what it had said before
    home.sync(*newer)
    assert verified(home, table([*SHOP, *newer])) == {}


def test_rows_of_one_moment_in_several_chunks_excuse_each_other(home: Home) -> None:
    twins = [{"customer_id": "c-1", "tier": tier, "t": 5} for tier in ("first", "second", "third")]
    home.sync(*twins, chunk_rows=1)
    assert home.texts(1) == {"tier": "third"}
    assert verified(home, table(twins), chunk_rows=1) == {}


def test_a_store_that_knows_nothing_of_a_data_model_lacks_all_rows(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with closing(home.stores):
        home.apply(table([{"customer_id": "c-1"}]), model=8)
        assert verified(home, table(SHOP)) == {MISSING: 6}


def test_a_repair_that_died_on_the_way_goes_on_behind_its_last_chunk(home: Home) -> None:
    home.sync(*SHOP)
    by_hand(home, "DELETE FROM m_7 WHERE profile IN (1, 2, 5)")
    rows = table(SHOP)
    chunks = [rows.slice(0, 3), rows.slice(3)]
    applied = 0
    for epoch, left in ((1, [0]), (2, [1])):
        plan = home.plan(home.key(2, epoch), rows)
        assert home.stores.begin(plan.run, start_over=False).chunks == left[0]
        findings = find_differences(home.stores, plan, chunks, lambda: False, now=home.now)
        for number in left:
            counts = settle_chunk(
                home.stores, plan, number, chunks[number], findings[number], repairs=True, now=home.now
            )
            applied += counts.extracted
    assert applied == 3
    home.runs = 2
    assert (home.rejects()[MISSING].count, home.rejects()[COMPARED].count) == (3, 6)
    assert verified(home, rows) == {}


def test_comparing_stops_when_it_is_told_to(home: Home) -> None:
    home.sync(*SHOP)
    rows = table(SHOP)
    with pytest.raises(RunError, match="cancelled"):
        find_differences(home.stores, home.plan(home.key(1), rows), [rows], lambda: True, now=home.now)


@pytest.mark.parametrize("seed", range(4))
def test_what_no_row_says_any_more_is_extra_as_one_row_at_a_time_tells(home: Home, seed: int) -> None:
    """Rows of one pipeline up to second 20, and of another, are read; then some are deleted, some moved on, and some come anew."""
    draw = random.Random(seed)

    def made(people: str, seconds: range) -> list[dict[str, Any]]:
        return [
            {
                "customer_id": f"{people}{draw.randrange(9)}",
                "tier": draw.choice(["gold", "silver", "iron"]),
                "t": second,
            }
            for second in seconds
            for _ in range(draw.randrange(3))
        ]

    rows, others = made("c", range(20)), made("o", range(5))
    own = []
    for first in (0, 7, 14):
        home.apply(table([row for row in rows if first <= row["t"] < first + 7]), chunk_rows=draw.choice([None, 3]))
        own.append(home.runs)
    home.sync(*others)
    left = [row for row in rows if draw.random() < 0.6] + made("c", range(20, 22)) + made("n", range(20, 22))
    since = draw.choice([None, 5])
    read = [row for row in left if since is None or row["t"] >= since]
    said: dict[str, dict[str, Any]] = {}  # what each customer's profile says, and when that was last said
    for row in rows:
        said[row["customer_id"]] = row
    expected = {
        who
        for who, row in said.items()
        if (since is None or row["t"] >= since)
        and not any(
            other["customer_id"] == who and (other["t"] >= row["t"] or other["tier"] == row["tier"]) for other in read
        )
    }
    found = extra(home, table(read), until=20, since=since, runs=own)
    assert (found[EXTRA], found.get(MISSING, 0), found.get(DIFFERENT, 0)) == (len(expected), 0, 0)
    assert found.get(COMPARED, 0) == sum(row["t"] < 20 for row in read)
    named = {sample.row["customer_id"]: sample.row for sample in home.rejects()[EXTRA].samples}
    assert set(named) == expected
    for who, sample in named.items():
        assert sample["tier"] == said[who]["tier"]
        assert sample["t"] == f"{START + timedelta(seconds=said[who]['t']):%Y-%m-%d %H:%M:%S}"
        assert home.stores.codec(WORKSPACE).decode(int(sample["mpid"] or 0)) is not None


def test_of_a_warehouse_that_has_no_row_any_more_all_is_extra(home: Home) -> None:
    home.sync(*SHOP)
    assert extra(home, table(SHOP).slice(0, 0), until=60, runs=[1]) == {EXTRA: 6}
    assert extra(home, table(SHOP).slice(0, 0), until=60, runs=[2]) == {EXTRA: 0}


def test_a_bit_for_each_profile_is_as_good_as_a_set() -> None:
    draw = random.Random(5)
    for size in (1, 8, 9, 100):
        vouched, spoken_for = Vouched(size), set[int]()
        for _ in range(3):
            some = [draw.randrange(size + 5) for _ in range(size // 3)]
            vouched.add(some)
            spoken_for.update(some)
        assert vouched.others(0, size + 50).tolist() == [n for n in range(size) if n not in spoken_for]
        assert vouched.others(8, 16).tolist() == [n for n in range(8, min(16, size)) if n not in spoken_for]
