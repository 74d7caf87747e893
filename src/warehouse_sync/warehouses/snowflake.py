"""Reads Snowflake with the vendor's unmodified connector: results as Arrow, one session for one conversation.

Snowflake has no read-only session. What a conversation may do is decided by the guard in ``sql/``, by one statement per call, and by the
privileges of the role.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error as ConnectorError

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import normalise
from warehouse_sync.warehouses.egress import authority
from warehouse_sync.warehouses.faults import fault, missing_parameter, secrets_of
from warehouse_sync.warehouses.network import Host, connected, resolved, shake_hands
from warehouse_sync.warehouses.policy import WarehousePolicy
from warehouse_sync.warehouses.snowflake_address import identifier, snowflake_address
from warehouse_sync.warehouses.snowflake_batches import Repetitions, downloaded, other_rows
from warehouse_sync.warehouses.snowflake_faults import snowflake_fault
from warehouse_sync.warehouses.snowflake_login import Proof, proofs
from warehouse_sync.warehouses.snowflake_types import described_schema

_QUERY_TAG_CHARACTERS: Final = 2000
_NEW_CORE: Final = 5  # the connector's major version that was rewritten
_GRACE_SECONDS: Final = 3

# The connector logs hosts, users and pieces of statements; what of that may be known is in our own errors.
logging.getLogger("snowflake").setLevel(logging.CRITICAL + 1)


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> SnowflakeWarehouse:
    """A conversation with the Snowflake account at an address."""
    return SnowflakeWarehouse(address, policy, query_tag)


class SnowflakeWarehouse:
    """One session on one Snowflake account; see ``warehouses/protocol.py``."""

    bytes_scanned: int | None = None

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy, query_tag: str) -> None:
        self._place = snowflake_address(address, policy.snowflake_endpoint)
        self._host = Host(self._place.host, self._place.port, "Check source_account_id and region")
        self._proofs = proofs(address)
        self._accepted: Proof | None = None
        self._secrets = secrets_of(address)
        self._policy = policy
        self._query_tag = query_tag[:_QUERY_TAG_CHARACTERS]
        self._session: SnowflakeConnection | None = None
        self._cancelled = False

    @property
    def logged_in_with(self) -> str | None:
        """The field of the connection whose proof was accepted; None before the log-in."""
        return self._accepted.name if self._accepted else None

    def check(self) -> str | None:
        self._reach(self._resolve())
        self._open()
        for step, statement in (
            (WarehouseStep.ROLE, f"USE ROLE {identifier(self._place.role)}"),
            (WarehouseStep.WAREHOUSE, f"USE WAREHOUSE {identifier(self._place.warehouse)}"),
            (WarehouseStep.DATABASE, f"USE DATABASE {identifier(self._place.database)}"),
        ):
            with self._executed(statement, step):
                pass
        return self.logged_in_with

    def probe(self, sql: str) -> pa.Schema:
        with self._executed(sql, WarehouseStep.QUERY) as cursor:
            return described_schema(cursor.description)

    def count(self, sql: str) -> int:
        with self._executed(sql, WarehouseStep.QUERY) as cursor:
            return int(cursor.fetchone()[0])

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._executed(sql, WarehouseStep.QUERY) as cursor, self._translated(WarehouseStep.FETCH):
            schema = described_schema(cursor.description)
            options = {"connection": self._session, "force_microsecond_precision": True, **_TO_ARROW_OF_VERSION}
            patience, rows, again = self._policy.network_timeout_seconds, 0, Repetitions()
            for table in downloaded(cursor.get_result_batches() or (), options, patience, again):
                self._refuse_when_cancelled()
                rows += table.num_rows
                for batch in table.to_batches():
                    yield normalise(batch, schema)
            if rows != (cursor.rowcount or 0):
                raise other_rows()
            if again.rows and self._distinct_rows(cursor.sfqid) > rows - again.rows:
                raise other_rows()

    def _distinct_rows(self, query_id: str) -> int:
        """How many different rows a result has, asked of Snowflake, which still holds it: no table is read again.

        Raises:
            WarehouseError: among others, that the result is gone, and nothing tells any more whether its parts were right.
        """
        held = f"TABLE(RESULT_SCAN('{UUID(query_id)}'))"
        try:
            return self.count(f"SELECT COUNT(*) FROM (SELECT DISTINCT * FROM {held}) AS q")
        except WarehouseError as error:
            if error.fault is WarehouseFault.QUERY:
                raise other_rows() from error
            raise

    def cancel(self) -> None:
        """Stops what the session runs, from a second session: the connector cannot cancel a statement it waits for."""
        self._cancelled = True
        running, proof = self._session, self._accepted
        if running is None or proof is None:
            return
        # Best effort: the caller ends the process if this does not help.
        with suppress(Exception), closing(self._connect(proof)) as other, closing(other.cursor()) as cursor:
            cursor.execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({int(running.session_id)})")

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(Exception):  # the conversation is over whether or not the server hears of it
                session.close()

    def _open(self) -> SnowflakeConnection:
        if self._session is None:
            self._resolve()
            self._session = self._log_in()
        return self._session

    def _log_in(self) -> SnowflakeConnection:
        """A session by the first proof that is accepted; the last refusal if none is."""
        for proof in self._proofs:
            try:
                session = self._connect(proof)
            except WarehouseError as error:
                if error.fault is not WarehouseFault.CREDENTIALS or proof is self._proofs[-1]:
                    raise
            else:
                self._accepted = proof
                return session
        raise missing_parameter("password")

    def _connect(self, proof: Proof) -> SnowflakeConnection:
        with self._translated(WarehouseStep.LOGIN, proof):
            return self._connected(proof)

    def _connected(self, proof: Proof) -> SnowflakeConnection:
        place = self._place
        return snowflake.connector.connect(
            account=place.account,
            host=place.host,
            port=place.port,
            protocol=place.protocol,
            user=place.user,
            role=place.role,
            warehouse=place.warehouse,
            database=place.database,
            **proof.arguments,
            application="WarehouseSync",
            login_timeout=self._policy.login_timeout_seconds,
            arrow_number_to_decimal=True,  # without it NUMBER(10,2) becomes a float
            client_store_temporary_credential=False,
            session_parameters=self._session_parameters(),
            **version_arguments(snowflake.connector.__version__, self._policy),
        )

    def _session_parameters(self) -> dict[str, str | int | bool]:
        return {
            "QUERY_TAG": self._query_tag,
            "TIMEZONE": "UTC",
            "STATEMENT_TIMEOUT_IN_SECONDS": self._policy.statement_timeout_seconds,
            "MULTI_STATEMENT_COUNT": 1,
            "ABORT_DETACHED_QUERY": True,  # a statement nobody waits for any more must not run on at the customer's cost
            "CLIENT_TELEMETRY_ENABLED": False,
            "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
        }

    def _resolve(self) -> tuple[str, ...]:
        operators = (authority(self._host.name, self._host.port),) if self._place.is_operators else ()
        return resolved(self._host, (*self._policy.allowed_private_hosts, *operators))

    def _reach(self, addresses: tuple[str, ...]) -> None:
        """Connects to the first address that answers and, where the protocol has it, shakes hands."""
        with connected(self._host, addresses, seconds=self._policy.login_timeout_seconds) as connection:
            if self._place.protocol == "https":
                shake_hands(self._host, connection)

    @contextmanager
    def _executed(self, sql: str, step: WarehouseStep) -> Iterator[Any]:
        """A cursor whose statement has run."""
        session = self._open()
        with self._translated(step), closing(session.cursor()) as cursor:
            self._refuse_when_cancelled()
            cursor.execute(sql)
            yield cursor

    @contextmanager
    def _translated(self, step: WarehouseStep, proof: Proof | None = None) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except ConnectorError as error:
            state = getattr(error, "sqlstate", None)
            text = str(getattr(error, "raw_msg", None) or error)
            used = (proof or self._accepted or self._proofs[0]).name
            raise snowflake_fault(error.errno, state, text, step, self._secrets, proof=used) from error
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise snowflake_fault(None, None, "", step, ()) from error

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled:
            raise fault(WarehouseFault.TIMED_OUT, WarehouseStep.QUERY, "The conversation was cancelled.")


def _is_new_core(version: str) -> bool:
    return int(version.split(".", maxsplit=1)[0]) >= _NEW_CORE


def version_arguments(version: str, policy: WarehousePolicy) -> dict[str, Any]:
    """What only one of the connector's lines understands: above all, how to make its patience end.

    Left alone, 4.x repeats a failed request for ever and 5.x waits for an answer for ever.
    """
    statement = policy.statement_timeout_seconds + _GRACE_SECONDS  # the server's own timeout should strike first
    if _is_new_core(version):
        return {
            # Says how to log out, and thereby answers the question that the connector asks in a FutureWarning.
            "enable_server_session_keep_alive_auto_detection": False,
            "connect_timeout": policy.login_timeout_seconds,
            "query_timeout": statement,
            "retry_timeout": statement,
            "request_timeout": policy.network_timeout_seconds,
            "logout_max_attempts": 1,
            "logout_total_timeout_seconds": _GRACE_SECONDS,
        }
    return {"client_request_mfa_token": False, "network_timeout": statement}


_TO_ARROW_OF_VERSION: Final = {"number_to_decimal": True} if _is_new_core(snowflake.connector.__version__) else {}
"""A batch of the new core does not know what the connection was told; a batch of the old one does."""
