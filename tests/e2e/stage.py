"""The stage of the end-to-end tests: a shop in a local Snowflake, the real service, and the bodies that are sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from snowflake import connector

from emulators.snowflake import shop
from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service
from tests.fixtures.snowflake import SnowflakeEmulator

CUSTOMERS = 1_000
START = shop.UPDATED_FROM.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running shop and a running service with access to it.

    Attributes:
        home: the service's folder.
        warehouses: the folder of DuckDB warehouses.
    """

    shop: SnowflakeEmulator
    service: RunningService
    access: Access
    home: Path
    warehouses: Path

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.service.workspace.create(kind, body)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Calls a path below the workspace's base path; gives the status and the answer, refusals too."""
        base = f"{self.service.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse"
        headers = {"Authorization": f"Bearer {self.service.client._valid_token()}"}
        answer = httpx.request(method, f"{base}/{path}", json=body, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    def is_well(self) -> bool:
        return httpx.get(f"{self.service.url}/health", timeout=10).status_code == 200

    def pipeline(self, name: str, sql: str, stamp: str = "UPDATED_AT", **changes: Any) -> str:
        """Creates a data model and a pipeline of one name on the connection ``shop``."""
        self.create("data-models", data_model(name, sql, load_timestamp_field_name=stamp))
        self.create("pipelines", pipeline(name, self.access, **changes))
        return name


@contextmanager
def staged(folder: Path, server: SnowflakeEmulator, **settings: str) -> Iterator[Stage]:
    """Opens a stage in an empty folder, with the connection ``shop`` made; ``settings`` are the service's."""
    home, warehouses = folder / "home", folder / "warehouses"
    warehouses.mkdir()
    access = prepare_home(home)
    with running_service(
        home, access, snowflake_endpoint=server.url, duckdb_root=str(warehouses), **settings
    ) as service:
        stage = Stage(server, service, access, home, warehouses)
        stage.create("connections", connection("shop"))
        yield stage


def connection(name: str, **changes: Any) -> dict[str, Any]:
    fields = {"source_account_id": "demo", "region": "local", "warehouse": "DEMO_WH", "database": shop.DATABASE}
    who = {"role": "DEMO_ROLE", "user": "demo", "password": "demo-password"}
    return {"id": name, "name": name, "workspace_id": WORKSPACE, "type": "snowflake", **fields, **who, **changes}


def data_model(name: str, sql: str, **changes: Any) -> dict[str, Any]:
    stamp = {"load_timestamp_field_name": "UPDATED_AT", "load_timestamp_field_type": "timestamp_ntz"}
    query = {"type": "sql", "sql_query": sql}
    return {"id": name, "name": name, "workspace_id": WORKSPACE, **query, **stamp, **changes}


def pipeline(name: str, access: Access, **changes: Any) -> dict[str, Any]:
    parts = {"connection_id": "shop", "data_model_id": name, "partner_feed_id": access.feed_id}
    schedule = {"schedule_interval": "on_demand", "schedule_start_time": START, "environment": "development"}
    return {"id": name, "name": name, "workspace_id": WORKSPACE, **parts, **schedule, **changes}


def in_shop(server: SnowflakeEmulator, *statements: str) -> list[tuple[Any, ...]]:
    """Executes statements over the wire, not through the service; gives the rows of the last one."""
    rows: list[tuple[Any, ...]] = []
    with closing(connector.connect(**server.connect_arguments())) as session:
        for statement in statements:
            rows = session.cursor().execute(statement).fetchall()
    return rows
