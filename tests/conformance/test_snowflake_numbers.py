"""Snowflake chooses the width of numbers anew for every part of a result: every value must arrive as it is, whatever came before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse
from warehouse_sync.warehouses.snowflake_batches import DOWNLOADS_AT_ONCE, Repetitions, downloaded

PART_ROWS = 8
EDGES = (7, 15, 31, 63)
FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, 999999)
EPOCH = datetime(1970, 1, 1)

Row = tuple[int, int | None, int | None, int | None, Decimal | None, Decimal | None, datetime | None]


def _parts() -> list[list[int | None]]:
    """Whole numbers, one list for each part of the result. Narrow parts come before wide ones, after them, and between them."""
    around = [[2**edge - 1, -(2**edge), 2**edge - 2, -(2**edge) + 1, None, 0, -1, 1] for edge in EDGES]
    beyond = [[2**edge, -(2**edge) - 1, 2**edge + 1, None, 5, -5, 0, None] for edge in EDGES[:-1]]
    narrow: list[int | None] = [0, 1, -1, None, 7, -7, 100, -100]
    nothing: list[int | None] = [None] * PART_ROWS
    return [narrow, *around, narrow, nothing, *reversed(beyond), narrow]


def _rows() -> list[Row]:
    rows: list[Row] = []
    for number, whole in enumerate(value for part in _parts() for value in part):
        small = None if whole is None else whole % 10**17 * (-1 if whole < 0 else 1)
        big = None if whole is None else whole * 2
        money = None if whole is None else Decimal(whole % 10**9) / 100
        exact = None if whole is None else Decimal(whole) / 10**6
        stamp = FOR_EVER if number % 5 == 0 else EPOCH + timedelta(microseconds=number * 1_000_003 - 40_000_000)
        rows.append((number, whole, small, big, money, exact, None if number % 3 == 0 else stamp))
    return rows


def _text(value: object) -> str:
    if value is None:
        return "NULL"
    return f"'{value.isoformat(sep=' ')}'" if isinstance(value, datetime) else f"'{value}'"


def _select(rows: list[Row]) -> str:
    values = ", ".join(f"({', '.join(_text(value) for value in row)})" for row in rows)
    return f"""SELECT v.n::NUMBER(9,0) AS n, v.whole::NUMBER(38,0) AS whole, v.small::NUMBER(18,0) AS small,
        v.big::NUMBER(20,0) AS big, v.money::NUMBER(12,2) AS money, v.exact::NUMBER(30,6) AS exact,
        v.wall::TIMESTAMP_NTZ AS wall, v.wall::TIMESTAMP_TZ AS moment
        FROM VALUES {values} AS v (n, whole, small, big, money, exact, wall) ORDER BY 1"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[SnowflakeEmulator]:
    with running_snowflake(integer_width="chunk", chunk_rows=PART_ROWS, database="SHOP") as server:
        yield server


@pytest.fixture
def warehouse(emulator: SnowflakeEmulator) -> Iterator[Warehouse]:
    with _opened(emulator) as opened:
        yield opened


def _opened(emulator: SnowflakeEmulator) -> closing[Warehouse]:
    fields = {"source_account_id": "a", "region": "local", "warehouse": "w", "database": "shop", "role": "r"}
    address = WarehouseAddress("snowflake", {**fields, "user": emulator.user}, {"password": Secret(emulator.password)})
    policy = WarehousePolicy(snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", emulator.port, "http"))
    return closing(open_warehouse(address, policy, query_tag="conformance"))


def test_every_number_of_every_part_is_exact(warehouse: Warehouse) -> None:
    rows = _rows()
    sql = _select(rows)
    schema = warehouse.probe(f"SELECT * FROM ({sql}) AS q LIMIT 0")
    batches = list(warehouse.fetch(sql))
    assert len(batches) == len(_parts()) >= 4
    assert all(batch.schema.equals(schema, check_metadata=True) for batch in batches)
    names = ("N", "WHOLE", "SMALL", "BIG", "MONEY", "EXACT", "WALL")
    expected = [{**dict(zip(names, row, strict=True)), "MOMENT": row[6] and row[6].replace(tzinfo=UTC)} for row in rows]
    assert [row for batch in batches for row in batch.to_pylist()] == expected


class _Part:
    """A part of a result as the connector offers it, which notes when it is downloaded."""

    def __init__(self, number: int, announced: int, came: int, log: list[int]) -> None:
        self.rowcount = announced
        self._number, self._came, self._log = number, came, log

    def to_arrow(self, **_options: Any) -> pa.Table:
        self._log.append(self._number)
        return pa.table({"n": [self._number] * self._came})


def test_few_parts_are_downloaded_ahead() -> None:
    log: list[int] = []
    parts = [_Part(number, 2, 2, log) for number in range(20)]
    for used, table in enumerate(downloaded(parts, {}, 5, Repetitions())):
        assert table.column(0).to_pylist() == [used, used]
        assert max(log) <= used + 1 + DOWNLOADS_AT_ONCE
    assert sorted(log) == list(range(20))


def test_leaving_ends_the_downloads() -> None:
    log: list[int] = []
    tables = downloaded([_Part(number, 1, 1, log) for number in range(20)], {}, 5, Repetitions())
    next(tables)
    tables.close()  # type: ignore[attr-defined]
    assert len(log) <= 2 + DOWNLOADS_AT_ONCE


def test_a_part_without_rows_is_not_asked_for() -> None:
    log: list[int] = []
    assert [
        table.num_rows for table in downloaded([_Part(0, 0, 0, log), _Part(1, 3, 3, log)], {}, 5, Repetitions())
    ] == [3]
    assert log == [1]


def test_a_part_that_is_cut_short_is_refused() -> None:
    with pytest.raises(WarehouseError) as caught:
        list(downloaded([_Part(0, 3, 3, []), _Part(1, 3, 2, [])], {}, 5, Repetitions()))
    assert caught.value.fault is WarehouseFault.PROTOCOL
    assert caught.value.transient


def test_equal_parts_are_counted_whatever_the_order_of_their_metadata() -> None:
    again, column = Repetitions(), [pa.array([1, 2, 3])]
    for metadata in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        again.note(pa.table(column, schema=pa.schema([pa.field("n", pa.int64(), metadata=metadata)])))
    again.note(pa.table({"n": [1, 2, 4]}))
    again.note(pa.table({"n": pa.array([1, 2, 3], pa.int8())}))
    assert again.rows == 3


def test_parts_that_are_equal_in_snowflake_are_read(warehouse: Warehouse) -> None:
    same = f"SELECT 1 AS n, 'x' AS t FROM TABLE(GENERATOR(ROWCOUNT => {5 * PART_ROWS}))"
    assert sum(batch.num_rows for batch in warehouse.fetch(same)) == 5 * PART_ROWS


def test_a_part_that_comes_in_place_of_another_is_refused() -> None:
    fault, sql = (
        f"duplicate-chunk:{3 * PART_ROWS}",
        f"SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => {5 * PART_ROWS}))",
    )
    with (
        running_snowflake(fault=fault, chunk_rows=PART_ROWS, database="SHOP") as server,
        _opened(server) as warehouse,
        pytest.raises(WarehouseError) as caught,
    ):
        list(warehouse.fetch(sql))
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.PROTOCOL, WarehouseStep.FETCH)
    assert caught.value.transient


def test_a_part_that_never_arrives_is_given_up() -> None:
    released = threading.Event()

    class Stuck(_Part):
        def to_arrow(self, **_options: Any) -> pa.Table:
            released.wait(30)
            return pa.table({})

    started = time.monotonic()
    with pytest.raises(WarehouseError) as caught:
        list(downloaded([_Part(0, 3, 3, []), Stuck(1, 3, 3, []), _Part(2, 3, 3, [])], {}, 0.3, Repetitions()))
    assert time.monotonic() - started < 5
    released.set()
    assert caught.value.fault is WarehouseFault.TIMED_OUT


def test_a_line_that_parts_fill_is_not_shared_beyond_patience() -> None:
    """Each part needs 0.3 s of a line that three would share, with a patience of 0.6 s."""
    line = threading.Lock()

    class Slow(_Part):
        def to_arrow(self, **options: Any) -> pa.Table:
            with line:
                time.sleep(0.3)
            return super().to_arrow(**options)

    parts = [Slow(number, 1, 1, []) for number in range(4)]
    assert len(list(downloaded(parts, {}, 0.6, Repetitions()))) == 4
