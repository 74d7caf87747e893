"""What is PostgreSQL's own: TLS, sessions that end, texts that are none, indexes that are used, and what the server sees of us."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from tests.fixtures.certificates import certified
from tests.fixtures.postgres import RunningPostgres, running_postgres
from tests.fixtures.postgres_proxy import Proxy, tls_proxy
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.load_timestamp import ColumnBounds, TimestampClass
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.sql.guard import check_query
from warehouse_sync.sql.wrap import extract
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.protocol import Warehouse

SERVER = certified("server", "localhost")
CERTIFICATE, KEY = SERVER.pem, SERVER.key_pem
STRANGER = certified("stranger", "localhost").pem


@pytest.fixture(scope="module")
def server() -> Iterator[RunningPostgres]:
    with running_postgres() as running:
        running.execute(
            "CREATE TABLE people AS SELECT i AS id, timestamptz '2024-01-01 00:00+00' + interval '1 minute' * i AS updated_at "
            "FROM generate_series(1, 100000) AS i",
            "CREATE INDEX ON people (updated_at)",
            "ANALYZE people",
            "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0",
        )
        running.execute("CREATE TABLE texts AS SELECT E'a\\xff'::text AS t", database="bytes")
        yield running


@pytest.fixture(scope="module")
def encrypted(server: RunningPostgres) -> Iterator[Proxy]:
    with tls_proxy(server.port, CERTIFICATE, KEY) as running:
        yield running


def _open(
    server: RunningPostgres, *, port: int | None = None, tag: str = "conformance", seconds: int = 60, **changes: str
) -> Warehouse:
    number = port or server.port
    fields = {"host": "localhost", "port": str(number), "database": "postgres", "user": server.user}
    address = WarehouseAddress(
        "postgres", {**fields, "sslmode": "disable", **changes}, {"password": Secret(server.password)}
    )
    allowed = (f"localhost:{number}", f"127.0.0.1:{number}")
    policy = WarehousePolicy(allowed_private_hosts=allowed, login_timeout_seconds=5, statement_timeout_seconds=seconds)
    return open_warehouse(address, policy, query_tag=tag)


def _failure(action: Callable[[], object]) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("changes", "is_trusted"),
    [
        ({"sslmode": "require"}, True),
        ({"sslmode": "disable"}, True),
        ({"sslmode": "verify-ca", "sslrootcert": CERTIFICATE.decode()}, True),
        ({"sslmode": "verify-ca", "sslrootcert": CERTIFICATE.decode(), "host": "127.0.0.1"}, True),
        ({"sslmode": "verify-full", "sslrootcert": CERTIFICATE.decode()}, True),
        ({"sslmode": "verify-full", "sslrootcert": STRANGER.decode() + CERTIFICATE.decode()}, True),
        ({"sslmode": "verify-full", "sslrootcert": CERTIFICATE.decode(), "host": "127.0.0.1"}, False),
        ({"sslmode": "verify-full", "sslrootcert": STRANGER.decode()}, False),
        ({"sslmode": "verify-ca", "sslrootcert": STRANGER.decode()}, False),
        ({"sslmode": "require", "sslrootcert": STRANGER.decode()}, False),
        ({"sslmode": "verify-full"}, False),
        ({"sslmode": ""}, False),  # left out
    ],
)
def test_a_certificate_is_looked_at_as_the_mode_says(
    server: RunningPostgres, encrypted: Proxy, changes: dict[str, str], is_trusted: bool
) -> None:
    encrypted.handshakes.clear()
    with closing(_open(server, port=encrypted.port, **changes)) as warehouse:
        if is_trusted:
            warehouse.check()
            assert warehouse.count("SELECT 1") == 1
            assert bool(encrypted.handshakes) is (changes["sslmode"] != "disable")
        else:
            error = _failure(warehouse.check)
            assert (error.fault, error.step) == (WarehouseFault.UNREACHABLE, WarehouseStep.TLS), error.message
            assert _failure(lambda: warehouse.count("SELECT 1")).step is WarehouseStep.TLS


def test_a_server_without_tls_is_refused_unless_the_connection_wants_none(server: RunningPostgres) -> None:
    for mode in ("require", "verify-ca", "verify-full"):
        with closing(_open(server, sslmode=mode)) as warehouse:
            error = _failure(warehouse.check)
        assert (error.step, error.field) == (WarehouseStep.TLS, "sslmode")


def test_certificates_that_are_none_are_refused(server: RunningPostgres) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"
    with closing(_open(server, sslmode="verify-full", sslrootcert=broken)) as warehouse:
        error = _failure(warehouse.check)
    assert (error.fault, error.field) == (WarehouseFault.MISCONFIGURED, "sslrootcert")


def test_the_server_sees_a_named_read_only_session_in_utc_with_a_timeout(server: RunningPostgres) -> None:
    names = ("application_name", "transaction_read_only", "TimeZone", "statement_timeout")
    sql = "SELECT " + ", ".join(f"current_setting('{name}') AS s{place}" for place, name in enumerate(names))
    with closing(_open(server, tag="warehouse-sync pipeline='p' run=7", seconds=42)) as warehouse:
        (batch,) = warehouse.fetch(sql)
    assert list(batch.to_pylist()[0].values()) == ["warehouse-sync pipeline=?p? run=7", "on", "UTC", "42s"]


def test_a_session_that_the_server_ends_is_dropped_and_the_next_statement_has_a_new_one(
    server: RunningPostgres,
) -> None:
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'"
    with closing(_open(server, tag="doomed")) as warehouse:
        rows = warehouse.fetch("SELECT g, repeat('x', 1000) AS t FROM generate_series(1, 1000000) AS g")
        next(rows)
        server.execute(ending)
        error = _failure(lambda: list(rows))
        assert (error.fault, error.step, error.transient) == (WarehouseFault.DROPPED, WarehouseStep.FETCH, True)
        assert warehouse.count("SELECT 1") == 1


def test_bytes_that_are_no_text_fail_for_good(server: RunningPostgres) -> None:
    with closing(_open(server, database="bytes")) as warehouse:
        error = _failure(lambda: list(warehouse.fetch("SELECT t FROM texts")))
    assert (error.fault, error.transient) == (WarehouseFault.QUERY, False)
    assert 'invalid byte sequence for encoding "UTF8"' in error.message  # the server's own words


def test_a_cell_of_a_mebibyte_and_many_columns_come_whole(server: RunningPostgres) -> None:
    columns = ", ".join(f"repeat('{place % 10}', 1048576) AS c{place}" for place in range(20))
    with closing(_open(server)) as warehouse:
        (batch,) = warehouse.fetch(f"SELECT {columns}")
    assert [len(value) for value in batch.to_pylist()[0].values()] == [1 << 20] * 20


def test_an_empty_query_result_keeps_its_schema(server: RunningPostgres) -> None:
    with closing(_open(server)) as warehouse:
        assert warehouse.probe("SELECT * FROM people WHERE false LIMIT 0").types == [
            pa.int64(),
            pa.timestamp("us", "UTC"),
        ]


def test_the_condition_of_an_interval_uses_the_index(server: RunningPostgres) -> None:
    start = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    bounds = ColumnBounds(TimestampClass.INSTANT, start, start + dt.timedelta(hours=1))
    sql = extract(check_query("SELECT id, updated_at FROM people", "postgres"), "updated_at", bounds)
    plan = "\n".join(line for (line,) in server.execute(f"EXPLAIN {sql}"))
    assert "Index Cond" in plan, plan
    with closing(_open(server)) as warehouse:
        assert sum(batch.num_rows for batch in warehouse.fetch(sql)) == 60


def test_a_fetch_does_not_hold_what_was_read(server: RunningPostgres) -> None:
    before = pa.total_allocated_bytes()
    largest = 0
    with closing(_open(server)) as warehouse:
        for batch in warehouse.fetch("SELECT g, repeat('x', 1000) AS t FROM generate_series(1, 200000) AS g"):
            largest = max(largest, pa.total_allocated_bytes() - before)
            del batch
    assert largest < 100 << 20  # of 200 MB


def test_cancelling_reaches_the_server(server: RunningPostgres) -> None:
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slow' AND state = 'active'"
    with closing(_open(server, tag="slow")) as warehouse:
        timer = threading.Timer(0.5, warehouse.cancel)
        timer.start()
        began = time.monotonic()
        error = _failure(lambda: warehouse.count("SELECT count(*) FROM (SELECT pg_sleep(60)) AS q"))
        timer.join()
    assert error.fault is WarehouseFault.TIMED_OUT
    assert time.monotonic() - began < 10
    assert server.execute(running) == [(0,)]


def test_a_secret_of_odd_characters_logs_in_and_is_in_no_message(server: RunningPostgres) -> None:
    odd = "a'b\\c d\"=é"
    server.execute("""CREATE ROLE odd LOGIN PASSWORD E'a\\'b\\\\c d"=é'""")
    fields = {
        "host": "127.0.0.1",
        "port": str(server.port),
        "database": "postgres",
        "user": "odd",
        "sslmode": "disable",
    }
    address = WarehouseAddress("postgres", fields, {"password": Secret(odd)})
    policy = WarehousePolicy(allowed_private_hosts=(f"127.0.0.1:{server.port}",))
    with closing(open_warehouse(address, policy, query_tag="odd")) as warehouse:
        warehouse.check()
        error = _failure(lambda: warehouse.probe("SELECT 'a''b\\c d\"=é'::int"))
    assert odd not in error.message
    wrong = replace(address, secrets={"password": Secret("a'b\\c d\"=e")})
    with closing(open_warehouse(wrong, policy, query_tag="odd")) as warehouse:
        refused: Any = _failure(warehouse.check)
    assert refused.fault is WarehouseFault.CREDENTIALS
