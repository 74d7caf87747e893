from __future__ import annotations

import pytest

from warehouse_sync.sql.dialects import DIALECTS
from warehouse_sync.sql.lexemes import UnsafeText, scan_generated


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgres", "SELECT 1; SELECT 2"),
        ("postgres", "SELECT 1 -- x"),
        ("postgres", "SELECT 1 /* x */"),
        ("postgres", "SELECT 'abc"),
        ("postgres", 'SELECT "abc'),
        ("postgres", "SELECT $$a$$"),
        ("postgres", "SELECT $tag$a$tag$"),
        ("postgres", "SELECT (1"),
        ("postgres", "SELECT 1)"),
        ("postgres", "SELECT (1]"),
        ("postgres", "SELECT `a`"),
        ("postgres", "SELECT e'a\\'"),
        ("postgres", "SELECT 'a\\'; DROP TABLE x; --'"),
        ("snowflake", "SELECT 'a\\'"),
        ("snowflake", "SELECT 1 // 2"),
        ("postgres", "SELECT\u00a01"),
    ],
)
def test_what_generated_text_never_has_is_found(dialect: str, text: str) -> None:
    with pytest.raises(UnsafeText):
        scan_generated(text, DIALECTS[dialect])


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgres", "SELECT 'a\\' AS a, e'a\\'; --' AS b, \"x;--\" FROM t"),
        ("snowflake", "SELECT 'a\\'; --' AS b FROM t"),
        ("duckdb", "SELECT 7 // 2, {'a': [1]} FROM t"),
    ],
)
def test_quoted_text_is_not_looked_into(dialect: str, text: str) -> None:
    scan_generated(text, DIALECTS[dialect])


def test_called_names_are_found_quoted_or_not() -> None:
    scanned = scan_generated('SELECT a.f(1), "G""x"(2), b, (3), \'h\'(4), SYSTEM$W(5)', DIALECTS["postgres"])
    assert scanned.called == ("f", 'G"x', "SYSTEM$W")
