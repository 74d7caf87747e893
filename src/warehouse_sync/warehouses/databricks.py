"""Reads Databricks by its Statement Execution API: plain HTTP, results as Arrow from links to cloud storage.

The vendor's connector speaks the same API, but reaches links and repeats requests by its own rules; here every host is judged and every
wait ends. There is no read-only session: what a conversation may do is decided by the guard in ``sql/`` and by the privileges.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pyarrow as pa

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import normalise
from warehouse_sync.warehouses.databricks_address import databricks_address
from warehouse_sync.warehouses.databricks_faults import broken, http_fault, statement_fault, too_late, unanswered
from warehouse_sync.warehouses.databricks_types import described_schema, marked
from warehouse_sync.warehouses.egress import authority
from warehouse_sync.warehouses.faults import fault, missing_parameter, secrets_of
from warehouse_sync.warehouses.judged_http import JudgedHttp
from warehouse_sync.warehouses.network import Host, connected, resolved, shake_hands
from warehouse_sync.warehouses.patience import within
from warehouse_sync.warehouses.policy import WarehousePolicy

_STATEMENTS: Final = "/api/2.0/sql/statements"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_GRACE_SECONDS: Final = 3
_RENEW_SECONDS: Final = 60  # before a token expires
_UNFINISHED: Final = frozenset({"PENDING", "RUNNING"})
_SUCCEEDED: Final = "SUCCEEDED"


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> DatabricksWarehouse:
    """A conversation with a Databricks SQL warehouse. ``query_tag`` goes into the name of the client."""
    return DatabricksWarehouse(address, policy, query_tag)


class DatabricksWarehouse:
    """One SQL warehouse; see ``warehouses/protocol.py``."""

    bytes_scanned: int | None = None

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy, query_tag: str) -> None:
        self._place = databricks_address(address, policy.databricks_endpoint)
        self._login = _login(address)
        self._secrets = secrets_of(address)
        self._policy = policy
        self._agent = f"WarehouseSync ({query_tag.encode('ascii', 'replace').decode()[:200]})"
        own = _authority(self._place.base)
        self._allowed = (*policy.allowed_private_hosts, *((own,) if policy.databricks_endpoint else ()))
        self._http = JudgedHttp(self._allowed, "Check server_hostname", policy.login_timeout_seconds)
        self._token: str | None = None
        self._expires = 0.0
        self._running: str | None = None
        self._cancelled = False

    def check(self) -> None:
        self._reach()
        self._authorised()
        with self._translated(WarehouseStep.WAREHOUSE):
            self._ask("GET", f"/api/2.0/sql/warehouses/{self._place.warehouse_id}", WarehouseStep.WAREHOUSE)
        self._finished("SELECT current_catalog()", WarehouseStep.DATABASE)

    def probe(self, sql: str) -> pa.Schema:
        return _schema(self._finished(sql, WarehouseStep.QUERY))

    def count(self, sql: str) -> int:
        with self._translated(WarehouseStep.QUERY):
            [batch] = [batch for batch in self.fetch(sql) if batch.num_rows]
            return int(batch.column(0)[0].as_py())

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        done = self._finished(sql, WarehouseStep.QUERY)
        schema, came = _schema(done), 0
        with self._translated(WarehouseStep.FETCH):
            patience = self._policy.network_timeout_seconds
            for batch in within(self._batches(done), 2 * patience, lambda: too_late(WarehouseStep.FETCH)):
                self._refuse_when_cancelled()
                came += batch.num_rows
                yield normalise(marked(batch, schema), schema)
            if came != int(done["manifest"].get("total_row_count", 0)) or done["manifest"].get("truncated"):
                raise _other_rows()

    def cancel(self) -> None:
        """Cancels the statement that runs, by a client of its own."""
        self._cancelled = True
        running, token = self._running, self._token
        if running is not None and token is not None:
            with suppress(Exception):  # best effort: the caller ends the process if this does not help
                self._stop(running, token)

    def close(self) -> None:
        self._http.close()
        self._http = JudgedHttp(self._allowed, "Check server_hostname", self._policy.login_timeout_seconds)
        self._token = None

    def _reach(self) -> None:
        parts = urlsplit(self._place.base)
        host = Host(str(parts.hostname), parts.port or 443, "Check server_hostname")
        addresses = resolved(host, self._allowed)
        with connected(host, addresses, seconds=self._policy.login_timeout_seconds) as connection:
            if parts.scheme == "https":
                shake_hands(host, connection)

    def _authorised(self) -> str:
        """A token that is good for a while."""
        if isinstance(self._login, str):
            self._token = self._login
        elif self._token is None or time.monotonic() > self._expires:
            with self._translated(WarehouseStep.LOGIN):
                self._token, seconds = self._granted(self._login)
                self._expires = time.monotonic() + seconds - _RENEW_SECONDS
        return self._token or ""

    def _granted(self, client: httpx.BasicAuth) -> tuple[str, float]:
        """A token for a service principal, and its life in seconds."""
        asking = next(client.auth_flow(httpx.Request("POST", self._place.base)))
        answer = self._http.request(
            "POST",
            f"{self._place.base}/oidc/v1/token",
            seconds=self._policy.login_timeout_seconds,
            headers={"Authorization": asking.headers["Authorization"], "User-Agent": self._agent},
            data={"grant_type": "client_credentials", "scope": "all-apis"},
        )
        if answer.status_code in {400, 401, 403}:
            raise http_fault(401, "", "", WarehouseStep.LOGIN, ())
        granted = self._read(answer, WarehouseStep.LOGIN)
        return str(granted["access_token"]), float(granted.get("expires_in", 3600))

    def _finished(self, sql: str, step: WarehouseStep) -> Mapping[str, Any]:
        """A statement that has succeeded, as the API describes it."""
        end = time.monotonic() + self._policy.statement_timeout_seconds
        asked = {
            "statement": sql,
            "warehouse_id": self._place.warehouse_id,
            "catalog": self._place.catalog,
            "disposition": "EXTERNAL_LINKS",
            "format": "ARROW_STREAM",
            "wait_timeout": "0s",  # answers with the statement's id at once: without it nothing could be cancelled
        }
        with self._translated(step):
            self._refuse_when_cancelled()
            told, pause = self._ask("POST", _STATEMENTS, step, asked), _SHORTEST_PAUSE
            self._running = str(told["statement_id"])
            try:
                while told["status"]["state"] in _UNFINISHED:
                    if time.monotonic() > end:
                        self._stop(self._running, self._authorised())
                        raise too_late(step)
                    self._refuse_when_cancelled()
                    time.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_PAUSE)
                    told = self._ask("GET", f"{_STATEMENTS}/{self._running}", step)
            finally:
                self._running = None
            if told["status"]["state"] != _SUCCEEDED:
                error = told["status"].get("error") or {"error_code": "CANCELLED"}
                state = str(told["status"].get("sql_state") or "")
                raise statement_fault(
                    state, str(error["error_code"]), str(error.get("message", "")), step, self._secrets
                )
            return told

    def _stop(self, statement: str, token: str) -> None:
        http = JudgedHttp(self._allowed, "Check server_hostname", self._policy.login_timeout_seconds)
        url = f"{self._place.base}{_STATEMENTS}/{statement}/cancel"
        http.request("POST", url, seconds=_GRACE_SECONDS, headers=self._headers(token))
        http.close()

    def _batches(self, done: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The batches of all parts of a result. A link is asked for when its part is wanted: links expire."""
        statement, links = done["statement_id"], list(done.get("result", {}).get("external_links") or [])
        parts = 0
        while links:
            link, came = links.pop(0), 0
            for batch in self._downloaded(str(link["external_link"])):
                came += batch.num_rows
                yield batch
            if (link.get("chunk_index", parts), link.get("row_count", came)) != (parts, came):
                raise _other_rows()
            parts += 1
            following = link.get("next_chunk_index")
            if not links and following is not None:
                path = f"{_STATEMENTS}/{statement}/result/chunks/{int(following)}"
                links = list(self._ask("GET", path, WarehouseStep.FETCH)["external_links"])

    def _downloaded(self, link: str) -> Iterator[pa.RecordBatch]:
        # Signed by its address alone: the token must not go to whoever stores the rows.
        answer = self._http.request("GET", link, seconds=self._policy.network_timeout_seconds)
        if answer.status_code != 200:
            raise http_fault(answer.status_code if answer.status_code >= 500 else 503, "", "", WarehouseStep.FETCH, ())
        with pa.ipc.open_stream(answer.content) as reader:
            yield from reader

    def _ask(self, method: str, path: str, step: WarehouseStep, body: Any = None) -> Mapping[str, Any]:  # noqa: ANN401
        answer = self._http.request(
            method,
            f"{self._place.base}{path}",
            seconds=self._policy.network_timeout_seconds,
            headers=self._headers(self._authorised()),
            json=body,
        )
        return self._read(answer, step)

    def _headers(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "User-Agent": self._agent}

    def _read(self, answer: httpx.Response, step: WarehouseStep) -> Mapping[str, Any]:
        try:
            told = answer.json()
        except ValueError:
            told = None
        if answer.status_code != 200:
            named = told if isinstance(told, dict) else {}
            code, text = str(named.get("error_code", "")), str(named.get("message", ""))
            raise http_fault(answer.status_code, code, text, step, self._secrets)
        if not isinstance(told, dict):
            raise broken(step)
        return told

    @contextmanager
    def _translated(self, step: WarehouseStep) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except (TimeoutError, httpx.TimeoutException) as error:
            raise too_late(step) from error
        except (httpx.HTTPError, OSError) as error:
            raise unanswered(step) from error
        except (KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
            raise broken(step) from error

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled:
            raise fault(WarehouseFault.TIMED_OUT, WarehouseStep.QUERY, "The conversation was cancelled.")


def _login(address: WarehouseAddress) -> str | httpx.BasicAuth:
    """A token as it is, or what one is granted for."""
    if "access_token" in address.secrets:
        return address.secrets["access_token"].reveal().strip()
    if "client_secret" not in address.secrets:
        raise missing_parameter("access_token")
    client = address.parameters.get("client_id", "").strip()
    if not client:
        raise missing_parameter("client_id")
    return httpx.BasicAuth(client, address.secrets["client_secret"].reveal())


def _other_rows() -> WarehouseError:
    """A result or a part of it with another number of rows than announced, or another part than was asked for."""
    return fault(
        WarehouseFault.PROTOCOL,
        WarehouseStep.FETCH,
        "Databricks sent other rows than it announced. The run starts the query again.",
    )


def _schema(done: Mapping[str, Any]) -> pa.Schema:
    return described_schema(done["manifest"]["schema"].get("columns") or ())


def _authority(base: str) -> str:
    parts = urlsplit(base)
    return authority(str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80))
