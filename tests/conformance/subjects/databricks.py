"""The stub of Databricks' Statement Execution API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.subjects.subject import KINDS, VALUES, Subject
from tests.conformance.types.databricks import DATABRICKS_TYPES
from tests.fixtures.databricks import CLIENT, CLIENT_SECRET, databricks_address, running_databricks
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.policy import WarehousePolicy

KINDS_SQL = """
SELECT 1 AS small, CAST(18446744073709551615 AS DECIMAL(20, 0)) AS big,
       CAST('1234567890123456789012345678901234.5678' AS DECIMAL(38, 4)) AS exact, CAST(1.5 AS DOUBLE) AS fraction, true AS truth,
       'Zoë' AS text, DATE '2024-02-29' AS day, CAST('1969-12-31 23:59:59.999999' AS TIMESTAMP_NTZ) AS wall,
       CAST('2024-01-01 00:00:00.123456+00:00' AS TIMESTAMP) AS moment, '10:00:00.000001' AS clock, CAST('ab' AS BINARY) AS bytes,
       array('a', 'b') AS tags, named_struct('k', array(1, 2)) AS nested, map('a', 1) AS document, NULL AS nothing
"""


@contextmanager
def databricks_subject(folder: Path) -> Iterator[Subject]:
    with running_databricks(chunk_rows=30_000) as url:
        yield Subject(
            name="databricks",
            types=DATABRICKS_TYPES,
            address=databricks_address({"client_secret": CLIENT_SECRET}, client_id=CLIENT),
            policy=WarehousePolicy(databricks_endpoint=url, login_timeout_seconds=10),
            kinds_sql=KINDS_SQL,
            kinds=KINDS | {"tags": ColumnKind.JSON, "clock": ColumnKind.STRING},
            values=VALUES
            | {"tags": '["a","b"]', "nested": '{"k":[1,2]}', "document": '{"a":1}', "clock": "10:00:00.000001"},
            many_sql=(
                "SELECT id, concat('p', id, '@example.com') AS email, if(id % 2 = 0, id / 2, NULL) AS half FROM range(100000) AS r(id)"
            ),
            slow_sql="SELECT count(*) AS n FROM range(3000000) AS a(x), range(3000000) AS b(y) WHERE x * y % 7 = 3",
            writes=(
                "SELECT 1; SELECT 2",
                "CREATE TABLE main.default.trap AS SELECT 1 AS a",
                "DROP TABLE main.default.people",
                "DELETE FROM main.default.people",
                "INSERT INTO main.default.people SELECT 1",
                "GRANT SELECT ON TABLE main.default.people TO `client-1`",
            ),
            name_quote="`",
            refused={
                WarehouseStep.CONFIGURE: {"http_path": "/sql/protocolv1/o/1/2"},
                WarehouseStep.WAREHOUSE: {"http_path": "/sql/1.0/warehouses/nothing"},
                WarehouseStep.DATABASE: {"catalog": "nothing"},
            },
        )
