"""The local BigQuery, read by Google's client libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from tests.conformance.subjects.subject import KINDS, VALUES, Subject
from tests.conformance.types.bigquery import BIGQUERY_TYPES
from tests.fixtures.bigquery import running_bigquery
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.policy import WarehousePolicy

KINDS_SQL = """
SELECT 1 AS small, NUMERIC '18446744073709551615' AS big, NUMERIC '12345678901234567890123456789.123456789' AS exact,
       1.5 AS fraction, TRUE AS truth, 'Zoë' AS text, DATE '2024-02-29' AS day,
       DATETIME '1969-12-31 23:59:59.999999' AS wall, TIMESTAMP '2024-01-01 00:00:00.123456+00' AS moment,
       TIME '10:00:00.000001' AS clock, FROM_HEX('6162') AS bytes, ['a', 'b'] AS tags, STRUCT([1, 2] AS k) AS nested,
       JSON '{"a": 1}' AS document, CAST(NULL AS STRING) AS nothing
"""


@contextmanager
def bigquery_subject(folder: Path) -> Iterator[Subject]:
    with running_bigquery(folder) as server:
        yield Subject(
            name="bigquery",
            types=BIGQUERY_TYPES,
            address=server.address(),
            policy=WarehousePolicy(bigquery_endpoint=server.endpoint, login_timeout_seconds=10),
            kinds_sql=KINDS_SQL,
            kinds=KINDS | {"nothing": ColumnKind.STRING},
            values=VALUES
            | {
                "big": Decimal("18446744073709551615.000000000"),
                "exact": Decimal("12345678901234567890123456789.123456789"),
                "tags": ["a", "b"],
                "nested": '{"k":[1,2]}',
                "document": '{"a":1}',
            },
            many_sql=(
                "SELECT k AS id, CONCAT('p', CAST(k AS STRING), '@example.com') AS email, IF(MOD(k, 2) = 0, k / 2, NULL) AS half "
                "FROM UNNEST(GENERATE_ARRAY(1, 140000)) AS k"
            ),
            slow_sql=(
                "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 2000000)) AS a, UNNEST(GENERATE_ARRAY(1, 2000000)) AS b "
                "WHERE MOD(a * b, 7) = 3"
            ),
            writes=(
                "SELECT 1; SELECT 2",
                "CREATE TABLE shop.trap AS SELECT 1 AS a",
                "DELETE FROM shop.people WHERE TRUE",
            ),
            longest_name=300,
            odd_names=(
                "with space",
                "émoji",
                "日付",
                "per%cent",
                "a=b+c: <d> #1 | & 'e'",
            ),  # others are BigQuery's to refuse
            name_quote="`",
            refused={
                WarehouseStep.CONFIGURE: {"service_account_id": "somebody@else.example"},
                WarehouseStep.DATABASE: {"dataset_id": "nothing"},
            },
        )
