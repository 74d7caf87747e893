from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from tests.unit.sql.golden_cases import DIALECT_NAMES, GoldenCase, golden, parameters
from warehouse_sync.domain.load_timestamp import Bound, ColumnBounds, TimestampClass
from warehouse_sync.sql.guard import check_query
from warehouse_sync.sql.wrap import count, extract, preview, probe


def _bound(text: str | None, kind: TimestampClass) -> Bound | None:
    if text is None:
        return None
    if kind is TimestampClass.DATE:
        return date.fromisoformat(text)
    return int(text) if kind.value.startswith("integer") else datetime.fromisoformat(text)


def _bounds(case: GoldenCase) -> ColumnBounds:
    kind = TimestampClass(case.keys["class"])
    upper = _bound(case.keys["upper"], kind)
    assert upper is not None
    return ColumnBounds(kind, _bound(case.keys.get("lower"), kind), upper)


@pytest.mark.parametrize("case", parameters(golden("wrapped", own_only=True)))
def test_extract_is_the_golden_statement(case: GoldenCase) -> None:
    sql, expected = case.sql.split("\n=>\n")
    query = check_query(sql, case.dialect)
    assert extract(query, case.keys["column"], _bounds(case)) == expected
    assert count(query, case.keys["column"], _bounds(case)) == expected.replace("SELECT *", "SELECT COUNT(*)", 1)


@pytest.mark.parametrize("case", parameters(golden("accepted")))
def test_every_honest_query_can_be_wrapped(case: GoldenCase) -> None:
    query = check_query(case.sql, case.dialect)
    assert probe(query) == f"SELECT * FROM ({query.text}) AS m LIMIT 0"
    assert preview(query, 7) == f"SELECT * FROM ({query.text}) AS m LIMIT 7"
    statement = extract(query, "x", ColumnBounds(TimestampClass.INTEGER_SECONDS, 1, 2))
    named = f"m.{query.dialect.name_quote}x{query.dialect.name_quote}"
    assert statement == f"SELECT * FROM ({query.text}) AS m WHERE {named} >= 1 AND {named} < 2"


def test_between_is_there_for_compatibility() -> None:
    query = check_query("SELECT * FROM t", "postgres")
    bounds = ColumnBounds(TimestampClass.INTEGER_SECONDS, 1, 2)
    assert extract(query, "x", bounds, inclusive_end=True).endswith('WHERE m."x" BETWEEN 1 AND 2')
    open_bounds = ColumnBounds(TimestampClass.INTEGER_SECONDS, None, 2)
    assert count(query, "x", open_bounds, inclusive_end=True).endswith('WHERE m."x" <= 2')


def test_preview_needs_a_number_of_rows() -> None:
    with pytest.raises(ValueError, match="negative"):
        preview(check_query("SELECT 1", "duckdb"), -1)


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        (TimestampClass.ZONELESS, datetime(2023, 1, 1, tzinfo=UTC)),
        (TimestampClass.INSTANT, datetime(2023, 1, 1)),
        (TimestampClass.DATE, datetime(2023, 1, 1, tzinfo=UTC)),
        (TimestampClass.ZONELESS, date(2023, 1, 1)),
        (TimestampClass.INTEGER_SECONDS, date(2023, 1, 1)),
        (TimestampClass.DATE, 3),
    ],
)
def test_bound_of_the_wrong_class_is_a_mistake_of_ours(dialect: str, kind: TimestampClass, bound: Bound) -> None:
    with pytest.raises(TypeError):
        extract(check_query("SELECT 1", dialect), "x", ColumnBounds(kind, None, bound))


def test_duckdb_counts_and_returns_exactly_the_rows_of_the_interval() -> None:
    start = datetime(2023, 3, 1, tzinfo=UTC).replace(tzinfo=None)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i AS id, TIMESTAMP '2023-03-01' + INTERVAL (i) HOUR AS \"At\" FROM range(-2, 5) r(i)"
        )
        connection.execute("INSERT INTO t VALUES (99, NULL)")
        query = check_query("SELECT * FROM t ORDER BY id DESC; -- all", "duckdb")
        bounds = ColumnBounds(TimestampClass.ZONELESS, start, start + timedelta(hours=3))
        rows = connection.execute(extract(query, "At", bounds)).fetchall()
        counted = connection.execute(count(query, "At", bounds)).fetchall()
        from_the_beginning = connection.execute(
            count(query, "At", ColumnBounds(bounds.kind, None, bounds.upper))
        ).fetchall()
    assert sorted(row[0] for row in rows) == [0, 1, 2]
    assert counted == [(3,)]
    assert from_the_beginning == [(5,)]


def test_duckdb_compares_instants_as_instants() -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute("CREATE TABLE t AS SELECT TIMESTAMPTZ '2023-03-01 00:00:00+00' AS at")
        query = check_query("FROM t", "duckdb")
        start = datetime(2023, 3, 1, tzinfo=UTC)
        inside = ColumnBounds(TimestampClass.INSTANT, start, start + timedelta(seconds=1))
        before = ColumnBounds(TimestampClass.INSTANT, None, start)
        assert connection.execute(count(query, "at", inside)).fetchall() == [(1,)]
        assert connection.execute(count(query, "at", before)).fetchall() == [(0,)]
