"""A DuckDB connection reads files below the operator's folder, and no other file of the machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.e2e.stage import pipeline
from tests.fixtures.service import WORKSPACE, Access, RunningService, prepare_home, running_service


@dataclass(frozen=True, slots=True)
class Place:
    """A service whose folder of warehouses lies beside a file that it must not read."""

    service: RunningService
    access: Access
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("duckdb")
    root = folder / "warehouses"
    (root / "below").mkdir(parents=True)
    with duckdb.connect(str(folder / "outside.duckdb")) as session:
        session.execute(
            "CREATE TABLE people AS SELECT 'p1' AS customer_id, 41 AS score, TIMESTAMP '2025-12-01' AS updated_at"
        )
    shutil.copy(folder / "outside.duckdb", root / "below" / "shop.duckdb")
    (root / "link.duckdb").symlink_to(folder / "outside.duckdb")
    (root / "way").symlink_to(folder)
    (root / "text.duckdb").write_text("this is no database")
    access = prepare_home(folder / "home")
    with running_service(folder / "home", access, duckdb_root=str(root)) as service:
        yield Place(service, access, folder)


def body(database: str) -> dict[str, Any]:
    return {"id": "files", "name": "files", "workspace_id": WORKSPACE, "type": "duckdb", "database": database}


def create(service: RunningService, database: str) -> tuple[int, dict[str, Any]]:
    url = f"{service.url}/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections"
    headers = {"Authorization": f"Bearer {service.client._valid_token()}"}
    answer = httpx.post(url, json=body(database), headers=headers, timeout=60)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "database",
    [
        "../outside.duckdb",
        "below/../../outside.duckdb",
        "{folder}/outside.duckdb",
        "{folder}/warehouses/below/shop.duckdb",
        "link.duckdb",
        "way/outside.duckdb",
        "way/home/control.db",
        "file:../outside.duckdb",
        "md:shop",
    ],
)
def test_a_name_that_leads_outside_is_refused(place: Place, database: str) -> None:
    status, answer = create(place.service, database.format(folder=place.folder))
    (error,) = answer["errors"]
    assert (status, error["field"], error["step"]) == (505, "database", "configure"), answer
    assert error["code"] == "warehouse_egress_denied"
    assert "inside the operator's folder" in error["message"]
    assert str(place.folder) not in str(answer)


@pytest.mark.parametrize("database", ["nothing.duckdb", "below", "text.duckdb"])
def test_a_name_without_a_database_behind_it_is_refused(place: Place, database: str) -> None:
    status, answer = create(place.service, database)
    (error,) = answer["errors"]
    assert (status, error["field"], error["step"]) == (505, "database", "database"), answer
    assert str(place.folder) not in str(answer)


def test_a_file_below_the_folder_is_read(place: Place) -> None:
    service = place.service
    service.workspace.create("connections", body("below/shop.duckdb"))
    model = {"id": "m", "name": "m", "workspace_id": WORKSPACE, "type": "sql", "sql_query": "SELECT * FROM people"}
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"}
    service.workspace.create("data-models", {**model, **stamp})
    service.workspace.create("pipelines", pipeline("m", place.access, connection_id="files"))
    assert service.run("m")["records_mapped"] == 1
    assert service.resolve("customer_id", "p1")["user_attributes"] == {"score": "41"}


def test_without_a_folder_there_are_no_duckdb_warehouses(tmp_path: Path) -> None:
    access = prepare_home(tmp_path / "home")
    with running_service(tmp_path / "home", access) as service:
        status, answer = create(service, "shop.duckdb")
        assert httpx.get(f"{service.url}/health", timeout=10).status_code == 200
    (error,) = answer["errors"]
    assert (status, error["code"]) == (505, "warehouse_egress_denied")
    assert "WAREHOUSE_SYNC_DUCKDB_ROOT" in error["message"]
