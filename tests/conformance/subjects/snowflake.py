"""The local Snowflake, read by the real connector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from snowflake import connector

from tests.conformance.subjects.subject import KINDS, VALUES, Subject
from tests.conformance.types.snowflake import SNOWFLAKE_TYPES
from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy

KINDS_SQL = """
SELECT 1::NUMBER(9,0) AS small, 18446744073709551615::NUMBER(20,0) AS big,
       1234567890123456789012345678901234.5678::NUMBER(38,4) AS exact, 1.5::FLOAT AS fraction, true AS truth, 'Zoë' AS text,
       '2024-02-29'::DATE AS day, '1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ AS wall,
       '2024-01-01 00:00:00.123456'::TIMESTAMP_TZ AS moment, '10:00:00.000001'::TIME AS clock, TO_BINARY('6162', 'HEX') AS bytes,
       ARRAY_CONSTRUCT('a', 'b') AS tags, PARSE_JSON('{"k": [1, 2]}') AS nested, PARSE_JSON('{"a": 1}') AS document,
       NULL AS nothing
"""


GRANTS = (
    "CREATE ROLE reader",
    "GRANT USAGE ON WAREHOUSE demo_wh TO ROLE reader",
    "GRANT USAGE ON DATABASE shop TO ROLE reader",
    "GRANT USAGE ON SCHEMA shop.public TO ROLE reader",
    "GRANT SELECT ON TABLE shop.public.customers TO ROLE reader",
)


def as_administrator(server: SnowflakeEmulator, *statements: str) -> None:
    """Executes statements in a role that may do everything."""
    with closing(connector.connect(**server.connect_arguments(role="SYSADMIN"))) as session:
        for statement in statements:
            session.cursor().execute(statement)


@contextmanager
def snowflake_subject(folder: Path) -> Iterator[Subject]:
    names = {"role": ["READER", "SYSADMIN"], "warehouse": "DEMO_WH", "database": "SHOP"}
    fields = {"source_account_id": "gd1234", "region": "us-central1.gcp", "warehouse": "demo_wh", "database": "shop"}
    with running_snowflake(**names, sample=20_000, chunk_rows=3000) as server:
        as_administrator(server, *GRANTS)
        yield Subject(
            name="snowflake",
            types=SNOWFLAKE_TYPES,
            address=WarehouseAddress(
                "snowflake", {**fields, "user": "demo", "role": "reader"}, {"password": Secret("demo-password")}
            ),
            policy=WarehousePolicy(
                snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", server.port, "http"), login_timeout_seconds=10
            ),
            kinds_sql=KINDS_SQL,
            kinds=KINDS | {"tags": ColumnKind.JSON, "nothing": ColumnKind.STRING},
            values=VALUES | {"tags": '["a","b"]', "nested": '{"k":[1,2]}', "document": '{"a":1}'},
            many_sql=(
                "SELECT customer_key, email, CASE WHEN is_subscriber THEN lifetime_value END AS half FROM SHOP.PUBLIC.CUSTOMERS"
            ),
            slow_sql=(
                "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 3000000)) a, TABLE(GENERATOR(ROWCOUNT => 300000)) b"
            ),
            writes=(
                "SELECT 1; SELECT 2",
                "SELECT * FROM SHOP.PUBLIC.PURCHASES",
                "DELETE FROM SHOP.PUBLIC.CUSTOMERS",
                "UPDATE SHOP.PUBLIC.CUSTOMERS SET EMAIL = NULL",
                "INSERT INTO SHOP.PUBLIC.CUSTOMERS SELECT * FROM SHOP.PUBLIC.CUSTOMERS",
                "DROP TABLE SHOP.PUBLIC.CUSTOMERS",
                "CREATE TABLE SHOP.PUBLIC.TRAP AS SELECT 1 AS a",
                "GRANT SELECT ON TABLE SHOP.PUBLIC.PURCHASES TO ROLE READER",
                "CREATE USER trap PASSWORD = 'trap'",
            ),
            refused={
                WarehouseStep.CONFIGURE: {"region": "us-central1.evil.example/x"},
                WarehouseStep.LOGIN: {"user": "nobody"},
                WarehouseStep.ROLE: {"role": "nothing"},
                WarehouseStep.WAREHOUSE: {"warehouse": "nothing"},
                WarehouseStep.DATABASE: {"database": "nothing"},
            },
        )
