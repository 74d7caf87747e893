"""What every warehouse adapter must do, run against each of them: one suite, many subjects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.subjects.bigquery import bigquery_subject
from tests.conformance.subjects.databricks import databricks_subject
from tests.conformance.subjects.duckdb import duckdb_subject
from tests.conformance.subjects.postgres import postgres_subject
from tests.conformance.subjects.redshift import redshift_subject
from tests.conformance.subjects.scripted import scripted_subject
from tests.conformance.subjects.snowflake import snowflake_subject
from tests.conformance.subjects.subject import Running, Subject
from tests.conformance.type_table import DROPPED, expected, observed
from tests.fixtures.bigquery import needs_bigquery
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import column_kinds
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES, open_warehouse
from warehouse_sync.warehouses.protocol import Warehouse

SUBJECTS: dict[str, Running] = {
    "duckdb": duckdb_subject,
    "scripted": scripted_subject,
    "snowflake": snowflake_subject,
    "postgres": postgres_subject,
    "redshift": redshift_subject,
    "bigquery": bigquery_subject,
    "databricks": databricks_subject,
}


def test_every_type_of_warehouse_is_a_subject() -> None:
    assert set(SUBJECTS) == {*WAREHOUSE_TYPES, "scripted"}


_ON_DEMAND = {"bigquery": needs_bigquery}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=_ON_DEMAND.get(name, ())) for name in SUBJECTS])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    with SUBJECTS[request.param](tmp_path_factory.mktemp("warehouses")) as running:
        yield running


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


def test_names_of_columns_come_as_they_are_written(subject: Subject, warehouse: Warehouse) -> None:
    names = [*subject.odd_names, "n" * subject.longest_name]
    quote = subject.name_quote
    quoted = [quote + name.replace(quote, quote * 2) + quote for name in names]
    sql = "SELECT " + ", ".join(f"{place} AS {name}" for place, name in enumerate(quoted))
    assert warehouse.probe(f"SELECT * FROM ({sql}) AS q LIMIT 0").names == names
    (batch,) = warehouse.fetch(sql)
    assert batch.to_pylist() == [dict(zip(names, range(len(names)), strict=True))]


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


def test_the_session_is_what_we_asked_for(subject: Subject, warehouse: Warehouse) -> None:
    if not subject.session:
        pytest.skip("it cannot be asked")
    asked = "SELECT " + ", ".join(f"{sql} AS s{place}" for place, sql in enumerate(subject.session))
    (batch,) = warehouse.fetch(asked)
    assert dict(zip(subject.session, batch.to_pylist()[0].values(), strict=True)) == subject.session


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


def test_every_type_becomes_what_the_documentation_says(subject: Subject, warehouse: Warehouse, tmp_path: Path) -> None:
    if subject.types is None:
        pytest.skip("it has no types of its own")
    seen, dropped = observed(warehouse, subject.types, tmp_path)
    assert seen == expected(subject.types)
    assert dropped == sum(sample.text == DROPPED for _, sample in subject.types.samples)
