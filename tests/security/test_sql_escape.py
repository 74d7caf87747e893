"""Hostile SQL, mutated: whatever the guard accepts must stay inside the wrapper (reliability figure S9).

``SQL_MUTATIONS`` sets the number of mutations per dialect (default 2,000), ``SQL_MUTATION_SEED`` the seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tests.unit.sql.golden_cases import DIALECT_NAMES, golden
from warehouse_sync.domain.load_timestamp import ColumnBounds, TimestampClass
from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.guard import CheckedQuery, check_query
from warehouse_sync.sql.parsing import parse_generated
from warehouse_sync.sql.wrap import count, extract

MUTATIONS = int(os.environ.get("SQL_MUTATIONS", "2000"))
SEED = int(os.environ.get("SQL_MUTATION_SEED", "20230301"))
START = datetime(2023, 3, 1)
END = datetime(2023, 3, 2)
BOUNDS = ColumnBounds(TimestampClass.ZONELESS, START, END)
FRAGMENTS = (
    "--", "/*", "*/", "'", '"', "$$", "$a$", "\\", ";", "(", ")", "[", "]", "{", "}", ",", ".", "::", "\n", "\r", "\t", "\x00", "\u200b",
    "\u00a0", "\u202e", "\ufeff", "\uff1b", "\uff07", "E'", "U&'", "@", "$1", "?", ":x", "`", "#", "//", "||", ") AS m --",
    ") AS m; DROP TABLE trap; SELECT * FROM (SELECT 1", " UNION SELECT * FROM trap", " OR 1=1", "; DELETE FROM trap;",
    " INTO trap", " FOR UPDATE", " RETURNING *", "pg_sleep(9)", "getenv('HOME')", "SYSTEM$WAIT(9)", "nextval('s')", "read_text('trap.txt')",
    "FROM 'trap.csv'", "FROM trap", "SELECT", "DELETE", " WITH x AS (", " AS ", " WHERE ", " LIMIT 0", "{{", "}}", "{%", "/*!", "NULL",
)  # fmt: skip
SEEDS = (
    "SELECT * FROM rows_in",
    "SELECT id, at FROM rows_in WHERE id > 1 -- all rows",
    "SELECT id, at, 'it''s; -- a text' AS t FROM rows_in /* c */ ORDER BY at;",
    "WITH x AS (SELECT * FROM rows_in) SELECT x.at, x.id FROM x",
    "SELECT at, id FROM rows_in UNION ALL SELECT at, id FROM trap",
    "SELECT * FROM (SELECT at, max(id) OVER (PARTITION BY at) AS id FROM rows_in) q",
    "SELECT CAST(at AS TIMESTAMP) AS at, CASE WHEN id = 1 THEN 'a' ELSE \"id\" || 'b' END AS c FROM rows_in AS r",
)

WRITES = (
    "DELETE FROM trap", "UPDATE trap SET id = 1", "INSERT INTO trap VALUES (1)", "INSERT INTO trap SELECT * FROM rows_in",
    "DROP TABLE trap",
    "CREATE TABLE x AS SELECT 1 AS a", "ALTER TABLE trap ADD COLUMN x INT",
    "TRUNCATE TABLE trap", "GRANT SELECT ON trap TO x",
    "MERGE INTO trap USING rows_in ON trap.id = rows_in.id WHEN MATCHED THEN DELETE", "CALL f()", "COPY trap TO 'x.csv'", "SET x = 1",
    "USE shop", "BEGIN", "COMMIT", "ROLLBACK", "EXPLAIN SELECT 1", "DESCRIBE trap", "SHOW TABLES", "EXECUTE x", "PREPARE x AS SELECT 1",
    "ATTACH 'x.db' AS x", "PRAGMA version", "LOAD x", "INSTALL x", "VACUUM", "ANALYZE trap", "COMMENT ON TABLE trap IS 'x'",
    "EXECUTE IMMEDIATE 'DROP TABLE trap'", "REVOKE SELECT ON trap FROM x", "UNDROP TABLE trap", "PUT file://x @s", "LIST @s",
    "LOCK TABLE trap",
)  # fmt: skip
DISGUISES = (
    "{}", "  \n\t{}", "/* honest */ {}", "-- honest\n{}", "({})", "SELECT 1; {}", "SELECT * FROM rows_in;\n{};", "SELECT * FROM ({}) AS q",
    "WITH x AS ({}) SELECT * FROM x", "WITH x AS (SELECT 1 AS a) {}", "SELECT 1 UNION ALL {}", "SELECT * FROM rows_in WHERE id IN ({})",
    "SELECT ({}) AS a",
)  # fmt: skip


def _disguised() -> Iterator[str]:
    """Every statement that is no query, in every disguise, in three spellings."""
    for write in WRITES:
        for disguise in DISGUISES:
            text = disguise.format(write)
            yield text
            yield text.lower()
            yield text.replace(" ", "/**/")


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_what_is_no_query_is_refused_in_every_disguise(dialect: str) -> None:
    refused = 0
    for text in _disguised():
        try:
            query = check_query(text, dialect)
        except SqlRefused:
            refused += 1
            continue
        # "(USE shop)" is a column and its alias, if it stands where a column may stand
        assert text.lower().startswith("select"), text
        _assert_contained(query, extract(query, "at", BOUNDS))
    assert refused >= 300


def _mutations(dialect: str) -> Iterator[str]:
    chance = random.Random(f"{SEED}-{dialect}")
    corpus = [case.sql for case in golden("refused") if case.dialect == dialect]
    corpus += [case.sql for case in golden("accepted") if case.dialect == dialect]
    for _ in range(MUTATIONS):
        text = chance.choice(SEEDS) if chance.random() < 0.6 else chance.choice(corpus)
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
            text = _mutated(text, chance)
        yield text


def _mutated(text: str, chance: random.Random) -> str:
    at, to = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
    fragment = chance.choice(FRAGMENTS)
    match chance.randrange(8):
        case 0 | 1 | 2:
            return text[:at] + fragment + text[at:]
        case 3:
            return text[:at] + text[min(to, at + 6) :]
        case 4:
            return text + fragment
        case 5:
            return text[:at] + "(" + text[at:to] + ")" + text[to:]
        case 6:
            return text.replace(" ", chance.choice(("/**/", "\n", "\t", "/* ' */", "--\n", "\u3000")))
        case _:
            return text[:at] + chance.choice(SEEDS) + text[to:]


def _read(statement: str, query: CheckedQuery) -> exp.Expr:
    """Reads with the parser as it comes, or with ours where that one knows a function and dislikes its arguments."""
    try:
        trees = sqlglot.parse(statement, read=query.dialect.name)
    except (
        sqlglot.ParseError,
        IndexError,
        AttributeError,
    ):  # the latter two where an argument is missing that a reader looks at
        return parse_generated(statement, query.dialect)
    assert len(trees) == 1
    assert trees[0] is not None
    return trees[0]


def _assert_contained(query: CheckedQuery, statement: str) -> None:
    tree = _read(statement, query)
    assert isinstance(tree, exp.Select)
    assert {name for name, value in tree.args.items() if value} == {"expressions", "from_", "where"}
    derived = tree.args["from_"].this
    assert isinstance(derived, exp.Subquery)
    assert derived.alias == "m"
    assert derived.this == _read(query.text, query)
    assert isinstance(tree.args["where"].this, exp.And)
    quote = query.dialect.name_quote
    assert statement.startswith(f"SELECT * FROM ({query.text}) AS m WHERE m.{quote}at{quote} >= ")
    for kind in (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Drop, exp.Placeholder, exp.Parameter):
        assert tree.find(kind) is None


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_mutated_text_never_escapes(dialect: str) -> None:
    accepted = 0
    for text in _mutations(dialect):
        try:
            query = check_query(text, dialect)
            statement = extract(query, "at", BOUNDS)
        except SqlRefused:  # by the guard, or by the wrapper when it reads its own text back
            continue
        accepted += 1
        _assert_contained(query, statement)
    assert accepted > MUTATIONS // 50  # else the test proves nothing


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = tmp_path / "warehouse.duckdb"
    (tmp_path / "trap.txt").write_text("secret")
    with duckdb.connect(str(path)) as writer:
        writer.execute(
            "CREATE TABLE rows_in AS SELECT i AS id, TIMESTAMP '2023-02-28 12:00' + INTERVAL (i * 6) HOUR AS at FROM range(12) r(i)"
        )
        writer.execute("CREATE TABLE trap AS SELECT i AS id, TIMESTAMP '2023-03-01 12:00' AS at FROM range(3) r(i)")
        writer.execute("CREATE SEQUENCE s")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "python_enable_replacements": "false",
        "threads": "1",
        "memory_limit": "256MB",
    }
    with duckdb.connect(str(path), read_only=True, config=settings) as connection:
        connection.execute("SET lock_configuration = true")
        yield connection


def test_mutated_text_changes_nothing_and_returns_only_the_interval_on_duckdb(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    catalog = "SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY 1"
    sequences = "SELECT sequence_name, last_value FROM duckdb_sequences()"
    checksum = "SELECT count(*), sum(hash(t)) FROM trap t"
    before = [warehouse.execute(sql).fetchall() for sql in (catalog, sequences, checksum)]
    answered = 0
    for text in _mutations("duckdb"):
        try:
            statement = extract(check_query(text, "duckdb"), "at", BOUNDS)
            cursor = warehouse.execute(statement)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(1000)
        except (SqlRefused, duckdb.Error):  # an engine may find only while it fetches that a text makes no sense
            continue
        answered += bool(rows)
        values = [row[names.index("at")] for row in rows] if "at" in names else []
        assert all(START <= value < END for value in values if isinstance(value, datetime)), text
    assert answered > MUTATIONS // 100
    assert [warehouse.execute(sql).fetchall() for sql in (catalog, sequences, checksum)] == before


def test_pasting_text_would_lose_the_filter_and_drop_the_table() -> None:
    """Why the wrapper is a tree: the same texts, pasted, do what they want."""
    hostile = "SELECT * FROM t) AS m --"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id, TIMESTAMP '1999-01-01' AS at; CREATE TABLE trap (x INT)")
        assert connection.execute(f"SELECT * FROM ({hostile}) AS m WHERE at > '2023-01-01'").fetchall()
        connection.execute("SELECT * FROM (SELECT * FROM t) AS m; DROP TABLE trap; SELECT * FROM (SELECT 1) AS m")
        with pytest.raises(duckdb.CatalogException):
            connection.execute("FROM trap")
    with pytest.raises(SqlRefused):
        check_query(hostile, "duckdb")


def test_count_is_contained_as_well() -> None:
    query = check_query("SELECT * FROM t -- x", "postgres")
    [tree] = sqlglot.parse(count(query, "at", BOUNDS), read="postgres")
    assert isinstance(tree, exp.Select)
    assert tree.args["from_"].this.this == sqlglot.parse_one(query.text, read="postgres")
