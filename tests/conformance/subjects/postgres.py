"""PostgreSQL, the real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.subjects.subject import KINDS, VALUES, Subject
from tests.conformance.types.postgres import POSTGRES_TYPES
from tests.fixtures.postgres import RunningPostgres, running_postgres
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.policy import WarehousePolicy

PEOPLE = 200_000
KINDS_SQL = """
SELECT 1 AS small, 18446744073709551615::numeric(20,0) AS big, 1234567890123456789012345678901234.5678::numeric(38,4) AS exact,
       1.5::float8 AS fraction, true AS truth, 'Zoë' AS text, DATE '2024-02-29' AS day,
       TIMESTAMP '1969-12-31 23:59:59.999999' AS wall, TIMESTAMPTZ '2024-01-01 00:00:00.123456+00' AS moment,
       TIME '10:00:00.000001' AS clock, '\\x6162'::bytea AS bytes, ARRAY['a', NULL] AS tags, '{"k": [1, 2]}'::jsonb AS nested,
       '{"a": 1}'::json AS document, NULL AS nothing
"""
SETTING_UP = (
    "CREATE DATABASE shop",
    "CREATE ROLE reader LOGIN PASSWORD 'reader-password'",
    "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
    "ALTER ROLE reader SET statement_timeout = 0",
)
TABLES = (
    f"""CREATE TABLE people AS
        SELECT i AS id, 'person' || i || '@example.com' AS email, i * 0.5::float8 AS score, i % 2 = 0 AS even,
               TIMESTAMP '2024-01-01' + interval '1 second' * ((i * 7919::bigint) % {PEOPLE}) AS updated_at
        FROM generate_series(0, {PEOPLE - 1}) AS i""",
    "CREATE TABLE hidden AS SELECT 1 AS a",
    "CREATE TYPE mood AS ENUM ('ok', 'bad')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE DOMAIN zip AS text",
    "CREATE EXTENSION citext",
    "CREATE EXTENSION hstore",
    "GRANT SELECT ON people TO reader",
    "GRANT CREATE ON SCHEMA public TO reader",  # the session must be read-only by itself
    "GRANT INSERT, DELETE ON people TO reader",
)


def prepared_address(server: RunningPostgres) -> WarehouseAddress:
    """A database with a table that everything may be done to but by us."""
    server.execute(*SETTING_UP)
    server.execute(*TABLES, database="shop")
    fields = {"host": "127.0.0.1", "port": str(server.port), "database": "shop", "user": "reader", "sslmode": "disable"}
    return WarehouseAddress("postgres", fields, {"password": Secret("reader-password")})


@contextmanager
def postgres_subject(folder: Path) -> Iterator[Subject]:
    with running_postgres() as server:
        yield postgres_subject_on(server)


def postgres_subject_on(server: RunningPostgres) -> Subject:
    """PostgreSQL on a server that runs."""
    return Subject(
        name="postgres",
        address=prepared_address(server),
        policy=WarehousePolicy(
            allowed_private_hosts=(f"127.0.0.1:{server.port}", "127.0.0.1:1"), login_timeout_seconds=10
        ),
        kinds_sql=KINDS_SQL,
        kinds=KINDS | {"tags": ColumnKind.JSON, "nothing": ColumnKind.STRING},
        values=VALUES
        | {
            "big": "18446744073709551615",
            "exact": "1234567890123456789012345678901234.5678",
            "tags": '["a",null]',
            "nested": '{"k": [1, 2]}',
            "document": '{"a": 1}',
        },
        many_sql="SELECT id, repeat(email, 20), CASE WHEN even THEN score END AS half FROM people",
        many_rows=PEOPLE,
        slow_sql="SELECT pg_sleep(60) IS NULL AS n",
        writes=(
            "CREATE TABLE trap (a INT)",
            "DELETE FROM people",
            "WITH gone AS (DELETE FROM people RETURNING 1) SELECT * FROM gone",
            "COPY people TO '/tmp/trap.csv'",
            "SET statement_timeout = 0",
            "SET TRANSACTION READ WRITE",
            "COMMIT",
            "SELECT 1; DROP TABLE people",
            "SELECT 1; COMMIT; DELETE FROM people",
            "SELECT pg_read_file('/etc/hostname')",
            "SELECT * FROM hidden",
            "SELECT nextval('pg_catalog.nothing')",
        ),
        refused={
            WarehouseStep.CONFIGURE: {"host": "/var/run/postgresql"},
            WarehouseStep.RESOLVE: {"host": "no.such.host.invalid"},
            WarehouseStep.REACH: {"port": "1", "host": "127.0.0.1"},
            WarehouseStep.TLS: {"sslmode": "verify-full"},
            WarehouseStep.LOGIN: {"user": "nobody"},
            WarehouseStep.DATABASE: {"database": "nothing"},
        },
        longest_name=63,
        session={
            "current_setting('application_name')": "conformance",
            "current_setting('transaction_read_only')": "on",
            "current_setting('TimeZone')": "UTC",
            "current_setting('statement_timeout')": "1h",
        },
        types=POSTGRES_TYPES,
    )
