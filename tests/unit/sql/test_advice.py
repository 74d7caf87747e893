from __future__ import annotations

import pytest

from warehouse_sync.sql.advice import advice
from warehouse_sync.sql.guard import check_query


def _codes(sql: str, dialect: str = "snowflake", load_timestamp: str = "updated_at") -> list[str]:
    return [item.code for item in advice(check_query(sql, dialect), load_timestamp)]


@pytest.mark.parametrize(
    ("sql", "dialect", "expected"),
    [
        ("SELECT * FROM a.b.c", "snowflake", []),
        ("SELECT customer_id, updated_at FROM a.b.c", "snowflake", []),
        ("SELECT MPID, UPDATED_AT FROM a.b.c", "snowflake", []),
        ("SELECT u.*, 1 AS x FROM a.b.c u", "snowflake", ["upper_case_alias"]),
        ("SELECT score, updated_at FROM a.b.c", "snowflake", ["no_identity"]),
        ("SELECT customer_id FROM a.b.c", "snowflake", ["no_load_timestamp"]),
        ('SELECT email, updated_at, s AS "score" FROM a.b.c', "snowflake", []),
        ("SELECT email, updated_at, s AS score FROM a.b.c", "snowflake", ["upper_case_alias"]),
        ("SELECT e AS email, updated_at FROM a.b.c", "snowflake", []),
        ("SELECT email, updated_at, s AS SCORE FROM a.b.c", "snowflake", []),
        ("SELECT email, updated_at, s AS Score FROM a.b", "postgres", []),
        ("SELECT email, updated_at FROM b.c", "snowflake", ["table_not_qualified"]),
        ("SELECT email, updated_at FROM b.c", "postgres", []),
        ("SELECT email, updated_at FROM c", "duckdb", ["table_not_qualified"]),
        ("WITH x AS (SELECT * FROM a.b.c) SELECT email, updated_at FROM x", "snowflake", []),
        ("SELECT email, updated_at, now() - updated_at AS age FROM b.c", "postgres", ["volatile_column"]),
        ("SELECT email, updated_at, CURRENT_TIMESTAMP AS AT FROM a.b.c", "snowflake", ["volatile_column"]),
        ("SELECT email, updated_at, UUID_STRING() AS U FROM a.b.c", "snowflake", ["volatile_column"]),
        ("SELECT email, updated_at, upper(email) AS U FROM a.b.c", "snowflake", []),
        ("SELECT email, updated_at FROM a.b.c UNION SELECT score, x FROM a.b.d", "snowflake", []),
        ("(SELECT score, x FROM a.b.c)", "snowflake", ["no_identity", "no_load_timestamp"]),
    ],
)
def test_advice_is_given_where_it_helps(sql: str, dialect: str, expected: list[str]) -> None:
    assert _codes(sql, dialect) == expected


def test_load_timestamp_is_compared_without_case() -> None:
    assert _codes("SELECT email, updated_at FROM a.b.c", load_timestamp="UPDATED_AT") == []


def test_messages_name_the_remedy() -> None:
    query = check_query("SELECT email, updated_at, s AS score FROM c", "snowflake")
    messages = " ".join(item.message for item in advice(query, "updated_at"))
    assert "comes back as SCORE" in messages
    assert "database.schema.table" in messages
