"""The whole control plane on a real database with real keys and tokens; only the warehouse and the profiles are stood in for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from warehouse_sync.api.app import create_app
from warehouse_sync.api.ceilings import RequestLimits
from warehouse_sync.api.services import Services
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.connection import Connection, WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.limits import Limits
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.metrics import Metrics
from warehouse_sync.profiles.deletion import DuckDbEraser
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.export import DuckDbExporter
from warehouse_sync.profiles.protocol import DroppedValues, Holders, Profile, Rejects
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.profiles.undo_preview import DuckDbUndoPreviewer
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.security.client_secrets import ClientSecretDigests
from warehouse_sync.security.rate import FailureLimiter
from warehouse_sync.security.tokens import SigningKey, TokenKeyRing
from warehouse_sync.security.vault import KeyEncryptionKey, Vault
from warehouse_sync.services.audit import AuditService
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.connections import ConnectionService
from warehouse_sync.services.credentials import CredentialService
from warehouse_sync.services.data_models import DataModelService
from warehouse_sync.services.deletions import DeletionService
from warehouse_sync.services.exports import ExportService
from warehouse_sync.services.feeds import FeedFinder, FeedService, IssuedFeed
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
from warehouse_sync.sql.guard import accepting_dialects
from warehouse_sync.sync.worker import WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES
from warehouse_sync.warehouses.policy import WarehousePolicy

NOW = datetime(2023, 2, 8, 0, 5, 31, 230000, tzinfo=UTC)
BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
AUDIENCE = "https://api.mparticle.com"


class InProcess(httpx.BaseTransport):
    """Carries requests to the application without a network; each on an event loop of its own, so threads may share a client."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._carry(request))

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._transport.handle_async_request(sent)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


@dataclass
class StandInWarehouse:
    """Accepts everything until told otherwise, and remembers what it was asked."""

    failure: WarehouseSyncError | None = None
    accepted: str | None = "password"
    tested: list[WarehouseAddress] = field(default_factory=list)
    probed: list[tuple[Connection, DataModel]] = field(default_factory=list)

    def check(self, address: WarehouseAddress) -> str | None:
        self.tested.append(address)
        if self.failure is not None:
            raise self.failure
        return self.accepted


class _Probe:
    def __init__(self, warehouse: StandInWarehouse) -> None:
        self._warehouse = warehouse

    def check(self, connection: Connection, data_model: DataModel, priority: Sequence[IdentityType]) -> None:
        assert IdentityType.CUSTOMER_ID in priority
        self._warehouse.probed.append((connection, data_model))
        if self._warehouse.failure is not None:
            raise self._warehouse.failure


class StandInProfiles:
    """A profile store that holds what a test puts in it."""

    def __init__(self) -> None:
        self.profiles: dict[tuple[int, int], Profile] = {}
        self.counts: dict[tuple[int, Environment], int] = {}
        self.found: dict[tuple[int, Environment, IdentityType, str], tuple[int, ...]] = {}
        self.rules: list[IdentityRules] = []

    def profile(self, workspace_id: int, mpid: int) -> Profile | None:
        return self.profiles.get((workspace_id, mpid))

    def find(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> tuple[int, ...]:
        self.rules.append(rules)
        return self.found.get((workspace_id, environment, identity_type, value), ())

    def holders(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> Holders:
        mpids = self.find(workspace_id, environment, identity_type, value, rules)
        return Holders(len(mpids), self.profile(workspace_id, mpids[0]) if len(mpids) == 1 else None)

    def rejects(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[Rejects, ...]:
        return ()

    def dropped_values(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[DroppedValues, ...]:
        return ()

    def new_attributes(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[str, ...]:
        return ()

    def progress(self, workspace_id: int, environment: Environment, run_id: int) -> None:
        return None

    def profile_count(self, workspace_id: int, environment: Environment) -> int:
        return self.counts.get((workspace_id, environment), 0)


@dataclass
class Plane:
    """A running control plane and the ways in."""

    services: Services
    client: httpx.Client
    database: Database
    clock: ManualClock
    vault: Vault
    warehouse: StandInWarehouse
    profiles: StandInProfiles
    stores: DuckDbStores
    feed: IssuedFeed
    wakes: list[None]
    home: Path

    def token(self, permission: str = "admin", workspaces: Sequence[int] | None = None) -> str:
        issued = self.services.credentials.create(
            OPERATOR, name="ci", permission=Permission(permission), workspace_ids=workspaces
        )
        answer = self.client.post(
            "/oauth/token",
            json={
                "client_id": issued.credential.client_id,
                "client_secret": issued.client_secret.reveal(),
                "audience": AUDIENCE,
                "grant_type": "client_credentials",
            },
            headers={"Authorization": ""},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def headers(self, permission: str = "admin", workspaces: Sequence[int] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(permission, workspaces)}"}

    def with_connection(self) -> dict[str, Any]:
        return _ok(self.client.post(f"{BASE}/connections", json=connection_body()))

    def with_data_model(self, **changes: Any) -> dict[str, Any]:
        return _ok(self.client.post(f"{BASE}/data-models", json=data_model_body(**changes)))

    def with_pipeline(self, **changes: Any) -> dict[str, Any]:
        """A pipeline and what it joins."""
        self.with_connection()
        self.with_data_model()
        return _ok(self.client.post(f"{BASE}/pipelines", json=self.pipeline_body(**changes)))

    def pipeline_body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "id": "crm-pipeline",
            "name": "CRM Pipeline",
            "workspace_id": 5328,
            "is_active": True,
            "is_draft": False,
            "faulted_reason": None,
            "connection_id": "crm-connection",
            "data_model_id": "propensity-model",
            "partner_feed_key": self.feed.key.reveal(),
            "schedule_interval": "hourly",
            "environment": "development",
        }
        return body | changes

    def on_demand(self, **changes: Any) -> dict[str, Any]:
        """A pipeline as in the published table of on-demand runs."""
        start = {"schedule_interval": "on_demand", "schedule_start_time": "2023-02-01T00:00:00Z"}
        return self.with_pipeline(**(start | changes))


def connection_body(**changes: Any) -> dict[str, Any]:
    body = {
        "id": "crm-connection",
        "name": "CRM Connection",
        "workspace_id": 5328,
        "type": "snowflake",
        "source_account_id": "gd1234",
        "region": "us-central1.gcp",
        "warehouse": "compute_wh",
        "database": "mp",
        "role": "mp_role",
        "user": "mp_user",
        "password": "s3cret",
        "snowflake_aws_iam_user_arn": "arn:aws:iam::123456:user/externalstages/abc",
        "snowflake_aws_external_id": "GD1234=2_abc=",
    }
    return body | changes


def data_model_body(**changes: Any) -> dict[str, Any]:
    body = {
        "id": "propensity-model",
        "name": "Propensity Model",
        "workspace_id": 5328,
        "type": "sql",
        "sql_query": 'SELECT u.updated_at, u.customer_id, u.score AS "propensity_to_buy" FROM mp.demo.users u',
        "load_timestamp_field_type": "timestamp_ntz",
        "load_timestamp_field_name": "UPDATED_AT",
        "load_timestamp_field_time_zone": "America/New_York",
        "load_timestamp_field_time_offset": 1800,
    }
    return body | changes


def _ok(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def connection() -> Callable[..., dict[str, Any]]:
    return connection_body


@pytest.fixture
def data_model() -> Callable[..., dict[str, Any]]:
    return data_model_body


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    clock = ManualClock(NOW)
    database = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    digests = ClientSecretDigests(bytes(32))
    vault = Vault([KeyEncryptionKey(bytes(range(32)))])
    warehouse, profiles, wakes = StandInWarehouse(), StandInProfiles(), []
    metrics = Metrics("1")
    workspaces = WorkspaceService(database, clock)
    workspaces.create(OPERATOR, id=5328, name="Shop", org_id=1, account_id=2)
    workspaces.create(OPERATOR, id=7, name="Other", org_id=1, account_id=2)
    feeds = FeedService(database, clock, digests)
    stores = DuckDbStores(tmp_path / "profiles", b"k" * 32, StoreLimits(memory_mb=256, threads=1))

    def wake() -> None:
        wakes.append(None)

    services = Services(
        workspaces=workspaces,
        credentials=CredentialService(database, clock, digests),
        feeds=feeds,
        tokens=TokenService(
            database,
            clock,
            digests=digests,
            keys=TokenKeyRing([SigningKey(ec.generate_private_key(ec.SECP256R1()))]),
            rules=TokenRules("http://testserver", AUDIENCE, timedelta(hours=8)),
            limiter=FailureLimiter(),
        ),
        audit=AuditService(database, clock),
        connections=ConnectionService(database, clock, vault, WAREHOUSE_TYPES, warehouse),
        data_models=DataModelService(database, clock, accepting_dialects),
        pipelines=PipelineService(
            database,
            clock,
            vault=vault,
            feeds=FeedFinder(digests),
            probe=_Probe(warehouse),
            limits=Limits(),
            wake=wake,
        ),
        previews=PreviewService(
            database,
            clock,
            vault=vault,
            warehouses=WarehouseWorker(WorkerSettings(WarehousePolicy(duckdb_root=str(tmp_path)), grace_seconds=1)),
            max_columns=100,
        ),
        runs=RunService(database, clock, profiles=profiles, live=LiveProgress()),
        run_requests=RunRequestService(database, clock, wake=wake),
        profiles=ProfileService(database, profiles),
        provenance=ProvenanceService(database, profiles, DuckDbReader(stores)),
        records=RecordService(database, DuckDbReader(stores)),
        deletions=DeletionService(database, clock, DuckDbEraser(stores)),
        exports=ExportService(database, DuckDbExporter(stores)),
        undo=UndoService(database, clock, DuckDbUndoPreviewer(stores), wake=wake),
        notices=NoticeService(database, clock),
        identity_settings=IdentitySettingsService(database, clock, profiles),
        metrics=MetricsService(database, clock, metrics, settle_delay=timedelta(0), grace=timedelta(hours=1)),
        is_healthy=lambda: True,
    )
    # A quick machine asks for more than fifteen profiles in a second; the tests of ceilings set their own.
    limits = RequestLimits(profile_per_second=10_000)
    app = create_app(services, version="1", limits=limits, counters=metrics)
    with httpx.Client(transport=InProcess(app), base_url="http://testserver") as client:
        made = Plane(
            services=services,
            client=client,
            database=database,
            clock=clock,
            vault=vault,
            warehouse=warehouse,
            profiles=profiles,
            stores=stores,
            feed=feeds.create(OPERATOR, 5328, name="crm"),
            wakes=wakes,
            home=tmp_path,
        )
        client.headers.update(made.headers())
        yield made
    stores.close()
    database.close()
