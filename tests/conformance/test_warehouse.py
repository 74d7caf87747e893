"""What every warehouse adapter must do, run against each of them: one suite, three subjects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from datetime import time as wall_time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.fixtures.duckdb_shop import make_shop
from tests.fixtures.scripted_warehouse import MODULE, scripted_address
from tests.fixtures.snowflake import running_snowflake
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import column_kinds
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse

KINDS_DUCKDB = """
SELECT 1 AS small, 18446744073709551615::UBIGINT AS big, 1234567890123456789012345678901234.5678::DECIMAL(38,4) AS exact,
       1.5::DOUBLE AS fraction, true AS truth, 'Zoë' AS text, DATE '2024-02-29' AS day,
       TIMESTAMP '1969-12-31 23:59:59.999999' AS wall, TIMESTAMPTZ '2024-01-01 00:00:00.123456+00' AS moment,
       TIME '10:00:00.000001' AS clock, 'ab'::BLOB AS bytes, ['a', NULL] AS tags, {'k': [1, 2]} AS nested,
       '{"a": 1}'::JSON AS document, NULL AS nothing
"""
KINDS_SNOWFLAKE = """
SELECT 1::NUMBER(9,0) AS small, 18446744073709551615::NUMBER(20,0) AS big,
       1234567890123456789012345678901234.5678::NUMBER(38,4) AS exact, 1.5::FLOAT AS fraction, true AS truth, 'Zoë' AS text,
       '2024-02-29'::DATE AS day, '1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ AS wall,
       '2024-01-01 00:00:00.123456'::TIMESTAMP_TZ AS moment, '10:00:00.000001'::TIME AS clock, TO_BINARY('6162', 'HEX') AS bytes,
       ARRAY_CONSTRUCT('a', 'b') AS tags, PARSE_JSON('{"k": [1, 2]}') AS nested, PARSE_JSON('{"a": 1}') AS document,
       NULL AS nothing
"""
VALUES = {
    "small": 1,
    "big": Decimal(18446744073709551615),
    "exact": Decimal("1234567890123456789012345678901234.5678"),
    "fraction": 1.5,
    "truth": True,
    "text": "Zoë",
    "day": date(2024, 2, 29),
    "wall": datetime(1969, 12, 31, 23, 59, 59, 999999),
    "moment": datetime(2024, 1, 1, 0, 0, 0, 123456, UTC),
    "clock": wall_time(10, 0, 0, 1),
    "bytes": b"ab",
    "nothing": None,
}
KINDS = {
    "small": ColumnKind.INTEGER,
    "big": ColumnKind.DECIMAL,
    "exact": ColumnKind.DECIMAL,
    "fraction": ColumnKind.FLOAT,
    "truth": ColumnKind.BOOLEAN,
    "text": ColumnKind.STRING,
    "day": ColumnKind.DATE,
    "wall": ColumnKind.TIMESTAMP,
    "moment": ColumnKind.INSTANT,
    "clock": ColumnKind.TIME,
    "bytes": ColumnKind.BINARY,
    "tags": ColumnKind.LIST,
    "nested": ColumnKind.JSON,
    "document": ColumnKind.JSON,
    "nothing": ColumnKind.NULL,
}


@dataclass(frozen=True)
class Subject:
    """An adapter under test, and how its dialect says the same things."""

    name: str
    address: WarehouseAddress
    policy: WarehousePolicy
    kinds_sql: str
    kinds: dict[str, ColumnKind]
    values: dict[str, Any]
    many_sql: str
    many_rows: int
    slow_sql: str
    writes: tuple[str, ...]
    refused: dict[WarehouseStep, dict[str, str]] = field(default_factory=dict)
    cancels_statements: bool = True

    def open(self, **changes: Any) -> Warehouse:
        return open_warehouse(self.address, replace(self.policy, **changes), query_tag="conformance")


def _duckdb(folder: Path) -> Subject:
    return Subject(
        name="duckdb",
        address=make_shop(folder, 200_000),
        policy=WarehousePolicy(duckdb_root=str(folder)),
        kinds_sql=KINDS_DUCKDB,
        kinds=KINDS,
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
    )


def _scripted(folder: Path) -> Subject:
    plain = _duckdb(folder)
    return replace(
        plain,
        name="scripted",
        address=scripted_address(plain.address.parameters["database"], batch_rows=1000),
        policy=replace(plain.policy, scripted_module=MODULE),
        refused={step: {"fault": f"refuse:{step}"} for step in WarehouseStep},
    )


def _snowflake(port: int) -> Subject:
    fields = {"source_account_id": "gd1234", "region": "us-central1.gcp", "warehouse": "demo_wh", "database": "shop"}
    return Subject(
        name="snowflake",
        address=WarehouseAddress(
            "snowflake", {**fields, "user": "demo", "role": "reader"}, {"password": Secret("demo-password")}
        ),
        policy=WarehousePolicy(
            snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", port, "http"), login_timeout_seconds=10
        ),
        kinds_sql=KINDS_SNOWFLAKE,
        kinds=KINDS | {"tags": ColumnKind.JSON, "nothing": ColumnKind.STRING},
        values=VALUES | {"tags": '["a","b"]', "nested": '{"k":[1,2]}', "document": '{"a":1}'},
        many_sql="SELECT customer_key, email, CASE WHEN is_subscriber THEN lifetime_value END AS half FROM SHOP.PUBLIC.CUSTOMERS",
        many_rows=0,
        slow_sql="SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 3000000)) a, TABLE(GENERATOR(ROWCOUNT => 300000)) b",
        writes=("SELECT 1; SELECT 2",),
        refused={
            WarehouseStep.CONFIGURE: {"region": "us-central1.evil.example/x"},
            WarehouseStep.LOGIN: {"user": "nobody"},
            WarehouseStep.ROLE: {"role": "nothing"},
            WarehouseStep.WAREHOUSE: {"warehouse": "nothing"},
            WarehouseStep.DATABASE: {"database": "nothing"},
        },
        cancels_statements=False,  # the emulator has no SYSTEM$CANCEL_ALL_QUERIES
    )


@pytest.fixture(scope="module", params=["duckdb", "scripted", "snowflake"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    folder = tmp_path_factory.mktemp("warehouses")
    if request.param == "snowflake":
        options = {"role": "READER", "warehouse": "DEMO_WH", "database": "SHOP", "sample": 20_000, "chunk_rows": 3000}
        with running_snowflake(**options) as server:
            yield _snowflake(server.port)
    else:
        yield {"duckdb": _duckdb, "scripted": _scripted}[request.param](folder)


@pytest.fixture
def warehouse(subject: Subject) -> Iterator[Warehouse]:
    with closing(subject.open()) as opened:
        yield opened


def _lower(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    return [{name.lower(): value for name, value in row.items()} for row in batch.to_pylist()]


def _failure(action: Callable[[], object]) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught:
        action()
    return caught.value


def test_check_passes_and_can_be_repeated(warehouse: Warehouse) -> None:
    warehouse.check()
    warehouse.check()


def test_check_names_the_step_that_failed(subject: Subject) -> None:
    for step, wrong in subject.refused.items():
        address = replace(subject.address, parameters={**subject.address.parameters, **wrong})

        def attempt(address: WarehouseAddress = address) -> None:
            with closing(open_warehouse(address, subject.policy, query_tag="conformance")) as opened:
                opened.check()

        error = _failure(attempt)
        assert error.step is step, (wrong, error.message)


def test_probe_gives_names_and_kinds(subject: Subject, warehouse: Warehouse) -> None:
    schema = warehouse.probe(f"SELECT * FROM ({subject.kinds_sql}) AS q LIMIT 0")
    assert {column.name.lower(): column.kind for column in column_kinds(schema)} == subject.kinds


def test_values_are_exact(subject: Subject, warehouse: Warehouse) -> None:
    rows = [row for batch in warehouse.fetch(subject.kinds_sql) for row in _lower(batch)]
    assert rows == [subject.values]


def test_every_batch_has_the_schema_of_the_probe(subject: Subject, warehouse: Warehouse) -> None:
    schema = warehouse.probe(f"SELECT * FROM ({subject.many_sql}) AS q LIMIT 0")
    rows, batches, nulls = 0, 0, 0
    for batch in warehouse.fetch(subject.many_sql):
        assert batch.schema.equals(schema, check_metadata=True)
        rows, batches, nulls = rows + batch.num_rows, batches + 1, nulls + batch.column(2).null_count
    assert rows == warehouse.count(f"SELECT COUNT(*) FROM ({subject.many_sql}) AS q") > 10_000
    assert batches > 2
    assert 0 < nulls < rows


def test_an_empty_result_has_no_rows_and_no_error(subject: Subject, warehouse: Warehouse) -> None:
    empty = f"SELECT * FROM ({subject.many_sql}) AS q WHERE 1 = 0"
    assert sum(batch.num_rows for batch in warehouse.fetch(empty)) == 0
    assert warehouse.count(f"SELECT COUNT(*) FROM ({empty}) AS q") == 0


def test_a_fetch_may_be_left_in_the_middle(subject: Subject, warehouse: Warehouse) -> None:
    rows = warehouse.fetch(subject.many_sql)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS q") == 1


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere.to_be.found", "SELECT missing_column", "SELEC 1", "SELECT (1"])
def test_a_refused_query_is_quoted(warehouse: Warehouse, sql: str) -> None:
    error = _failure(lambda: warehouse.probe(sql))
    assert (error.fault, error.step, error.transient) == (WarehouseFault.QUERY, WarehouseStep.QUERY, False)
    assert "The warehouse says:" in error.message
    warehouse.check()  # the conversation goes on


def test_nothing_but_one_select_gets_through(subject: Subject, warehouse: Warehouse) -> None:
    for sql in subject.writes:
        error = _failure(lambda sql=sql: list(warehouse.fetch(sql)))
        assert error.fault in {WarehouseFault.QUERY, WarehouseFault.PERMISSION}, sql
    if subject.many_rows:
        assert warehouse.count("SELECT COUNT(*) FROM people") == subject.many_rows


def test_the_statement_timeout_strikes(subject: Subject) -> None:
    with closing(subject.open(statement_timeout_seconds=1)) as warehouse:
        started = time.monotonic()
        error = _failure(lambda: list(warehouse.fetch(subject.slow_sql)))
    assert error.fault is WarehouseFault.TIMED_OUT
    assert time.monotonic() - started < 6


def test_cancel_ends_a_fetch_between_batches(subject: Subject, warehouse: Warehouse) -> None:
    rows = warehouse.fetch(subject.many_sql)
    next(rows)
    warehouse.cancel()
    assert _failure(lambda: list(rows)).transient


def test_cancel_ends_a_running_query(subject: Subject) -> None:
    if not subject.cancels_statements:
        pytest.skip("cancelling a running statement cannot be tried here")
    with closing(subject.open(statement_timeout_seconds=30)) as warehouse:
        warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS q")
        timer = threading.Timer(0.5, warehouse.cancel)
        timer.start()
        started = time.monotonic()
        error = _failure(lambda: list(warehouse.fetch(subject.slow_sql)))
        timer.join()
    assert time.monotonic() - started < 10
    assert error.transient


def test_closing_twice_is_harmless(subject: Subject) -> None:
    warehouse = subject.open()
    warehouse.close()
    warehouse.check()
    warehouse.close()
    warehouse.close()
