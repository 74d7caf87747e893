"""The one place where real objects meet: a home is opened, the service is put together, and served until it is told to stop."""

from __future__ import annotations

import ipaddress
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from warehouse_sync.api.app import create_app
from warehouse_sync.api.ceilings import MAX_HEAD_BYTES, RequestLimits
from warehouse_sync.api.services import Services
from warehouse_sync.api.wire import BoundedProtocol, bound
from warehouse_sync.catalog import home_facts, numbers
from warehouse_sync.catalog.database import Database, open_database, url_of_home
from warehouse_sync.clock import Clock, SystemClock
from warehouse_sync.crashpoints import VARIABLE as CRASH_VARIABLE
from warehouse_sync.domain.connection import Connection
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.domain.run import RunKind
from warehouse_sync.errors import SettingsError, StoreError
from warehouse_sync.home import Home, exclusive
from warehouse_sync.logs import configure_logging, get_logger
from warehouse_sync.metrics import Metrics
from warehouse_sync.profiles.deletion import DuckDbEraser
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.export import DuckDbExporter
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.profiles.undo_preview import DuckDbUndoPreviewer
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.scheduler.retention import Retention
from warehouse_sync.scheduler.runner import Runner, RunnerSettings
from warehouse_sync.scheduler.steps import ReadingSteps, RunSteps, UndoingSteps
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.scheduler.watchdog import Watchdog
from warehouse_sync.security.client_secrets import ClientSecretDigests
from warehouse_sync.security.keyring import Keyring, open_keyring, read_master_keys
from warehouse_sync.security.rate import FailureLimiter
from warehouse_sync.security.redaction import Redactor
from warehouse_sync.security.tokens import TokenKeyRing
from warehouse_sync.security.vault import Vault
from warehouse_sync.services.audit import AuditService
from warehouse_sync.services.connections import ConnectionService
from warehouse_sync.services.credentials import CredentialService
from warehouse_sync.services.data_models import DataModelService
from warehouse_sync.services.deletions import DeletionService
from warehouse_sync.services.exports import ExportService
from warehouse_sync.services.feeds import FeedFinder, FeedService
from warehouse_sync.services.identity_settings import IdentitySettingsService
from warehouse_sync.services.metrics import MetricsService
from warehouse_sync.services.notices import NoticeService
from warehouse_sync.services.pipelines import PipelineService
from warehouse_sync.services.previews import PreviewService
from warehouse_sync.services.profiles import ProfileService
from warehouse_sync.services.provenance import ProvenanceService
from warehouse_sync.services.records import RecordService
from warehouse_sync.services.run_requests import RunRequestService
from warehouse_sync.services.runs import RunService
from warehouse_sync.services.tokens import TokenRules, TokenService
from warehouse_sync.services.undo import UndoService
from warehouse_sync.services.workspaces import WorkspaceService
from warehouse_sync.settings import LoadedSettings, Settings
from warehouse_sync.sql.guard import accepting_dialects
from warehouse_sync.sync.execution import ExecutionLimits, RunExecutor, check_data_model
from warehouse_sync.sync.worker import Deadlines, WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES
from warehouse_sync.warehouses.policy import BigQueryEndpoint, SnowflakeEndpoint, WarehousePolicy
from warehouse_sync.webhook.courier import Courier
from warehouse_sync.webhook.receiver import receiver_of

_MIB: Final = 1 << 20
_DRAIN_SECONDS: Final = 5
CONSOLE_PATH: Final = "/console"
_FILES_OF_OUR_OWN: Final = 256
_LOOPBACK_NAMES: Final = frozenset({"localhost"})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Foundation:
    """What the service stands on."""

    home: Home
    keyring: Keyring
    vault: Vault
    database: Database
    digests: ClientSecretDigests
    clock: Clock
    metrics: Metrics


def serve(loaded: LoadedSettings, announce: Callable[[str], None]) -> None:
    """Runs the service until SIGTERM or SIGINT.

    Args:
        loaded: the settings, and what to warn about them.
        announce: told the address once requests are answered.

    Raises:
        StoreError, SettingsError: the home cannot be used or is in use; the message says what to do.
    """
    settings = loaded.settings
    redactor = Redactor()
    for secret in (settings.database_url, settings.master_key, settings.webhook_secret):
        if secret is not None:
            redactor.register(secret)
    configure_logging(settings.log_level, settings.log_format, redact=redactor.redact)
    _refuse_open_network(settings)
    home = Home(settings.home)
    home.make()
    for warning in loaded.warnings:
        _log.warning(warning)
    if CRASH_VARIABLE in os.environ:
        _log.warning("this process will kill itself for a test", at=os.environ[CRASH_VARIABLE])
    with (
        exclusive(home, address=settings.address, now=SystemClock().now()) as tell,
        bound(settings.host, settings.port) as sockets,
    ):
        settings = settings.model_copy(update={"port": sockets[0].getsockname()[1]})
        tell(settings.address)
        with _foundation(settings) as base:
            _serve_home(settings, base, sockets, announce)


def _serve_home(
    settings: Settings, base: _Foundation, sockets: list[socket.socket], announce: Callable[[str], None]
) -> None:
    if base.keyring.created:
        _log.info("keys created: back them up", folder=str(base.keyring.directory))
    limits = StoreLimits(memory_mb=settings.memory_limit_mb)
    stores = DuckDbStores(base.home.profiles, base.keyring.profile_mpid, limits)
    with ExitStack() as at_the_end:
        at_the_end.callback(stores.close)
        _pass_known_numbers(base.database, stores)
        workers, services = _assemble(settings, base, stores)
        for worker in workers:
            worker.start()
            at_the_end.callback(worker.stop)
        _listen(settings, base, services, sockets, announce)


def _pass_known_numbers(database: Database, stores: DuckDbStores) -> None:
    """A control database from an earlier backup than the profile stores must not give numbers again that these know."""
    known = [(0, 0, 0)]
    for scope in stores.scopes():
        try:
            known.append(stores.highest_numbers(*scope))
        except StoreError as error:
            _log.error("a store cannot be used", code=error.code, reason=error.message)
    run, data_model, pipeline = (max(column) for column in zip(*known, strict=True))
    with database.write() as tx:
        jumped = numbers.pass_over(tx, run_id=run, data_model_key=data_model, pipeline_key=pipeline)
    if jumped:
        _log.warning(
            "the control database is older than the profile stores: it goes on behind their numbers", run_id=run
        )


class _Worker(Protocol):
    """What works by itself, in threads of its own, as long as the service runs."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def _assemble(settings: Settings, base: _Foundation, stores: DuckDbStores) -> tuple[tuple[_Worker, ...], Services]:
    base.home.empty_scratch()
    worker = warehouse_worker(settings, base.home.scratch)
    executor = RunExecutor(worker, stores, base.home.spools, _execution_limits(settings), base.clock)
    settle_delay = timedelta(seconds=settings.settle_delay_seconds)
    grace = timedelta(seconds=settings.stale_grace_seconds)
    live = LiveProgress()
    receiver = receiver_of(settings)
    teller = Teller(is_wanted=receiver is not None)
    runner = Runner(
        database=base.database,
        steps=_steps(settings, base, executor, stores),
        executor=executor,
        live=live,
        clock=base.clock,
        settings=RunnerSettings(
            runs_at_once=settings.runs_at_once,
            lease=timedelta(seconds=settings.lease_seconds),
            settle_delay=settle_delay,
            retention=_retention(settings),
        ),
        metrics=base.metrics,
        teller=teller,
    )
    database, clock = base.database, base.clock
    reader = DuckDbReader(stores)
    services = Services(
        workspaces=WorkspaceService(database, clock),
        credentials=CredentialService(database, clock, base.digests),
        feeds=FeedService(database, clock, base.digests),
        tokens=_tokens(settings, base),
        audit=AuditService(database, clock),
        connections=ConnectionService(database, clock, base.vault, WAREHOUSE_TYPES, worker),
        data_models=DataModelService(database, clock, accepting_dialects),
        pipelines=PipelineService(
            database,
            clock,
            vault=base.vault,
            feeds=FeedFinder(base.digests),
            probe=_DataModelProbe(worker, settings.limits.columns),
            limits=settings.limits,
            wake=runner.wake,
            settle_delay=settle_delay,
            grace=grace,
        ),
        previews=PreviewService(
            database, clock, vault=base.vault, warehouses=worker, max_columns=settings.limits.columns
        ),
        runs=RunService(database, clock, profiles=reader, live=live, settle_delay=settle_delay, grace=grace),
        run_requests=RunRequestService(database, clock, wake=runner.wake),
        profiles=ProfileService(database, reader),
        provenance=ProvenanceService(database, reader, reader),
        records=RecordService(database, reader),
        deletions=DeletionService(database, clock, DuckDbEraser(stores)),
        exports=ExportService(database, DuckDbExporter(stores)),
        undo=UndoService(database, clock, DuckDbUndoPreviewer(stores), wake=runner.wake),
        notices=NoticeService(database, clock),
        identity_settings=IdentitySettingsService(database, clock, reader),
        metrics=MetricsService(database, clock, base.metrics, settle_delay=settle_delay, grace=grace),
        is_healthy=lambda: _is_healthy(database),
    )
    watchdog = Watchdog(database, clock, settle_delay=settle_delay, grace=grace, teller=teller)
    if receiver is None:
        return (runner, watchdog), services
    courier = Courier(database, clock, receiver, address=settings.issuer_url, metrics=base.metrics)
    return (runner, watchdog, courier), services


def _steps(
    settings: Settings, base: _Foundation, executor: RunExecutor, stores: DuckDbStores
) -> dict[RunKind, RunSteps]:
    reading = ReadingSteps(base.database, base.vault, executor, settings.limits)
    undoing = UndoingSteps(base.database, stores, base.clock)
    return {kind: undoing if kind is RunKind.UNDO else reading for kind in RunKind}


def _retention(settings: Settings) -> Retention:
    def kept(days: int) -> timedelta | None:
        return timedelta(days=days) if days else None

    history = timedelta(days=settings.history_days)
    return Retention(
        history,
        reject_samples=kept(settings.reject_samples_days),
        audit=kept(settings.audit_days),
        notices=kept(settings.webhook_days),
    )


def _tokens(settings: Settings, base: _Foundation) -> TokenService:
    return TokenService(
        base.database,
        base.clock,
        digests=base.digests,
        keys=TokenKeyRing(base.keyring.token_signing),
        rules=TokenRules(
            issuer=settings.issuer_url,
            audience=settings.audience,
            lifetime=timedelta(seconds=settings.token_lifetime_seconds),
        ),
        limiter=FailureLimiter(),
    )


@contextmanager
def _foundation(settings: Settings) -> Iterator[_Foundation]:
    home = Home(settings.home)
    home.make()
    given, given_file = settings.master_key, settings.master_key_file
    keyring = open_keyring(home.folder, master_key=given, master_key_file=given_file)
    vault = Vault(keyring.master, lambda: read_master_keys(home.folder, master_key=given, master_key_file=given_file))
    url = settings.database_url
    database = open_database(url_of_home(home.folder) if url is None else url.reveal())
    try:
        _check_vault(database, vault)
        yield _Foundation(
            home,
            keyring,
            vault,
            database,
            ClientSecretDigests(keyring.client_secrets),
            SystemClock(),
            Metrics(metadata.version("warehouse-sync")),
        )
    finally:
        database.close()


def _check_vault(database: Database, vault: Vault) -> None:
    """A wrong master key is found now, not when the first run needs a password."""
    with database.write() as tx:
        sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
        if sentinel is None:
            home_facts.put(tx, home_facts.VAULT_SENTINEL, vault.sentinel())
        else:
            vault.check_sentinel(sentinel)


class _DataModelProbe:
    """Implements ``services.warehouse_ports.PipelineProbe`` with a child process."""

    def __init__(self, worker: WarehouseWorker, max_columns: int) -> None:
        self._worker = worker
        self._max_columns = max_columns

    def check(self, connection: Connection, data_model: DataModel, priority: Sequence[IdentityType]) -> None:
        check_data_model(self._worker, connection.address, data_model, priority=priority, max_columns=self._max_columns)


def warehouse_worker(settings: Settings, scratch: Path) -> WarehouseWorker:
    """Whoever speaks with warehouses in child processes, which write their temporary files to ``scratch``."""
    policy = WarehousePolicy(
        duckdb_root=str(settings.duckdb_root) if settings.duckdb_root else None,
        duckdb_refused=(str(settings.home),),
        snowflake_endpoint=_endpoint(settings.snowflake_endpoint),
        bigquery_endpoint=_bigquery_endpoint(settings),
        databricks_endpoint=settings.databricks_endpoint,
        allowed_private_hosts=tuple(settings.allowed_hosts),
        login_timeout_seconds=settings.login_timeout_seconds,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        network_timeout_seconds=settings.network_timeout_seconds,
    )
    limits = WorkerSettings(
        policy=policy,
        scratch=scratch,
        memory_limit_mb=settings.fetch_memory_limit_mb,
        deadlines=Deadlines.above(policy),
    )
    return WarehouseWorker(limits)


def _endpoint(url: str | None) -> SnowflakeEndpoint | None:
    return None if url is None else SnowflakeEndpoint(*_place(url))


def _bigquery_endpoint(settings: Settings) -> BigQueryEndpoint | None:
    if settings.bigquery_endpoint is None or settings.bigquery_storage_endpoint is None:
        return None
    return BigQueryEndpoint(*_place(settings.bigquery_endpoint), settings.bigquery_storage_endpoint)


def _place(url: str) -> tuple[str, int, Literal["http", "https"]]:
    parts = urlsplit(url)
    protocol: Final = "http" if parts.scheme == "http" else "https"
    return parts.hostname or "", parts.port or (80 if protocol == "http" else 443), protocol


def _execution_limits(settings: Settings) -> ExecutionLimits:
    return ExecutionLimits(
        chunk_rows=settings.chunk_rows,
        spool_bytes=settings.spool_limit_mb * _MIB,
        cell_bytes=settings.cell_limit_bytes,
        free_bytes=settings.spool_free_mb * _MIB,
        between_inclusive=settings.between_inclusive,
    )


def _request_limits(settings: Settings) -> RequestLimits:
    return RequestLimits(
        body_bytes=settings.max_body_bytes,
        seconds=settings.request_timeout_seconds,
        at_once=settings.requests_at_once,
        control_per_second=settings.limit_control_requests,
        profile_per_second=settings.limit_profile_requests,
    )


def _is_healthy(database: Database) -> bool:
    try:
        with database.read() as tx:
            home_facts.get(tx, home_facts.VAULT_SENTINEL)
    except StoreError:
        return False
    return True


def _room_for_connections() -> int:
    """Asks the system for as many open files as the service wants; how many connections there is room for then."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = BoundedProtocol.most_connections + _FILES_OF_OUR_OWN
    if allowed < wanted:  # some systems allow a process a thousand unless it asks for more
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(_FILES_OF_OUR_OWN, min(wanted, allowed) - _FILES_OF_OUR_OWN)


def _refuse_open_network(settings: Settings) -> None:
    """Credentials must not cross a network in the clear because nobody thought of it.

    Raises:
        SettingsError: the service would listen beyond this machine without TLS.
    """
    if settings.tls_cert is not None or settings.behind_proxy or settings.host in _LOOPBACK_NAMES:
        return
    try:
        if ipaddress.ip_address(settings.host).is_loopback:
            return
    except ValueError:
        pass  # a host name other than localhost may lead anywhere
    raise SettingsError(
        f"Listening on {settings.host} without TLS would send credentials in the clear. Set WAREHOUSE_SYNC_TLS_CERT and "
        "WAREHOUSE_SYNC_TLS_KEY, or WAREHOUSE_SYNC_BEHIND_PROXY=true if a proxy in front does TLS, or listen on 127.0.0.1.",
        field="WAREHOUSE_SYNC_HOST",
    )


def _listen(
    settings: Settings,
    base: _Foundation,
    services: Services,
    sockets: list[socket.socket],
    announce: Callable[[str], None],
) -> None:
    app = create_app(
        services,
        version=metadata.version("warehouse-sync"),
        address=settings.issuer_url,
        limits=_request_limits(settings),
        counters=base.metrics,
        cors_origins=settings.cors_origins,
        public_prefixes=(CONSOLE_PATH,) if settings.console else (),
    )
    if settings.console:
        _add_console(app, settings)
    config = uvicorn.Config(
        app,
        http=_protocol(),
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    _Server(config, lambda: announce(settings.address)).run(sockets)


def _add_console(app: FastAPI, settings: Settings) -> None:
    try:
        from warehouse_sync.console.server import mount_console  # noqa: PLC0415 - an extra, loaded only when it is served
    except ImportError as error:
        raise SettingsError(
            'The console needs packages that are not installed: pip install "warehouse-sync[console]". Or switch it off.',
            field="WAREHOUSE_SYNC_CONSOLE",
        ) from error
    is_secure = settings.tls_cert is not None or settings.behind_proxy
    mount_console(app, audience=settings.audience, is_secure=is_secure)


def _protocol() -> type[BoundedProtocol]:
    class Protocol(BoundedProtocol):
        most_connections = _room_for_connections()

    return Protocol


class _Server(uvicorn.Server):
    """Tells when it answers requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the server at SIGTERM and SIGINT. The library would raise the signal once more when the server has ended, which would kill
        this process before it has put its runs back and closed its stores.
        """
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
