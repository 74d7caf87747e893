"""The sample shop: the same people every time, and what the second act changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from snowflake import connector

from emulators.snowflake import shop
from tests.fixtures.snowflake import SESSION_CUSTOMERS, SnowflakeEmulator, running_snowflake

FEW = shop.FEWEST_CUSTOMERS
MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
STAMP = "'2026-03-04 05:06:07.000089'::TIMESTAMP_NTZ"


@pytest.fixture
def small_shop() -> Iterator[Any]:
    """A cursor into a shop of the test's own."""
    with (
        running_snowflake(sample=FEW) as server,
        closing(connector.connect(**server.connect_arguments())) as connection,
    ):
        yield connection.cursor()


@pytest.fixture
def cursor(snowflake: SnowflakeEmulator) -> Iterator[Any]:
    with closing(_connect(snowflake)) as connection:
        yield connection.cursor()


def _connect(server: SnowflakeEmulator) -> Any:
    return connector.connect(**server.connect_arguments())


def number(cursor: Any, condition: str = "TRUE") -> int:
    return cursor.execute(f"SELECT COUNT(*) FROM {shop.CUSTOMERS} WHERE {condition}").fetchone()[0]


def person(cursor: Any, condition: str) -> dict[str, Any]:
    cursor.execute(f"SELECT * FROM ({shop.DATA_MODEL_SQL}) AS m WHERE {condition}")
    (row,) = cursor.fetchall()
    return dict(zip((column.name for column in cursor.description), row, strict=True))


def fingerprint(cursor: Any) -> Any:
    cursor.execute(
        f"SELECT * FROM ({shop.DATA_MODEL_SQL}) AS m WHERE m.CUSTOMER_ID <= 'C-{FEW:06d}' ORDER BY m.CUSTOMER_ID"
    )
    return cursor.fetchall()


def test_the_first_act_has_the_documented_people(cursor: Any) -> None:
    assert number(cursor) == shop.first_act_rows(SESSION_CUSTOMERS)
    assert number(cursor, "CUSTOMER_ID IS NULL AND EMAIL IS NOT NULL") == shop.EMAIL_ONLY
    assert number(cursor, "CUSTOMER_ID IS NULL AND EMAIL IS NULL") == shop.WITHOUT_IDENTITY
    assert 0 < number(cursor, "CUSTOMER_ID IS NOT NULL AND EMAIL IS NULL") < SESSION_CUSTOMERS // 10
    assert (
        number(cursor, f"UPDATED_AT < '{shop.UPDATED_FROM:%Y-%m-%d}' OR UPDATED_AT >= '{shop.UPDATED_UNTIL:%Y-%m-%d}'")
        == 0
    )
    assert number(cursor, "UPDATED_AT = DATE_TRUNC('hour', UPDATED_AT)") >= SESSION_CUSTOMERS // 1000
    cursor.execute(f"SELECT CUSTOMER_ID FROM {shop.CUSTOMERS} WHERE EMAIL = '{shop.SHARED_EMAIL}' ORDER BY 1")
    assert tuple(row[0] for row in cursor) == shop.SHARED_EMAIL_IDS


def test_ids_and_all_other_addresses_are_unique(cursor: Any) -> None:
    cursor.execute(
        f"SELECT EMAIL, COUNT(*) FROM {shop.CUSTOMERS} WHERE EMAIL IS NOT NULL GROUP BY EMAIL HAVING COUNT(*) > 1"
    )
    assert cursor.fetchall() == [(shop.SHARED_EMAIL, 2)]
    cursor.execute(f"SELECT COUNT(*) - COUNT(DISTINCT CUSTOMER_ID) FROM {shop.CUSTOMERS} WHERE CUSTOMER_ID IS NOT NULL")
    assert cursor.fetchone() == (0,)


def test_everybody_has_two_or_three_different_favourites(cursor: Any) -> None:
    sql = f"SELECT COUNT(*) AS n, COUNT(DISTINCT CATEGORY) AS d FROM {shop.PURCHASES} GROUP BY CUSTOMER_KEY"
    cursor.execute(f"SELECT MIN(n), MAX(n), SUM(n) - SUM(d), COUNT(*) FROM ({sql})")
    assert cursor.fetchone() == (2, 3, 0, shop.first_act_rows(SESSION_CUSTOMERS))


def test_the_same_shop_every_time_whatever_its_size(cursor: Any, small_shop: Any) -> None:
    """A small and a large shop begin with the same customers, made by different processes."""
    first = fingerprint(small_shop)
    assert len(first) == FEW
    assert first == fingerprint(cursor)


def test_ada_is_as_documented(cursor: Any) -> None:
    ada = person(cursor, f"m.CUSTOMER_ID = '{shop.ADA_ID}'")
    assert ada == {
        "CUSTOMER_ID": "C-000017",
        "EMAIL": "ada.winter@example.com",
        "$FirstName": "Ada",
        "$LastName": "Winter",
        "$Country": "Sweden",
        "propensity_to_buy": Decimal("0.412"),
        "orders": 3,
        "lifetime_value": Decimal("274.50"),
        "is_subscriber": False,
        "birth_date": datetime(1990, 12, 10, tzinfo=UTC).date(),
        "favorite_categories": '["Books","Music","Garden"]',
        "UPDATED_AT": datetime(2025, 12, 18, 9, 30, 0, 250000),
    }


def test_an_interval_of_the_data_model_takes_seconds(cursor: Any) -> None:
    started = time.monotonic()
    cursor.execute(
        f"SELECT * FROM ({shop.DATA_MODEL_SQL}\n) AS m WHERE m.UPDATED_AT >= '2025-11-01 00:00:00.000000'::timestamp_ntz "
        "AND m.UPDATED_AT < '2025-12-31 00:00:00.000000'::timestamp_ntz"
    )
    found = sum(batch.num_rows for batch in cursor.fetch_arrow_batches())
    assert found == shop.first_act_rows(SESSION_CUSTOMERS)
    assert time.monotonic() - started < 15  # half a second on an idle machine


def test_the_second_act_does_what_it_says(small_shop: Any) -> None:
    cursor = small_shop
    before = {row[0]: row for row in fingerprint(cursor)}
    for statement in shop.second_act(MOMENT, FEW):
        cursor.execute(statement)

    assert number(cursor) == shop.first_act_rows(FEW) + shop.NEW_CUSTOMERS
    assert number(cursor, f"UPDATED_AT = {STAMP}") == shop.second_act_rows(FEW)
    assert number(cursor, f"UPDATED_AT > {STAMP}") == 0
    assert number(cursor, "CUSTOMER_ID IS NULL AND EMAIL IS NOT NULL") == 0
    assert number(cursor, "CUSTOMER_ID IS NULL") == shop.WITHOUT_IDENTITY
    assert number(cursor, "PROPENSITY < 0 OR PROPENSITY > 1") == 0
    changed = {key for key, row in {r[0]: r for r in fingerprint(cursor)}.items() if row != before[key]}
    assert len(changed) == FEW // shop.CHANGED_ONE_IN
    assert shop.ADA_ID in changed


def test_the_second_act_of_the_named_people(small_shop: Any) -> None:
    for statement in shop.second_act(MOMENT, FEW):
        small_shop.execute(statement)

    ada = person(small_shop, f"m.CUSTOMER_ID = '{shop.ADA_ID}'")
    assert (ada["propensity_to_buy"], ada["orders"], ada["lifetime_value"]) == (Decimal("0.873"), 5, Decimal("512.30"))
    assert ada["is_subscriber"] is True
    assert ada["favorite_categories"] == '["Travel","Books","Music","Garden"]'
    assert person(small_shop, f"m.EMAIL = '{shop.GRACE_EMAIL}'")["CUSTOMER_ID"] == f"C-{FEW + 1:06d}"
    new = person(small_shop, f"m.CUSTOMER_ID = 'C-{FEW + 101:06d}'")
    assert new["favorite_categories"] == '["Books","Garden"]'


def test_the_moment_is_written_in_utc_and_must_be_aware() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=-8)))
    assert shop.second_act(elsewhere, FEW) == shop.second_act(MOMENT, FEW)
    assert all(STAMP in statement for statement in shop.second_act(MOMENT, FEW) if "UPDATED_AT =" in statement)
    with pytest.raises(ValueError, match="aware"):
        shop.second_act(MOMENT.replace(tzinfo=None), FEW)
