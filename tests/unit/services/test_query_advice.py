from __future__ import annotations

from warehouse_sync.services.query_advice import common_advice
from warehouse_sync.sql.guard import accepting_dialects


def told(sql: str, stamp: str = "updated_at") -> list[tuple[str, str]]:
    return [(found.code, found.message) for found in common_advice(accepting_dialects(sql), stamp)]


def test_a_good_query_is_not_warned_about() -> None:
    assert told('SELECT u.updated_at, u.email, u.score AS "score" FROM a.b.c AS u') == []


def test_what_holds_in_every_dialect_is_told_once_and_plainly() -> None:
    found = told("SELECT u.score AS SCORE FROM a.b.c AS u")
    assert [code for code, _ in found] == ["no_identity", "no_load_timestamp"]
    assert not any(message.startswith("Read as") for _, message in found)


def test_what_holds_in_one_dialect_names_it() -> None:
    ((code, message),) = told("SELECT u.updated_at, u.email, u.score AS score FROM a.b.c AS u")
    assert code == "upper_case_alias"
    assert message.startswith("Read as Snowflake: The column score comes back as SCORE")


def test_a_query_of_one_dialect_needs_no_name() -> None:
    sql = "SELECT updated_at, email, f.value AS xs FROM a.b.c, TABLE(FLATTEN(tags)) AS f"
    assert [reading.dialect.name for reading in accepting_dialects(sql)] == ["snowflake"]
    ((code, message),) = told(sql)
    assert code == "upper_case_alias"
    assert message.startswith("The column xs")


def test_a_table_without_schema_is_told_in_the_likeliest_words() -> None:
    ((code, message),) = told("SELECT updated_at, email FROM users")
    assert code == "table_not_qualified"
    assert message.endswith("database.schema.table.")


def test_a_table_without_database_lacks_something_in_snowflake_only() -> None:
    ((_, message),) = told("SELECT updated_at, email FROM crm.users")
    assert message.startswith("Read as Snowflake: ")
