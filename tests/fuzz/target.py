"""What is attacked: the real service on a DuckDB warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.duckdb_shop import FILE, make_shop
from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service


@dataclass(frozen=True, slots=True)
class Target:
    """A running service with a connection ``shop``."""

    service: RunningService
    access: Access
    home: Path

    @property
    def token(self) -> str:
        return self.service.client._valid_token()


@contextmanager
def target(folder: Path, **settings: str) -> Iterator[Target]:
    """Serves a new home in an empty folder."""
    home, warehouses = folder / "home", folder / "warehouses"
    make_shop(warehouses)
    access = prepare_home(home)
    settings = {"limit_control_requests": "100000", "limit_profile_requests": "100000"} | settings
    with running_service(home, access, duckdb_root=str(warehouses), login_timeout_seconds="3", **settings) as service:
        connection = {"id": "shop", "name": "Shop", "workspace_id": WORKSPACE, "type": "duckdb", "database": FILE}
        service.workspace.create("connections", connection)
        yield Target(service, access, home)
