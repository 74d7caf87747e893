"""Reads Amazon Redshift with the vendor's connector, through a cursor of the server, in read-only transactions.

Without a cursor the connector would hold the whole result in memory before the first row comes.
"""

from __future__ import annotations

import itertools
import logging
import re
import ssl
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import redshift_connector
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor
from redshift_connector.error import Error as ConnectorError
from redshift_connector.error import InterfaceError
from scramp import ScramException

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import normalise
from warehouse_sync.warehouses.catalogue.redshift import REDSHIFT, SSL_MODES
from warehouse_sync.warehouses.faults import fault, missing_parameter, parameter, secrets_of
from warehouse_sync.warehouses.network import Host, connected, no_certificate, resolved
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.postgres_address import host_name, plain_name, port_number, wrong_field
from warehouse_sync.warehouses.postgres_faults import UNREADABLE, postgres_fault
from warehouse_sync.warehouses.redshift_rows import RowShape, batch_of, row_shape

_PORT: Final = 5439
_FETCH_ROWS: Final = 10_000
_TAG_BYTES: Final = 63
_NOT_IN_A_TAG: Final = re.compile(r"[^ -~]|['\\]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
_CANCEL_REQUEST: Final = struct.pack("!ii", 16, 80_877_102)
_UNKNOWN_PARAMETER: Final = "42704"
_SLACK_SECONDS: Final = 60  # the server's own timeout strikes first
_IAM: Final = ("access_key_id", "region", "cluster_identifier", "serverless_work_group", "db_user")
_IAM_SECRETS: Final = ("secret_access_key", "session_token")

# The connector logs start-up packets and statements; what of that may be known is in our own errors.
logging.getLogger("redshift_connector").setLevel(logging.CRITICAL + 1)


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> RedshiftWarehouse:
    """A conversation with the Redshift database at an address."""
    return RedshiftWarehouse(address, policy, query_tag)


@dataclass(frozen=True, slots=True)
class _Place:
    """A database and how to log in to it.

    Attributes:
        login: the connector's arguments for logging in; holds secrets.
    """

    host: Host
    database: str
    sslmode: str
    login: Mapping[str, Any]


class RedshiftWarehouse:
    """One session on one Redshift database; see ``warehouses/protocol.py``."""

    bytes_scanned: int | None = None

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy, query_tag: str) -> None:
        self._place = _place(address)
        self._secrets = secrets_of(address)
        self._policy = policy
        self._tag = _NOT_IN_A_TAG.sub("?", query_tag)[:_TAG_BYTES]
        self._session: Connection | None = None
        self._address: str | None = None
        self._numbers = itertools.count(1)
        self._cancelled = False

    def check(self) -> None:
        with self._statement(WarehouseStep.DATABASE) as cursor:
            cursor.execute("SELECT 1")

    def probe(self, sql: str) -> pa.Schema:
        with self._statement(WarehouseStep.QUERY) as cursor:
            return _fetched(cursor, self._declared(cursor, sql), 1).shape.schema

    def count(self, sql: str) -> int:
        with self._statement(WarehouseStep.QUERY) as cursor:
            rows = _fetched(cursor, self._declared(cursor, sql), 1).rows
        return int(rows[0][0]) if rows else 0

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._statement(WarehouseStep.QUERY) as cursor:
            name = self._declared(cursor, sql)
            with self._translated(WarehouseStep.FETCH):
                while (found := _fetched(cursor, name, _FETCH_ROWS)).rows:
                    self._refuse_when_cancelled()
                    yield normalise(batch_of(found.rows, found.shape), found.shape.schema)

    def cancel(self) -> None:
        """Asks the server, over a connection of its own, to stop what the session runs."""
        self._cancelled = True
        key = getattr(self._session, "_backend_key_data", None)
        if key is None or self._address is None:
            return
        # Best effort: the caller ends the process if this does not help.
        with suppress(OSError, WarehouseError):
            seconds = self._policy.login_timeout_seconds
            with connected(self._place.host, (self._address,), seconds=seconds) as asking:
                asking.sendall(_CANCEL_REQUEST + key)
                asking.recv(1)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(Exception):  # the conversation is over whether or not the server hears of it
                session.close()

    def _declared(self, cursor: Cursor, sql: str) -> str:
        """The name of a cursor of the server that reads ``sql``; never the same, for the connector remembers statements by their text."""
        name = f"rows_{next(self._numbers)}"
        cursor.execute(f"DECLARE {name} CURSOR FOR {sql}")
        return name

    @contextmanager
    def _statement(self, step: WarehouseStep) -> Iterator[Cursor]:
        """A cursor of the connector in a read-only transaction of its own."""
        session = self._open()
        with self._translated(step), closing(session.cursor()) as cursor:
            self._refuse_when_cancelled()
            try:
                cursor.execute("BEGIN READ ONLY")
                cursor.execute(f"SET LOCAL statement_timeout TO {self._policy.statement_timeout_seconds * 1000}")
                cursor.execute("SET LOCAL timezone TO 'UTC'")
                yield cursor
            finally:
                self._end(cursor)

    def _end(self, cursor: Cursor) -> None:
        """Ends the transaction; a session in which that fails is given up."""
        try:
            cursor.execute("ROLLBACK")
        except (ConnectorError, OSError):
            self.close()

    def _open(self) -> Connection:
        if self._session is None:
            host = self._place.host
            addresses = _of_version_four(host, resolved(host, self._policy.allowed_private_hosts))
            with connected(host, addresses, seconds=self._policy.login_timeout_seconds) as reached:
                self._address = str(reached.getpeername()[0])
            with self._translated(WarehouseStep.LOGIN):
                self._session = self._connect(self._address)
                self._name_queries(self._session)
        return self._session

    def _connect(self, address: str) -> Connection:
        _judged[self._place.host.name, self._place.host.port] = address
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the way in which the connector asks for TLS
            try:
                session = self._connected()
            except Exception as error:
                _close_abandoned(error)
                raise
        session.autocommit = True  # each statement begins a transaction of ours
        session._usock.settimeout(self._policy.statement_timeout_seconds + _SLACK_SECONDS)  # noqa: SLF001
        return session

    def _connected(self) -> Connection:
        place = self._place
        return redshift_connector.connect(
            host=place.host.name,
            port=place.host.port,
            database=place.database,
            ssl=place.sslmode != "disable",
            sslmode=None if place.sslmode == "disable" else place.sslmode,
            application_name=self._tag,
            timeout=self._policy.login_timeout_seconds,
            tcp_keepalive_idle=60,
            tcp_keepalive_interval=10,
            tcp_keepalive_count=6,
            **place.login,
        )

    def _name_queries(self, session: Connection) -> None:
        """Names pipeline and run to the cluster's query history; only Redshift has such a parameter."""
        with closing(session.cursor()) as cursor:
            try:
                cursor.execute(f"SET query_group TO '{self._tag}'")
            except ConnectorError as error:
                if _facts(error).get("C") != _UNKNOWN_PARAMETER:
                    raise

    @contextmanager
    def _translated(self, step: WarehouseStep) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except ConnectorError as error:
            if step is WarehouseStep.LOGIN and (refused := self._refused_tls(error)):
                raise refused from error
            facts = _facts(error)
            raise postgres_fault(REDSHIFT.title, facts.get("C"), facts.get("M", ""), step, self._secrets) from error
        except (OSError, struct.error) as error:
            raise postgres_fault(REDSHIFT.title, None, "", step) from error
        except (ValueError, TypeError, LookupError, ScramException, pa.ArrowException) as error:
            raise postgres_fault(REDSHIFT.title, UNREADABLE, "", step) from error

    def _refused_tls(self, error: ConnectorError) -> WarehouseError | None:
        """What went wrong with TLS, if that is what went wrong: the connector has no code for it."""
        if any(isinstance(cause, ssl.SSLError) for cause in error.args):
            return no_certificate(self._place.host)
        if error.args == ("Server refuses SSL",):
            return fault(
                WarehouseFault.UNREACHABLE,
                WarehouseStep.TLS,
                f"{self._place.host.name} does not speak TLS.",
                field="sslmode",
            )
        return None

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled:
            raise fault(WarehouseFault.TIMED_OUT, WarehouseStep.QUERY, "The conversation was cancelled.")


@dataclass(frozen=True, slots=True)
class _Fetched:
    shape: RowShape
    rows: Sequence[Sequence[Any]]


def _fetched(cursor: Cursor, name: str, rows: int) -> _Fetched:
    """The next rows of a cursor of the server."""
    cursor.execute(f"FETCH FORWARD {rows} FROM {name}")
    return _Fetched(row_shape(cursor.description or ()), cursor.fetchall())


def _place(address: WarehouseAddress) -> _Place:
    """Reads a connection's fields.

    Raises:
        WarehouseError: a field is missing, or is not what it says it is.
    """
    host = Host(host_name(parameter(address, "host")), port_number(address, _PORT), "Check host and port")
    mode = address.parameters.get("sslmode") or SSL_MODES[0]
    if mode not in SSL_MODES:
        raise wrong_field("sslmode", f"sslmode must be one of: {', '.join(SSL_MODES)}.")
    if "access_key_id" in address.parameters:
        return _Place(host, plain_name(address, "database"), mode, _iam(address, mode))
    if "password" not in address.secrets:
        raise missing_parameter("password")
    login = {"user": plain_name(address, "user"), "password": address.secrets["password"].reveal()}
    return _Place(host, plain_name(address, "database"), mode, login)


def _iam(address: WarehouseAddress, mode: str) -> Mapping[str, Any]:
    if mode == "disable":
        raise wrong_field("sslmode", "Logging in by IAM needs TLS: let sslmode be verify-full.")
    if not _REGION.fullmatch(parameter(address, "region")):
        raise wrong_field("region", "region must be a region's name, like us-west-2.")
    if "secret_access_key" not in address.secrets:
        raise missing_parameter("secret_access_key")
    given = {name: address.parameters[name] for name in _IAM if name in address.parameters}
    secrets = {name: address.secrets[name].reveal() for name in _IAM_SECRETS if name in address.secrets}
    return {"iam": True, "is_serverless": "serverless_work_group" in given, **given, **secrets}


def _of_version_four(host: Host, addresses: Iterable[str]) -> tuple[str, ...]:
    """The addresses that the connector can use."""
    found = tuple(address for address in addresses if ":" not in address)
    if not found:
        raise fault(
            WarehouseFault.UNREACHABLE, WarehouseStep.RESOLVE, f"{host.name} has no IPv4 address. {host.remedy}."
        )
    return found


def _close_abandoned(error: Exception) -> None:
    """Closes the socket that the connector leaves open when a log-in fails."""
    step = error.__traceback__
    while step is not None:
        found = step.tb_frame.f_locals.get("self")
        if isinstance(found, Connection):
            found._usock.close()  # noqa: SLF001
        step = step.tb_next


def _facts(error: ConnectorError) -> Mapping[str, str]:
    """What the server said, by PostgreSQL's letters: C is the code, M the sentence."""
    found = error.args[0] if error.args else None
    return found if isinstance(found, dict) else {}


_judged: dict[tuple[str, int], str] = {}
"""The address that was judged for each host and port of this process's conversations."""


def _address_of(host: str, port: int) -> tuple[str, int]:
    """In place of the connector's own look-up: a name that leads elsewhere by now must not be followed."""
    if (host, port) not in _judged:
        raise InterfaceError("this host was not judged")
    return _judged[host, port], port


setattr(Connection, "_Connection__get_host_address_info", staticmethod(_address_of))  # noqa: B010
