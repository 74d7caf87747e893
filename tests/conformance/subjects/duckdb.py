"""DuckDB, the real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.subjects.subject import VALUES, Subject
from tests.conformance.types.duckdb import DUCKDB_TYPES
from tests.fixtures.duckdb_shop import make_shop
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.policy import WarehousePolicy

KINDS_SQL = """
SELECT 1 AS small, 18446744073709551615::UBIGINT AS big, 1234567890123456789012345678901234.5678::DECIMAL(38,4) AS exact,
       1.5::DOUBLE AS fraction, true AS truth, 'Zoë' AS text, DATE '2024-02-29' AS day,
       TIMESTAMP '1969-12-31 23:59:59.999999' AS wall, TIMESTAMPTZ '2024-01-01 00:00:00.123456+00' AS moment,
       TIME '10:00:00.000001' AS clock, 'ab'::BLOB AS bytes, ['a', NULL] AS tags, {'k': [1, 2]} AS nested,
       '{"a": 1}'::JSON AS document, NULL AS nothing
"""


@contextmanager
def duckdb_subject(folder: Path) -> Iterator[Subject]:
    yield Subject(
        name="duckdb",
        address=make_shop(folder, 200_000),
        policy=WarehousePolicy(duckdb_root=str(folder)),
        kinds_sql=KINDS_SQL,
        values=VALUES | {"tags": ["a", None], "nested": '{"k":[1,2]}', "document": '{"a": 1}'},
        many_sql="SELECT id, email, CASE WHEN even THEN score END AS half FROM people",
        many_rows=200_000,
        slow_sql="SELECT sum(a.range * b.range) AS n FROM range(100000000) a, range(100000000) b",
        writes=(
            "CREATE TABLE trap (a INT)",
            "DELETE FROM people",
            "COPY people TO 'trap.csv'",
            "ATTACH 'trap.duckdb'",
            "SET threads = 1",
            "SELECT 1; DROP TABLE people",
            "SELECT * FROM read_text('/etc/hostname')",
        ),
        refused={WarehouseStep.DATABASE: {"database": "nothing.duckdb"}},
        session={
            "current_setting('TimeZone')": "UTC",
            "current_setting('access_mode')": "read_only",
            "current_setting('enable_external_access')": False,
            "current_setting('lock_configuration')": True,
        },
        types=DUCKDB_TYPES,
    )
