"""Reads PostgreSQL as Arrow, through the server's own binary COPY, in read-only transactions.

Every statement has a transaction of its own, whose settings are local to it: that works behind a pool of connections, too.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, cast

import pyarrow as pa
from adbc_driver_manager import dbapi as adbc
from adbc_driver_postgresql import dbapi as postgresql

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import normalise
from warehouse_sync.warehouses.catalogue.postgres import POSTGRES
from warehouse_sync.warehouses.faults import fault, secrets_of
from warehouse_sync.warehouses.network import resolved
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.postgres_address import postgres_address
from warehouse_sync.warehouses.postgres_columns import (
    PostgresColumn,
    Reading,
    categories_query,
    described,
    plain,
    read_schema,
    reading_of,
    reading_query,
)
from warehouse_sync.warehouses.postgres_faults import UNREADABLE, postgres_fault
from warehouse_sync.warehouses.postgres_login import tls_context, try_login

_PORT: Final = 5432
_TAG_BYTES: Final = 63  # the server cuts longer names, with a notice
_NOT_IN_A_TAG: Final = re.compile(r"[^ -~]|['\\\\]")
_SILENT_SECONDS: Final = 60
_PRIMARY: Final = "PG_DIAG_MESSAGE_PRIMARY"


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> PostgresWarehouse:
    """A conversation with the PostgreSQL database at an address."""
    return PostgresWarehouse(address, policy, query_tag)


class PostgresWarehouse:
    """One session on one PostgreSQL database; see ``warehouses/protocol.py``."""

    bytes_scanned: int | None = None

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy, query_tag: str) -> None:
        self._place = postgres_address(address, default_port=_PORT)
        self._password = address.secrets["password"]
        self._secrets = secrets_of(address)
        self._policy = policy
        self._tag = _NOT_IN_A_TAG.sub("?", query_tag)[:_TAG_BYTES]
        self._session: adbc.Connection | None = None
        self._running: adbc.Cursor | None = None
        self._certificates: Path | None = None
        self._addresses: tuple[str, ...] = ()
        self._cancelled = False

    def check(self) -> None:
        self._try_login(self._resolve())
        with self._statement(WarehouseStep.DATABASE) as cursor:
            cursor.execute("SELECT 1")

    def probe(self, sql: str) -> pa.Schema:
        with self._statement(WarehouseStep.QUERY) as cursor:
            columns, readings = self._readings(cursor, sql)
            cursor.execute(reading_query(sql, columns, readings))  # privileges are looked at when it runs, not before
            return read_schema(columns, readings)

    def count(self, sql: str) -> int:
        with self._statement(WarehouseStep.QUERY) as cursor:
            cursor.execute(sql)
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._statement(WarehouseStep.QUERY) as cursor:
            columns, readings = self._readings(cursor, sql)
            schema = read_schema(columns, readings)
            cursor.execute(reading_query(sql, columns, readings))
            with self._translated(WarehouseStep.FETCH):
                for batch in _batches(cursor):
                    self._refuse_when_cancelled()
                    yield normalise(plain(batch, schema), schema)

    def cancel(self) -> None:
        self._cancelled = True
        running = self._running
        if running is not None:
            with suppress(adbc.Error):  # it has just ended by itself
                running.adbc_cancel()

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(adbc.Error):  # the conversation is over whether or not the server hears of it
                session.close()
        if self._certificates is not None:
            self._certificates.unlink(missing_ok=True)
            self._certificates = None

    def _readings(self, cursor: adbc.Cursor, sql: str) -> tuple[tuple[PostgresColumn, ...], list[Reading]]:
        columns = described(cursor.adbc_execute_schema(sql))
        if not columns:  # what returns no columns does something
            raise fault(WarehouseFault.QUERY, WarehouseStep.QUERY, "Only a SELECT can be sent to a warehouse.")
        categories: dict[str, str] = {}
        if question := categories_query(columns):
            cursor.execute(question)
            categories = dict(cursor.fetchall())
        return columns, [reading_of(column, categories) for column in columns]

    @contextmanager
    def _statement(self, step: WarehouseStep) -> Iterator[adbc.Cursor]:
        """A cursor in a read-only transaction of its own."""
        session = self._open()
        with self._translated(step), closing(session.cursor()) as cursor:
            self._refuse_when_cancelled()
            self._running = cursor
            try:
                for statement in self._beginning():
                    cursor.execute(statement)
                yield cursor
            except (GeneratorExit, WarehouseError):  # nobody wants the rest; the driver would read it to its end
                with suppress(adbc.Error):
                    cursor.adbc_cancel()
                raise
            finally:
                self._running = None
                self._end(cursor)

    def _beginning(self) -> tuple[str, ...]:
        return (
            "BEGIN TRANSACTION READ ONLY",
            f"SET LOCAL statement_timeout = {self._policy.statement_timeout_seconds * 1000}",
            "SET LOCAL TimeZone = 'UTC'",
            "SET LOCAL IntervalStyle = 'iso_8601'",
            "SET LOCAL DateStyle = 'ISO'",
            "SET LOCAL extra_float_digits = 1",
            f"SET LOCAL application_name = '{self._tag}'",
        )

    def _end(self, cursor: adbc.Cursor) -> None:
        """Ends the transaction; a session in which that fails is given up."""
        try:
            cursor.execute("ROLLBACK")
        except (adbc.Error, OSError):
            self.close()

    def _open(self) -> adbc.Connection:
        if self._session is None:
            addresses = self._resolve()
            try:
                self._session = postgresql.connect(self._conninfo(addresses), autocommit=True)
            except adbc.Error as error:
                self._try_login(addresses)  # it tells by a code what is wrong
                raise postgres_fault(POSTGRES.title, error.sqlstate, "", WarehouseStep.LOGIN) from error
        return self._session

    def _resolve(self) -> tuple[str, ...]:
        """The addresses of the host, judged; looked up once in a conversation."""
        if not self._addresses:
            self._addresses = resolved(self._place.host, self._policy.allowed_private_hosts)
        return self._addresses

    def _try_login(self, addresses: tuple[str, ...]) -> None:
        seconds = self._policy.login_timeout_seconds
        try_login(POSTGRES.title, self._place, self._password, addresses, seconds=seconds)

    def _conninfo(self, addresses: tuple[str, ...]) -> str:
        """The driver connects to the first of the judged addresses that answers; the name is for TLS alone."""
        place = self._place
        parts = {
            "host": ",".join([place.host.name] * len(addresses)),
            "hostaddr": ",".join(addresses),
            "port": str(place.host.port),
            "dbname": place.database,
            "user": place.user,
            "password": self._password.reveal(),
            "sslmode": place.sslmode,
            "gssencmode": "disable",
            "connect_timeout": str(max(2, self._policy.login_timeout_seconds)),  # the driver takes 1 for 2
            "keepalives_idle": str(_SILENT_SECONDS),
            "keepalives_interval": "10",
            "keepalives_count": "6",
            "tcp_user_timeout": str(2 * _SILENT_SECONDS * 1000),
            "application_name": self._tag,
            "client_encoding": "UTF8",
        }
        if place.checks_certificate:
            parts["sslrootcert"] = str(self._certificate_file())
        return " ".join(f"{name}={_quoted(value)}" for name, value in parts.items())

    def _certificate_file(self) -> Path:
        """The trusted certificates where the driver can read them."""
        if self._certificates is None:
            context = tls_context(self._place)
            with tempfile.NamedTemporaryFile("w", prefix="certificates-", suffix=".pem", delete=False) as file:
                file.write(self._place.sslrootcert or _system_certificates(context))
            self._certificates = Path(file.name)
        return self._certificates

    @contextmanager
    def _translated(self, step: WarehouseStep) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except adbc.Error as error:
            raise postgres_fault(POSTGRES.title, error.sqlstate, _text_of(error), step, self._secrets) from error
        except OSError as error:
            raise postgres_fault(POSTGRES.title, None, "", step) from error
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise postgres_fault(POSTGRES.title, UNREADABLE, "", step) from error

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled:
            raise fault(WarehouseFault.TIMED_OUT, WarehouseStep.QUERY, "The conversation was cancelled.")


def _batches(cursor: adbc.Cursor) -> Iterator[pa.RecordBatch]:
    """The rows of a cursor. The reader that the cursor would give loses the server's codes; this one has them."""
    results = cursor._results  # noqa: SLF001
    if results is not None:
        yield from results.reader


def _text_of(error: adbc.Error) -> str:
    """The server's sentence, without our statement, which the driver adds."""
    for name, value in cast("list[tuple[str | bytes, bytes | str]]", error.details):
        if name in {_PRIMARY, _PRIMARY.encode()}:
            return value.decode(errors="replace") if isinstance(value, bytes) else value
    return ""


def _quoted(value: str) -> str:
    """A value of a connection string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _system_certificates(context: ssl.SSLContext) -> str:
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in context.get_ca_certs(binary_form=True))
