from __future__ import annotations

import contextlib
import sys
import time

import pytest

from tests.unit.sql.golden_cases import DIALECT_NAMES, GoldenCase, golden, parameters
from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.dialects import DIALECTS
from warehouse_sync.sql.guard import CheckedQuery, accepting_dialects, check_query
from warehouse_sync.sql.parsing import DEEPEST, MOST_BYTES, MOST_TOKENS
from warehouse_sync.sql.wrap import probe

WORST_CASES = {
    "sum": "SELECT " + "+".join(["1"] * 32_000),
    "or": "SELECT * FROM t WHERE " + " OR ".join(["a=1"] * 8_000),
    "columns": "SELECT " + ",".join(f"a{n}" for n in range(9_000)),
    "tables": "SELECT * FROM " + ",".join(["t"] * 32_000),
    "joins": "SELECT * FROM t " + "JOIN t ON a=b " * 4_000,
    "casts": "SELECT 1" + "::int" * 12_000,
    "dots": "SELECT a" + ".a" * 32_000,
    "nots": "SELECT " + "NOT " * 16_000 + "1",
    "minuses": "SELECT " + "- " * 32_000 + "1",
    "brackets": "SELECT a" + "[1]" * 20_000,
    "open parentheses": "SELECT " + "(" * 65_000,
    "parentheses": "SELECT " + "(" * 24 + "1" + ")" * 24,
    "arrays": "SELECT " + "ARRAY[" * 24 + "1" + "]" * 24,
    "arrays in calls": "SELECT " + "f(ARRAY[" * 12 + "1" + "])" * 12,
    "structs": "SELECT " + "{'a':" * 24 + "1" + "}" * 24,
    "types": "SELECT CAST(x AS " + "ARRAY<" * 10_000 + "INT" + ">" * 10_000 + ")",
    "cases": "SELECT CASE " + "WHEN a THEN b " * 4_600 + "END",
    "unions": " UNION ALL ".join(["SELECT 1"] * 3_400),
    "with": "WITH " + ",".join(f"a{n} AS (SELECT 1)" for n in range(2_600)) + " SELECT 1",
    "sub-queries": "SELECT * FROM " + "(SELECT * FROM " * 24 + "t" + ") x" * 24,
    "text": "SELECT '" + "a" * 65_000 + "'",
    "comment": "SELECT 1 /*" + "*" * 65_000 + "*/",
    "quotes": "SELECT " + "'" * 65_000,
    "just under, sum": "SELECT " + "+".join(["1"] * (MOST_TOKENS // 2 - 2)),
    "just under, tables": "SELECT * FROM " + ",".join(["t"] * (MOST_TOKENS // 2 - 2)),
    "just under, columns": "SELECT " + ",".join(f"a{n}" for n in range(MOST_TOKENS // 2 - 2)),
    "just under, joins": "SELECT * FROM t " + "JOIN t ON a=b " * (MOST_TOKENS // 6 - 2),
    "just under, calls": "SELECT " + ",".join(["sum(a)"] * (MOST_TOKENS // 5 - 2)),
    "just under, brackets": "SELECT a" + "[1]" * (MOST_TOKENS // 3 - 2),
    "just under, subscripts": "SELECT " + ",".join(["a[1]"] * (MOST_TOKENS // 5 - 2)),
    "just under, arrows": "SELECT " + ",".join(["a->'b'"] * (MOST_TOKENS // 4 - 2)),
    "just under, dates": "SELECT " + ",".join(["DATE '2020-01-01'"] * (MOST_TOKENS // 3 - 2)),
    "just under, casts": "SELECT " + ",".join(["a::int::text"] * (MOST_TOKENS // 6 - 2)),
    "just under, structs": "SELECT " + ",".join(["{'a':b}"] * (MOST_TOKENS // 6 - 2)),
    "just under, alternatives": "SELECT * FROM t WHERE " + " OR ".join(["a"] * (MOST_TOKENS // 2 - 4)),
    "just under, unions": " UNION ALL ".join(["SELECT a"] * (MOST_TOKENS // 4 - 2)),
}


@pytest.mark.parametrize("case", parameters(golden("accepted")))
def test_honest_query_is_accepted_and_its_text_is_a_fixed_point(case: GoldenCase) -> None:
    checked = check_query(case.sql, case.dialect)
    assert check_query(checked.text, case.dialect).text == checked.text


@pytest.mark.parametrize("case", parameters(golden("refused")))
def test_hostile_text_is_refused_with_its_reason(case: GoldenCase) -> None:
    with pytest.raises(SqlRefused) as refused:
        check_query(case.sql, case.dialect)
    assert case.keys["expect"].lower() in refused.value.message.lower()
    assert refused.value.field == "sql_query"
    assert refused.value.code == "sql_refused"
    assert refused.value.message.endswith(".")


def test_there_are_enough_golden_cases() -> None:
    assert len(golden("accepted")) >= 200
    for dialect in DIALECT_NAMES:
        assert sum(case.dialect == dialect for case in golden("refused")) >= 100


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_every_refused_function_is_refused_however_it_is_spelled(dialect: str) -> None:
    refused = DIALECTS[dialect].refused_functions
    names = [*refused.names, *(prefix + "x" for prefix in refused.prefixes)]
    for name in names:
        for spelled in (name, name.upper(), f'"{name}"', f"a.b.{name}", f'a."{name}"', f"{name} /* x */ "):
            for arguments in ("", "1", "'a', 2"):
                with pytest.raises(SqlRefused):
                    check_query(f"SELECT 1 + {spelled}({arguments})", dialect)
        with pytest.raises(SqlRefused):
            check_query(f"SELECT * FROM {name}(1) AS t", dialect)


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_functions_stay_as_the_customer_wrote_them(dialect: str) -> None:
    sql = "SELECT uuid_string(), My_Func(1), nvl(a, b), date_diff('day', a, b), string_agg(DISTINCT a, ',') FROM t"
    assert check_query(sql, dialect).text == sql


def test_is_not_null_stays_what_it_is() -> None:
    assert check_query("select a from t where t is not null", "postgres").text == "SELECT a FROM t WHERE t IS NOT NULL"


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_subscripts_stay_as_the_customer_wrote_them(dialect: str) -> None:
    sql = "SELECT a[0], a[i - 1], a[1 + 1][j] FROM t"
    assert check_query(sql, dialect).text == sql


def test_key_with_a_dot_stays_a_key() -> None:
    assert check_query("SELECT doc -> 'a.b' FROM t", "duckdb").text == "SELECT doc -> 'a.b' FROM t"


def test_message_names_line_and_column_of_a_syntax_error() -> None:
    with pytest.raises(SqlRefused, match=r"line 2, column \d+ near 'm'"):
        check_query("SELECT a\nFRO m t x FROM y", "postgres")


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("name", WORST_CASES)
def test_worst_cases_take_bounded_time_and_never_another_error(dialect: str, name: str) -> None:
    check_query("SELECT 1", dialect)
    started = time.process_time()
    with contextlib.suppress(SqlRefused):
        probe(check_query(WORST_CASES[name], dialect))
    assert time.process_time() - started < 1.0  # 0.3 s on an idle machine; this one is shared


def test_what_grows_when_it_is_written_out_has_a_ceiling_too() -> None:
    with pytest.raises(SqlRefused, match=r"more than 6,000 words and signs; put parts of it into a view"):
        check_query(WORST_CASES["just under, casts"], "duckdb")
    with pytest.raises(SqlRefused, match=r"more than 4,000 words and signs; put parts of it into a view"):
        check_query(WORST_CASES["columns"], "duckdb")


def test_longest_text_is_counted_in_bytes() -> None:
    check_query("SELECT '" + "a" * (MOST_BYTES - 9) + "'", "postgres")
    with pytest.raises(SqlRefused, match="64 KiB"):
        check_query("SELECT '" + "a" * (MOST_BYTES - 8) + "'", "postgres")
    with pytest.raises(SqlRefused, match="64 KiB"):
        check_query("SELECT '" + "é" * (MOST_BYTES // 2) + "'", "postgres")


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_deepest_nesting_passes_even_under_a_deep_stack(dialect: str) -> None:
    deep = "SELECT " + "(" * DEEPEST + "1" + ")" * DEEPEST

    def under(frames: int) -> CheckedQuery:
        return check_query(deep, dialect) if frames == 0 else under(frames - 1)

    assert under(150).text.startswith("SELECT (")
    with pytest.raises(SqlRefused, match="nested too deeply"):
        under(sys.getrecursionlimit() - 300)


def test_only_the_guard_makes_a_checked_query() -> None:
    checked = check_query("SELECT 1", "duckdb")
    with pytest.raises(TypeError):
        CheckedQuery(checked.dialect, "DROP TABLE x", checked.tree, object())
    checked.tree.set("expressions", [])
    assert checked.tree.sql() == "SELECT 1"


def test_query_without_connection_needs_one_dialect() -> None:
    accepted = accepting_dialects("SELECT * FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1")
    assert "snowflake" in [query.dialect.name for query in accepted]
    only_duckdb = accepting_dialects("SELECT * FROM (PIVOT t ON a IN (1) USING sum(b))")
    assert [query.dialect.name for query in only_duckdb] == ["duckdb"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT nextval('s')", "nextval"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "must only read"),
        ("SELECT * FROM t WHERE (", "line 1"),
        ("DROP TABLE t", "begins with 'DROP'"),
        ("SELECT 'abc", "not closed"),
    ],
)
def test_most_helpful_refusal_is_given(sql: str, expected: str) -> None:
    with pytest.raises(SqlRefused, match=r".+") as refused:
        accepting_dialects(sql)
    assert expected in refused.value.message


def test_unknown_dialect_is_refused() -> None:
    with pytest.raises(SqlRefused, match="not supported"):
        check_query("SELECT 1", "oracle")


@pytest.mark.parametrize("dialect", ["snowflake", "duckdb", "postgres"])
@pytest.mark.parametrize("expression", ["list(tags)[1]", "array(tags)[1]", '"array"[1]', '"list"[1]'])
def test_an_element_of_what_is_called_like_an_array_keeps_the_array(dialect: str, expression: str) -> None:
    generated = check_query(f"SELECT customer_id, {expression} AS first FROM crm.people", dialect).text
    inside = expression.split("[", maxsplit=1)[0].strip('"').split("(", maxsplit=1)
    assert inside[-1].rstrip(")").casefold() in generated.casefold()
    assert "(1)" not in generated
