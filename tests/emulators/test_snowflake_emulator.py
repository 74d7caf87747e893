"""The local Snowflake, seen through the connector that the service uses, unmodified."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
from snowflake import connector

from emulators.snowflake import shop
from tests.fixtures.snowflake import SESSION_CHUNK_ROWS, SnowflakeEmulator, running_snowflake


@contextmanager
def connected(server: SnowflakeEmulator, **overrides: Any) -> Iterator[Any]:
    with closing(connector.connect(**server.connect_arguments(**overrides))) as connection:
        yield connection


@pytest.fixture
def cursor(snowflake: SnowflakeEmulator) -> Iterator[Any]:
    with connected(snowflake) as connection:
        yield connection.cursor()


def rows(cursor: Any, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    cursor.execute(sql, *parameters)
    table = cursor.fetch_arrow_all(force_return_table=True)
    # whole microseconds, because nanoseconds need pandas to become Python values
    instants = {f.name: pa.timestamp("us", f.type.tz) for f in table.schema if pa.types.is_timestamp(f.type)}
    fields = [f.with_type(instants.get(f.name, f.type)) for f in table.schema]
    return table.cast(pa.schema(fields)).to_pylist()


def failure(cursor: Any, sql: str) -> tuple[int, str]:
    with pytest.raises(connector.Error) as caught:
        cursor.execute(sql)
    assert caught.value.sfqid
    return caught.value.errno, caught.value.sqlstate


def refused(server: SnowflakeEmulator, **overrides: Any) -> int:
    with pytest.raises(connector.Error) as caught, connected(server, **overrides):
        pass
    return caught.value.errno


class TestLogIn:
    def test_the_right_password_opens_a_session(self, snowflake: SnowflakeEmulator) -> None:
        with connected(snowflake, role="analyst") as connection:
            told = rows(
                connection.cursor(),
                "SELECT CURRENT_USER() u, CURRENT_ROLE() r, CURRENT_WAREHOUSE() w, CURRENT_DATABASE() d",
            )
        assert told == [{"U": "DEMO", "R": "ANALYST", "W": "DEMO_WH", "D": "SHOP"}]

    @pytest.mark.parametrize("wrong", [{"password": "guess"}, {"password": ""}, {"user": "nobody"}])
    def test_anything_else_is_390100(self, snowflake: SnowflakeEmulator, wrong: dict[str, str]) -> None:
        if not wrong.get("password", "x"):
            wrong = {"password": " "}  # the connector itself refuses an empty one
        assert refused(snowflake, **wrong) == 390100

    def test_a_token_does_not_stand_in_for_a_password(self, snowflake: SnowflakeEmulator) -> None:
        assert refused(snowflake, authenticator="oauth", token="t") == 390303

    def test_a_session_that_was_never_opened_cannot_query(self, snowflake: SnowflakeEmulator) -> None:
        answer = httpx.post(
            f"{snowflake.url}/queries/v1/query-request",
            headers={"Authorization": 'Snowflake Token="made-up"'},
            json={"sqlText": "SELECT 1"},
            trust_env=False,
        )
        assert (answer.status_code, answer.json()["code"]) == (200, "390111")

    def test_it_listens_on_the_loopback_interface_only(self, snowflake: SnowflakeEmulator) -> None:
        listening = [
            c.laddr.ip for c in psutil.Process(snowflake.pid).net_connections() if c.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]

    def test_allow_lists_are_kept_as_snowflake_keeps_them(self) -> None:
        with running_snowflake(role=["reader"], warehouse=["small"], database=["SHOP"], sample=1000) as server:
            assert refused(server, role="owner") == 390189
            with connected(server, role="READER", warehouse="huge") as connection:
                cursor = connection.cursor()
                assert rows(cursor, "SELECT CURRENT_WAREHOUSE() w") == [{"W": None}]
                assert failure(cursor, f"SELECT COUNT(*) FROM {shop.CUSTOMERS}") == (606, "57P03")
                assert failure(cursor, "USE WAREHOUSE huge") == (2043, "02000")
                cursor.execute("USE WAREHOUSE small")
                assert rows(cursor, f"SELECT COUNT(*) n FROM {shop.CUSTOMERS}") == [{"N": shop.first_act_rows(1000)}]
            with connected(server, warehouse="small", database="OTHER") as connection:
                cursor = connection.cursor()
                assert failure(cursor, "SELECT * FROM CUSTOMERS")[0] == 90105
                assert failure(cursor, "SELECT * FROM OTHER.PUBLIC.CUSTOMERS") == (2003, "02000")

    def test_several_users_have_their_own_passwords(self) -> None:
        with running_snowflake(user="first", password="1", more_users={"second": "2"}) as server:
            for user, password in (("first", "1"), ("SECOND", "2")):
                with connected(server, user=user, password=password) as session:
                    assert rows(session.cursor(), "SELECT CURRENT_USER() u") == [{"U": user.upper()}]
            assert refused(server, user="second", password="1") == 390100


class TestValues:
    def test_null_timestamps_stay_null(self, cursor: Any) -> None:
        sql = """SELECT column1::TIMESTAMP_NTZ ntz, column1::TIMESTAMP_TZ tz
                 FROM VALUES (NULL), ('1969-12-31 23:59:59.250000'), ('2025-06-01 12:00:00.000001'), (NULL)"""
        instants = [None, datetime(1969, 12, 31, 23, 59, 59, 250000, UTC), datetime(2025, 6, 1, 12, 0, 0, 1, UTC), None]
        found = rows(cursor, sql)
        assert [row["TZ"] for row in found] == instants
        assert [row["NTZ"] for row in found] == [moment and moment.replace(tzinfo=None) for moment in instants]

    def test_numbers_with_a_scale_are_decimals_when_asked(self, cursor: Any) -> None:
        sql = "SELECT column1::NUMBER(10,2) n FROM VALUES (1.25), (-7.50), (NULL), (99999999.99)"
        assert [row["N"] for row in rows(cursor, sql)] == [
            Decimal("1.25"),
            Decimal("-7.50"),
            None,
            Decimal("99999999.99"),
        ]
        assert (cursor.description[0].precision, cursor.description[0].scale) == (10, 2)

    def test_numbers_with_a_scale_are_floats_when_not_asked(self, snowflake: SnowflakeEmulator) -> None:
        """As on the real wire, where they are integers with a scale beside them; plain decimals would hide a missing option."""
        with connected(snowflake, arrow_number_to_decimal=False) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1.25::NUMBER(10,2) n")
            assert cursor.fetch_arrow_all().schema.field("N").type == pa.float64()

    def test_wide_numbers_are_exact(self, cursor: Any) -> None:
        value = "123456789012345678901234567.125"
        assert rows(cursor, f"SELECT {value}::NUMBER(38,3) n") == [{"N": Decimal(value)}]

    def test_wide_numbers_with_small_values_are_integers_too(self, cursor: Any) -> None:
        cursor.execute("SELECT column1::NUMBER(38,0) n FROM VALUES (-5), (NULL), (9223372036854775807)")
        table = cursor.fetch_arrow_all()
        assert table.schema.field("N").type == pa.int64()
        assert table["N"].to_pylist() == [-5, None, 9223372036854775807]
        assert rows(cursor, "SELECT SUM(column1::NUMBER(20,2))::NUMBER(38,2) n FROM VALUES (-5.25), (NULL)") == [
            {"N": Decimal("-5.25")}
        ]

    def test_integers_are_as_narrow_as_the_values_of_the_result_allow(self, cursor: Any) -> None:
        for largest, expected in (
            (7, pa.int8()),
            (-300, pa.int16()),
            (70_000, pa.int32()),
            (3_000_000_000, pa.int64()),
        ):
            cursor.execute(f"SELECT column1 n FROM VALUES (1), ({largest}), (NULL)")
            assert cursor.fetch_arrow_all().schema.field("N").type == expected

    def test_semi_structured_values_are_json_text_and_say_so(self, cursor: Any) -> None:
        cursor.execute(
            "SELECT ARRAY_CONSTRUCT('a', 'b') a, OBJECT_CONSTRUCT('k', 1) o, PARSE_JSON('{\"x\":[1,2]}') v, "
            "(SELECT ARRAY_AGG(column1) WITHIN GROUP (ORDER BY column1 DESC) FROM VALUES (1), (2)) g, 'text' t"
        )
        table = cursor.fetch_arrow_all()
        assert {name: json.loads(table[name][0].as_py()) for name in "AOVG"} == {
            "A": ["a", "b"],
            "O": {"k": 1},
            "V": {"x": [1, 2]},
            "G": [2, 1],
        }
        kinds = [field.metadata[b"logicalType"].decode() for field in table.schema]
        assert kinds == ["ARRAY", "OBJECT", "VARIANT", "ARRAY", "TEXT"]

    def test_other_types(self, cursor: Any) -> None:
        sql = "SELECT 1.5::FLOAT f, TRUE b, '2025-02-03'::DATE d, 'ü' s, NULL n, 3000000000 i"
        expected = {"F": 1.5, "B": True, "D": date(2025, 2, 3), "S": "ü", "N": None, "I": 3000000000}
        assert rows(cursor, sql) == [expected]

    def test_names_keep_quotes_and_dollars(self, cursor: Any) -> None:
        assert rows(cursor, """SELECT 'Ada' AS "$FirstName", '$x' AS lower, COUNT(*)""") == [
            {"$FirstName": "Ada", "LOWER": "$x", "COUNT(*)": 1}
        ]

    def test_a_query_without_rows_has_columns(self, cursor: Any) -> None:
        cursor.execute(
            "SELECT 1 a, 'b' b, 1.5::NUMBER(4,2) c, '2025-01-01'::TIMESTAMP_NTZ d, ARRAY_CONSTRUCT(1) e LIMIT 0"
        )
        assert [column.name for column in cursor.description] == ["A", "B", "C", "D", "E"]
        assert cursor.fetch_arrow_all(force_return_table=True).num_rows == 0

    def test_a_column_of_nulls_keeps_its_type(self, cursor: Any) -> None:
        cursor.execute("SELECT NULL::NUMBER(4,2) c, NULL::TIMESTAMP_NTZ d, NULL::ARRAY e")
        table = cursor.fetch_arrow_all()
        assert table.to_pylist() == [{"C": None, "D": None, "E": None}]
        assert pa.types.is_decimal(table.schema.field("C").type)
        assert pa.types.is_timestamp(table.schema.field("D").type)

    def test_parameters(self, snowflake: SnowflakeEmulator) -> None:
        with connected(snowflake, paramstyle="qmark") as connection:
            found = rows(connection.cursor(), "SELECT ? a, ? b, ? c", (Decimal("1.25"), "x", None))
        assert found == [{"A": Decimal("1.25"), "B": "x", "C": None}]


class TestDownloads:
    def test_a_large_result_comes_in_chunks_and_complete(self, cursor: Any) -> None:
        wanted = 3 * SESSION_CHUNK_ROWS + 17
        cursor.execute(
            f"SELECT CUSTOMER_KEY FROM {shop.CUSTOMERS} WHERE CUSTOMER_KEY <= {wanted} ORDER BY CUSTOMER_KEY"
        )
        batches = list(cursor.fetch_arrow_batches())
        assert len(batches) > 3
        assert [key for batch in batches for key in batch["CUSTOMER_KEY"].to_pylist()] == list(range(1, wanted + 1))
        assert cursor.rowcount == wanted

    def test_the_width_of_integers_can_differ_between_chunks(self) -> None:
        """Read chunk by chunk: connector 5.2.0 reads all chunks as the first one's type in ``fetch_arrow_batches``."""
        with (
            running_snowflake(sample=50_000, chunk_rows=20_000, integer_width="chunk") as server,
            connected(server) as session,
        ):
            cursor = session.cursor()
            cursor.execute(f"SELECT CUSTOMER_KEY k, LIFETIME_VALUE v FROM {shop.CUSTOMERS} ORDER BY 1")
            tables = [batch.to_arrow(number_to_decimal=True) for batch in cursor.get_result_batches()]
        assert {str(table.schema.field("K").type) for table in tables} == {"int16", "int32"}
        keys = [key for table in tables for key in table["K"].to_pylist()]
        assert keys == list(range(1, shop.first_act_rows(50_000) + 1))
        assert all(pa.types.is_decimal(table.schema.field("V").type) for table in tables)

    def test_memory_stays_bounded_over_many_results(self) -> None:
        with running_snowflake(sample=50_000, chunk_rows=10_000) as server, connected(server) as connection:
            process, cursor = psutil.Process(server.pid), connection.cursor()
            used = []
            for _ in range(40):
                cursor.execute(f"SELECT *, REPEAT(LAST_NAME, 100) AS WIDE FROM {shop.CUSTOMERS}")
                used.append(process.memory_info().rss / 1e6)
        # each result is about 40 MB: 40 of them, kept for ever, would be 1.6 GB, and the last twenty alone 0.8 GB
        assert max(used) - used[0] < 1000
        assert used[-1] - used[20] < 150

    def test_drop_after_resets_the_connection_at_every_attempt(self) -> None:
        with (
            running_snowflake(sample=2000, chunk_rows=500, fault="drop-after:1200") as server,
            connected(server) as connection,
        ):
            cursor = connection.cursor()
            cursor.execute(f"SELECT CUSTOMER_KEY FROM {shop.CUSTOMERS} WHERE CUSTOMER_KEY <= 1000")
            assert sum(batch.num_rows for batch in cursor.fetch_arrow_batches()) == 1000
            with pytest.raises(connector.Error):
                rows(cursor, f"SELECT * FROM {shop.CUSTOMERS}")


class TestRefusals:
    @pytest.mark.parametrize(
        ("sql", "expected"),
        [
            ("SELECT * FROM NOWHERE", (2003, "42S02")),
            ("SELECT * FROM SHOP.NOWHERE.CUSTOMERS", (2003, "02000")),
            ("SELECT * FROM NOWHERE.PUBLIC.CUSTOMERS", (2003, "02000")),
            ("SELECT NOTHING FROM SHOP.PUBLIC.CUSTOMERS", (904, "42000")),
            ("SELECT NOT_A_FUNCTION(1)", (2140, "42601")),
            ("SELEC 1", (1003, "42000")),
            ("SELECT * FROM (SELECT 1;) AS m", (1003, "42000")),
            ("SELECT 'open", (1003, "42000")),
            ("SELECT 1 / 0", (100051, "22012")),
            ("SELECT 10 / ORDERS FROM SHOP.PUBLIC.CUSTOMERS", (100051, "22012")),
            ("SELECT TO_NUMBER('x')", (100035, "22007")),
            ("SELECT 1; SELECT 2", (8, "0A000")),
            ("SELECT $missing", (2211, "02000")),
            ("SELECT PARSE_JSON('{')", (603, "XX000")),
        ],
    )
    def test_have_snowflakes_numbers(self, cursor: Any, sql: str, expected: tuple[int, str]) -> None:
        assert failure(cursor, sql) == expected
        assert rows(cursor, "SELECT 1 a") == [{"A": 1}]

    def test_a_divisor_that_is_never_zero_divides(self, cursor: Any) -> None:
        assert rows(cursor, "SELECT 6 / NULLIF(3, 0) a, 6 / NULLIF(0, 0) b") == [{"A": 2.0, "B": None}]


class TestSession:
    def test_session_and_statement_parameters_are_accepted(self, snowflake: SnowflakeEmulator) -> None:
        parameters = {"QUERY_TAG": "run-1", "TIMEZONE": "UTC", "MULTI_STATEMENT_COUNT": 1}
        with connected(snowflake, session_parameters=parameters) as connection:
            cursor = connection.cursor()
            cursor.execute("ALTER SESSION SET QUERY_TAG = 'run-2', TIMEZONE = 'UTC'")
            cursor.execute("ALTER SESSION UNSET QUERY_TAG")
            assert rows(cursor, "SELECT 1 a") == [{"A": 1}]

    def test_a_statement_timeout_stops_the_statement(self, snowflake: SnowflakeEmulator) -> None:
        with connected(snowflake, session_parameters={"STATEMENT_TIMEOUT_IN_SECONDS": 1}) as connection:
            started = time.monotonic()
            assert failure(connection.cursor(), ENDLESS) == (630, "57014")
        assert time.monotonic() - started < 20

    def test_closing_the_session_stops_its_statement(self, snowflake: SnowflakeEmulator) -> None:
        connection = snowflake_connect(snowflake)
        outcome: list[Exception] = []

        def run() -> None:
            try:
                connection.cursor().execute(ENDLESS)
            except connector.Error as error:
                outcome.append(error)

        running = threading.Thread(target=run)
        running.start()
        time.sleep(1)
        connection.close()
        running.join(20)
        assert not running.is_alive()
        assert outcome

    def test_the_server_stops_within_two_seconds_even_while_busy(self) -> None:
        with running_snowflake(sample=1000) as server:
            connection = snowflake_connect(server)
            busy = threading.Thread(target=_ignoring_errors, args=(connection,), daemon=True)
            busy.start()
            time.sleep(0.5)
            process = psutil.Process(server.pid)
            os.kill(server.pid, signal.SIGTERM)
            started = time.monotonic()
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() - started < 10:
                time.sleep(0.02)
            assert time.monotonic() - started < 2


ENDLESS = """SELECT COUNT(*) FROM SHOP.PUBLIC.PURCHASES a, SHOP.PUBLIC.PURCHASES b, SHOP.PUBLIC.PURCHASES c
             WHERE a.AMOUNT * b.AMOUNT * c.AMOUNT = 12345.67"""


def snowflake_connect(server: SnowflakeEmulator) -> Any:
    return connector.connect(**server.connect_arguments())


def _ignoring_errors(connection: Any) -> None:
    try:
        connection.cursor().execute(ENDLESS)
    except connector.Error:
        return


def test_a_folder_of_databases_survives_a_restart(tmp_path: Any) -> None:
    for act in (1, 2):
        with running_snowflake(data=tmp_path / "data", sample=1000) as server, connected(server) as connection:
            cursor = connection.cursor()
            if act == 1:
                cursor.execute(f"DELETE FROM {shop.CUSTOMERS} WHERE CUSTOMER_KEY = 5")
            assert rows(cursor, f"SELECT COUNT(*) n FROM {shop.CUSTOMERS}") == [{"N": shop.first_act_rows(1000) - 1}]


def test_a_port_that_is_taken_is_said_plainly(snowflake: SnowflakeEmulator) -> None:
    with pytest.raises(RuntimeError, match=f"port {snowflake.port} is taken"), running_snowflake(port=snowflake.port):
        pass
