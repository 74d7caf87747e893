"""Reads BigQuery with Google's client libraries: queries by REST, rows by the Storage Read API as Arrow.

Every statement is first tried without running it, which is free: that gives its columns, and nothing but one SELECT passes. Where the
service account may not use the Storage Read API, rows come by REST, which is a hundred times slower.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any, Final

import grpc
import pyarrow as pa
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.types import DataFormat, ReadSession
from requests import Session
from requests.exceptions import RequestException, Timeout

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import normalise
from warehouse_sync.warehouses.bigquery_faults import bigquery_fault, refused_account, told, too_late
from warehouse_sync.warehouses.bigquery_login import TOKEN_URI, service_account
from warehouse_sync.warehouses.bigquery_types import described_schema
from warehouse_sync.warehouses.faults import fault, parameter, secrets_of
from warehouse_sync.warehouses.network import Host, connected, resolved, shake_hands
from warehouse_sync.warehouses.patience import within
from warehouse_sync.warehouses.policy import BigQueryEndpoint, WarehousePolicy

_GOOGLES: Final = BigQueryEndpoint("bigquery.googleapis.com", 443, "https", "bigquerystorage.googleapis.com:443")
_GRACE_SECONDS: Final = 3
_CANCEL_ATTEMPTS, _CANCEL_PAUSE_SECONDS = 10, 0.5
_PERMISSION_DENIED: Final = 403
_REST_PAGE_ROWS: Final = 10_000
_NOT_IN_LABELS: Final = re.compile(r"[^a-z0-9_-]+")
_LABEL_CHARACTERS: Final = 63
_DATASET: Final = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_PROJECT: Final = re.compile(r"[a-z0-9.:-]{1,128}")


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> BigQueryWarehouse:
    """A conversation with a project of BigQuery."""
    return BigQueryWarehouse(address, policy, query_tag)


class BigQueryWarehouse:
    """One service account at one project; see ``warehouses/protocol.py``."""

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy, query_tag: str) -> None:
        self._region = parameter(address, "region")
        self._project = _named(address, "project_id", _PROJECT)
        self._dataset = _named(address, "dataset_id", _DATASET)
        own = _bytes(address.parameters.get("maximum_bytes_billed"))
        self._most_bytes = min(filter(None, (own, policy.max_bytes_billed)), default=None)
        self._place = policy.bigquery_endpoint or _GOOGLES
        self._is_operators = policy.bigquery_endpoint is not None
        self._credentials = service_account(address, f"{self._place.rest}/token" if self._is_operators else TOKEN_URI)
        self._secrets = secrets_of(address)
        self._policy = policy
        self._labels = labels(query_tag)
        self._client: bigquery.Client | None = None
        self.bytes_scanned: int | None = None
        self._running: str | None = None
        self._cancelled = threading.Event()

    def check(self) -> None:
        host = Host(self._place.host, self._place.port, "Check the network")
        with connected(host, self._resolve(), seconds=self._policy.login_timeout_seconds) as connection:
            if self._place.protocol == "https":
                shake_hands(host, connection)
        client = self._open()
        with self._translated(WarehouseStep.WAREHOUSE):
            self._job(client, "SELECT 1", dry_run=True)
        with self._translated(WarehouseStep.DATABASE):
            found = client.get_dataset(self._dataset, retry=self._retry(), timeout=self._policy.network_timeout_seconds)
        if str(found.location).lower() != self._region.lower():
            raise fault(
                WarehouseFault.MISCONFIGURED,
                WarehouseStep.DATABASE,
                f"The dataset is in another region: {found.location}. Check region.",
                field="region",
            )

    def probe(self, sql: str) -> pa.Schema:
        client = self._open()
        with self._translated(WarehouseStep.QUERY):
            return described_schema(self._tried(client, sql).schema or ())

    def count(self, sql: str) -> int:
        with self._executed(sql) as (_, rows), self._translated(WarehouseStep.QUERY):
            return int(next(iter(rows))[0])

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._executed(sql) as (job, rows), self._translated(WarehouseStep.FETCH):
            schema, came = described_schema(rows.schema), 0
            stream = within(
                self._batches(job, rows), self._policy.network_timeout_seconds, lambda: too_late(WarehouseStep.FETCH)
            )
            for batch in stream:
                self._refuse_when_cancelled()
                came += batch.num_rows
                yield normalise(batch, schema)
            if came != rows.total_rows:
                raise fault(
                    WarehouseFault.PROTOCOL,
                    WarehouseStep.FETCH,
                    "BigQuery sent other rows than it announced. The run starts the query again.",
                )

    def cancel(self) -> None:
        """Cancels the job that runs, by a client of its own: the other one waits for an answer. Asks again while there is no job yet."""
        self._cancelled.set()
        for _ in range(_CANCEL_ATTEMPTS):
            running = self._running
            if running is None:
                return
            with (
                suppress(Exception),
                closing(self._connected()) as other,
            ):  # best effort: the caller ends the process if it does not help
                seconds = self._policy.login_timeout_seconds
                other.cancel_job(running, location=self._region, retry=self._retry(), timeout=seconds)
            time.sleep(_CANCEL_PAUSE_SECONDS)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # the conversation is over whether or not its connections close in order
                client.close()

    def _open(self) -> bigquery.Client:
        if self._client is None:
            self._resolve()
            with self._translated(WarehouseStep.LOGIN):
                self._credentials.refresh(_within_seconds(self._policy.login_timeout_seconds))
                self._client = self._connected()
        return self._client

    def _connected(self) -> bigquery.Client:
        return bigquery.Client(
            project=self._project,
            credentials=self._credentials,
            location=self._region,
            client_options={"api_endpoint": self._place.rest},
            _http=AuthorizedSession(
                self._credentials, auth_request=_within_seconds(self._policy.login_timeout_seconds)
            ),
        )

    def _resolve(self) -> tuple[str, ...]:
        own = (f"{self._place.host}:{self._place.port}",) if self._is_operators else ()
        host = Host(self._place.host, self._place.port, "Check the network")
        return resolved(host, (*self._policy.allowed_private_hosts, *own))

    @contextmanager
    def _executed(self, sql: str) -> Iterator[tuple[bigquery.QueryJob, Any]]:
        """A query that has run, and its rows."""
        client = self._open()
        with self._translated(WarehouseStep.QUERY):
            self._tried(client, sql)
            self._running = uuid.uuid4().hex
            try:
                self._refuse_when_cancelled()
                job = self._job(client, sql, job_id=self._running)
                seconds = self._policy.statement_timeout_seconds + _GRACE_SECONDS
                rows = job.result(retry=self._retry(), timeout=seconds, job_retry=None, page_size=_REST_PAGE_ROWS)
                self.bytes_scanned = (self.bytes_scanned or 0) + int(job.total_bytes_processed or 0)
            finally:
                self._running = None
        yield job, rows

    def _tried(self, client: bigquery.Client, sql: str) -> bigquery.QueryJob:
        """The dry run of a statement: costs nothing.

        Raises:
            WarehouseError: it is not exactly one SELECT.
        """
        job = self._job(client, sql, dry_run=True)
        if job.statement_type != "SELECT":
            raise fault(
                WarehouseFault.QUERY,
                WarehouseStep.QUERY,
                "Only one SELECT can be sent to a warehouse, and nothing else.",
            )
        return job

    def _job(
        self, client: bigquery.Client, sql: str, *, dry_run: bool = False, job_id: str | None = None
    ) -> bigquery.QueryJob:
        settings = bigquery.QueryJobConfig(
            default_dataset=bigquery.DatasetReference(self._project, self._dataset),
            use_legacy_sql=False,
            labels=self._labels,
            dry_run=dry_run,
        )
        if self._most_bytes is not None:
            settings.maximum_bytes_billed = self._most_bytes
        if not dry_run:
            settings.job_timeout_ms = self._policy.statement_timeout_seconds * 1000
        seconds = self._policy.statement_timeout_seconds + _GRACE_SECONDS
        return client.query(
            sql, settings, job_id=job_id, location=self._region, retry=self._retry(), timeout=seconds, job_retry=None
        )

    def _batches(self, job: bigquery.QueryJob, rows: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - the library's iterator
        """The rows of a result by the Storage Read API; by REST if the service account may not use that."""
        with self._storage() as storage:
            try:
                session = storage.create_read_session(
                    parent=f"projects/{self._project}",
                    read_session=ReadSession(table=_table_path(job), data_format=DataFormat.ARROW),
                    max_stream_count=1,
                    timeout=self._policy.network_timeout_seconds,
                )
            except GoogleAPICallError as error:
                if error.code != _PERMISSION_DENIED:
                    raise
                yield from rows.to_arrow_iterable(bqstorage_client=None)
                return
            for stream in session.streams:
                schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
                for message in storage.read_rows(stream.name):
                    yield pa.ipc.read_record_batch(
                        pa.py_buffer(message.arrow_record_batch.serialized_record_batch), schema
                    )

    @contextmanager
    def _storage(self) -> Iterator[BigQueryReadClient]:
        if not self._is_operators:
            client = BigQueryReadClient(credentials=self._credentials)
        else:
            options = [("grpc.max_receive_message_length", -1)]
            channel = grpc.insecure_channel(self._place.storage, options=options)
            client = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
        with client:
            yield client

    def _retry(self) -> Retry:
        """Again after a lost connection, for as long as a log-in may take; the library's own patience is ten minutes."""
        return Retry(
            predicate=if_exception_type(RequestException),
            initial=0.2,
            timeout=float(self._policy.login_timeout_seconds),
        )

    @contextmanager
    def _translated(self, step: WarehouseStep) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except RefreshError as error:
            raise refused_account(self._secrets) from error
        except GoogleAPICallError as error:
            status, reason, text = told(error)
            raise bigquery_fault(status, reason, text, step, self._secrets) from error
        except (TimeoutError, Timeout) as error:
            raise too_late(step) from error
        except (RetryError, GoogleAuthError, RequestException, grpc.RpcError, OSError) as error:
            raise bigquery_fault(None, "", "", step, ()) from error
        except (ValueError, KeyError, TypeError, StopIteration, pa.ArrowException) as error:
            raise bigquery_fault(0, "", "", step, ()) from error

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise fault(WarehouseFault.TIMED_OUT, WarehouseStep.QUERY, "The conversation was cancelled.")


def labels(query_tag: str) -> dict[str, str]:
    """The parts of a query tag (``warehouse-sync pipeline=p run=17``) as labels of a job, in the letters that labels may have."""
    pairs = [part.partition("=") for part in query_tag.split()]
    named = {"application": "warehouse-sync", **{name: value for name, equals, value in pairs if equals}}
    return {_label(name): _label(value) for name, value in named.items()}


def _label(text: str) -> str:
    return _NOT_IN_LABELS.sub("-", text.lower())[:_LABEL_CHARACTERS]


def _table_path(job: bigquery.QueryJob) -> str:
    place = job.destination
    return f"projects/{place.project}/datasets/{place.dataset_id}/tables/{place.table_id}"


def _named(address: WarehouseAddress, field: str, shape: re.Pattern[str]) -> str:
    name = parameter(address, field)
    if shape.fullmatch(name):
        return name
    raise fault(
        WarehouseFault.MISCONFIGURED,
        WarehouseStep.CONFIGURE,
        f"{field} has characters that no such name has. Write it as it stands in the console.",
        field=field,
    )


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise fault(
        WarehouseFault.MISCONFIGURED,
        WarehouseStep.CONFIGURE,
        "maximum_bytes_billed must be a whole number of bytes above 0.",
        field="maximum_bytes_billed",
    )


def _within_seconds(seconds: int) -> Callable[..., Any]:
    """A way to ask for tokens that does not wait for ever, and that no proxy of the environment sees."""
    session = Session()
    session.trust_env = False
    return partial(Request(session), timeout=seconds)
