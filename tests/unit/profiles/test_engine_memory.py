"""What the engine remembers of stored tables is taken from what its buffers may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.unit.profiles.applying import DEVELOPMENT, START, WORKSPACE, Home, table
from warehouse_sync.profiles import engine_memory
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.engine_memory import ROW_GROUP_ROWS, EngineMemory, buffers_mb, structure_bytes
from warehouse_sync.sync.apply import apply_chunk

MB = 1_000_000
ROWS = [{"email": "a", "x": "1"}]


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": "1000MB", "threads": 1}) as connection:
        yield connection


def limit_of(engine: duckdb.DuckDBPyConnection) -> str:
    [(limit,)] = engine.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(limit)


@pytest.mark.parametrize(
    ("structure", "buffers"),
    [(0, 1000), (1, 996), (4 * MB, 996), (4 * MB + 1, 992), (400 * MB, 600), (5_000 * MB, 500)],
)
def test_buffers_get_what_is_left_in_steps_and_never_less_than_half(structure: int, buffers: int) -> None:
    assert buffers_mb(1000, structure) == buffers


def test_every_column_of_every_row_group_counts(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(f"CREATE TABLE narrow AS SELECT i FROM range({ROW_GROUP_ROWS}) r(i)")
    one = structure_bytes(engine)
    engine.execute(f"CREATE TABLE wide AS SELECT i, i AS j, i AS k FROM range({2 * ROW_GROUP_ROWS + 1}) r(i)")
    assert (one > 0, structure_bytes(engine)) == (True, 10 * one)


def test_what_lives_in_a_transaction_only_does_not_count(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute("CREATE TEMP TABLE passing AS SELECT i FROM range(1000) r(i)")
    assert structure_bytes(engine) == 0


def test_the_limit_shrinks_as_tables_grow_and_comes_back(engine: duckdb.DuckDBPyConnection) -> None:
    memory, before = EngineMemory(1000), limit_of(engine)
    memory.share(engine)
    assert limit_of(engine) == before
    columns = ", ".join(f"true AS c_{number}" for number in range(500))
    engine.execute(f"CREATE TABLE stored AS SELECT {columns} FROM range({ROW_GROUP_ROWS + 1}) r(i)")
    memory.share(engine)
    assert memory.setting == "992MB"
    assert limit_of(engine) != before
    engine.execute("DROP TABLE stored")
    memory.share(engine)
    assert (memory.setting, limit_of(engine)) == ("1000MB", before)


def test_an_engine_that_cannot_shrink_now_is_told_the_next_time(engine: duckdb.DuckDBPyConnection) -> None:
    memory = EngineMemory(8)
    engine.execute("SET memory_limit = '600MB'")
    engine.execute("SET temp_directory = ''")
    columns = ", ".join(f"i AS c_{number}" for number in range(40))
    engine.execute(
        f"CREATE TABLE held AS SELECT {columns} FROM range({ROW_GROUP_ROWS}) r(i)"
    )  # in memory: it cannot go
    memory.share(engine)
    assert memory.setting == "8MB"
    engine.execute("DELETE FROM held")
    engine.execute("DROP TABLE held")
    engine.execute("CREATE TABLE held AS SELECT i FROM range(10) r(i)")
    memory.share(engine)
    assert memory.setting == "4MB"


def test_an_engine_that_has_gone_does_no_harm() -> None:
    engine = duckdb.connect()
    engine.close()
    EngineMemory(1000).share(engine)


def test_a_store_tells_the_engine_after_each_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(DuckDbStores(tmp_path / "profiles", b"k" * 32, StoreLimits(memory_mb=1024)))
    try:
        home.stores.begin(home.key(1), start_over=False)
        monkeypatch.setattr(engine_memory, "_COLUMN_BYTES", 1 << 24)  # as if each column were that of many row groups
        apply_chunk(home.stores, home.plan(home.key(1), table(ROWS)), 0, table(ROWS), now=START)
        with home.stores.reading(WORKSPACE, DEVELOPMENT) as opened:
            assert limit_of(opened[0]) == "488.2 MiB"  # half of it
    finally:
        home.stores.close()
