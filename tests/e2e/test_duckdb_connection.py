"""A DuckDB connection reads files below the operator's folder, and no other file of the machine."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.e2e.documented import blocks, documented
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
    with running_service(folder / "home", access, more={_documented_setting(): str(root)}) as service:
        yield Place(service, access, folder)


def _documented_setting() -> str:
    """The setting that the page puts before the command that serves; the fixture serves with it, at another folder."""
    (line,) = blocks("duckdb.md", "sh")
    assignment, _, verb, *_ = shlex.split(line)
    assert verb == "serve"
    return assignment.partition("=")[0]


def body(database: str) -> dict[str, Any]:
    return {"id": "files", "name": "files", "workspace_id": WORKSPACE, "type": "duckdb", "database": database}


def create(service: RunningService, database: str) -> tuple[int, dict[str, Any]]:
    return post(service, f"/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections", body(database))


def post(service: RunningService, path: str, sent: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {service.client._valid_token()}"}
    answer = httpx.post(service.url + path, json=sent, headers=headers, timeout=60)
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


def test_the_page_can_be_followed(place: Place) -> None:
    shared = documented("duckdb.md")
    file, made, service = place.folder / "warehouses" / shared["database"], place.folder / "made.duckdb", place.service
    shutil.copy(place.folder / "outside.duckdb", file)
    service.workspace.create("connections", shared)
    stamp = {"load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp"}
    model = {
        "id": "page",
        "name": "page",
        "workspace_id": WORKSPACE,
        "type": "sql",
        "sql_query": "SELECT * FROM people",
    }
    service.workspace.create("data-models", model | stamp)
    service.workspace.create("pipelines", pipeline("page", place.access, connection_id=shared["id"]))
    first = service.run("page")
    assert first["records_extracted"] == 1
    with duckdb.connect(str(file)):  # "A file that another process has open for writing cannot be read"
        status, answer = post(service, f"/platform/extensions/workspaces/{WORKSPACE}/connections/{shared['id']}/test")
    assert (status, answer["errors"][0]["code"]) == (505, "warehouse_unreachable"), answer
    with duckdb.connect(str(made)) as session:  # "write a new file and rename it over the old one"
        session.execute(
            f"CREATE TABLE people AS SELECT 'p2' AS customer_id, TIMESTAMP '{first['data_interval_end']}' AS updated_at"
        )
    time.sleep(1)  # intervals end at whole seconds
    made.replace(file)
    assert service.run("page")["records_extracted"] == 1
    assert len(service.resolve("customer_id", "p2")["user_identities"]) == 1
    attach = {**model, "id": "attach", "name": "attach", "sql_query": "SELECT * FROM 'other.duckdb'", **stamp}
    service.workspace.create("data-models", attach)
    with pytest.raises(
        Exception, match="looks like a file, and files cannot be read"
    ):  # "files named in the query cannot be read"
        service.workspace.create("pipelines", pipeline("attach", place.access, connection_id=shared["id"]))


def test_without_a_folder_there_are_no_duckdb_warehouses(tmp_path: Path) -> None:
    access = prepare_home(tmp_path / "home")
    with running_service(tmp_path / "home", access) as service:
        status, answer = create(service, "shop.duckdb")
        assert httpx.get(f"{service.url}/health", timeout=10).status_code == 200
    (error,) = answer["errors"]
    assert (status, error["code"]) == (505, "warehouse_egress_denied")
    assert "WAREHOUSE_SYNC_DUCKDB_ROOT" in error["message"]
