"""Two columns of one name are refused before any warehouse sees them."""

from __future__ import annotations

import pytest

from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.guard import check_query


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("snowflake", 'SELECT a AS "n", b AS "n" FROM t'),
        ("snowflake", 'SELECT a AS n, b AS "N" FROM t'),
        ("snowflake", "SELECT x.id, y.ID FROM x JOIN y ON x.k = y.k"),
        ("snowflake", "(SELECT a AS n, b AS n FROM t)"),
        ("snowflake", "WITH w AS (SELECT 1 AS a) SELECT a, a FROM w"),
        ("duckdb", 'SELECT a AS n, b AS "N" FROM t'),
        ("duckdb", "SELECT 1 AS n, 2 AS n UNION ALL SELECT 3 AS a, 4 AS b"),
        ("postgres", "SELECT a AS n, b AS N FROM t"),
    ],
)
def test_a_name_written_twice_is_refused(dialect: str, sql: str) -> None:
    with pytest.raises(SqlRefused) as caught:
        check_query(sql, dialect)
    assert (caught.value.code, caught.value.field) == ("repeated_column", "sql_query")
    assert "same name" in caught.value.message


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("snowflake", 'SELECT a AS n, b AS "n" FROM t'),
        ("snowflake", "SELECT v:x, w:x, COUNT(*), COUNT(*) FROM t GROUP BY 1, 2"),
        ("snowflake", "SELECT x.*, y.* FROM x JOIN y ON x.k = y.k"),
        ("duckdb", "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3 AS c, 4 AS c"),
        ("duckdb", "SELECT a FROM (SELECT 1 AS a, 2 AS b, 3 AS b) AS q"),
        ("postgres", 'SELECT a AS n, b AS "N" FROM t'),
    ],
)
def test_names_that_differ_are_let_through(dialect: str, sql: str) -> None:
    check_query(sql, dialect)
