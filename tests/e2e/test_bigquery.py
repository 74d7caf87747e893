"""BigQuery from key file to profile, set up as the documentation's page says, on the emulator."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from google.api_core.exceptions import PermissionDenied

from tests.e2e.documented import Place, blocks, create, sync
from tests.fixtures.bigquery import BigQueryEmulator, needs_bigquery, running_bigquery
from tests.fixtures.service import prepare_home, running_service
from warehouse_sync.errors import WarehouseError
from warehouse_sync.warehouses.bigquery import BigQueryWarehouse
from warehouse_sync.warehouses.policy import WarehousePolicy

pytestmark = needs_bigquery

ROBOT = "mp-robot@mp-project.iam.gserviceaccount.com"
CUSTOMERS = """
SELECT * FROM UNNEST([
  STRUCT('c-1' AS customer_id, 0.5 AS score, ['a', 'b'] AS tags, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR) AS updated_at),
  STRUCT('c-2', NULL, CAST(NULL AS ARRAY<STRING>), TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR))])
"""


PROJECT = {
    "project": "mp-project",
    "dataset": "mp_dataset",
    "sql": "CREATE TABLE mp_dataset.customers AS SELECT 'c-3' AS customer_id, CURRENT_TIMESTAMP() AS updated_at",
}
TABLE = "SELECT * FROM mp_dataset.customers"


def granted_roles() -> list[str]:
    """The roles that the page grants."""
    page = "".join(blocks("bigquery.md", "sh") + blocks("bigquery.md", "sql"))
    return re.findall(r"roles/bigquery\.\w+", page)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bigquery")
    with running_bigquery(folder, email=ROBOT, role=granted_roles(), **PROJECT) as server:
        settings = {
            "bigquery_endpoint": server.endpoint.rest,
            "bigquery_storage_endpoint": server.endpoint.storage,
        }
        access = prepare_home(folder / "home")
        with running_service(folder / "home", access, **settings) as service:
            yield Place(service, access, server)


def test_the_page_can_be_followed(place: Place, tmp_path: Path) -> None:
    server: BigQueryEmulator = place.server
    (tmp_path / "key.json").write_text(server.key_file(client_email=ROBOT))
    (command,) = [block for block in blocks("bigquery.md", "sh") if block.startswith("jq ")]
    body = json.loads(subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout)
    status, answer = create(place, body)
    assert (status, answer.get("service_account_key")) == (200, "************"), answer
    run = sync(place, "bq", CUSTOMERS, load_timestamp_field_type="timestamp")
    assert (run["pipeline_run_state"], run["records_mapped"]) == ("success", 2), run
    assert place.service.resolve("customer_id", "c-1")["user_attributes"] == {"score": "0.5", "tags": ["a", "b"]}


def test_the_roles_of_the_page_suffice_to_read_a_table(place: Place) -> None:
    run = sync(place, "bq", TABLE, "table", load_timestamp_field_type="timestamp")
    assert (run["pipeline_run_state"], run["records_extracted"]) == ("success", 1), run


def test_each_role_of_the_page_is_needed(tmp_path: Path) -> None:
    roles = granted_roles()
    assert len(set(roles)) == len(roles) == 3
    seen = {}
    for missing in roles:
        with (
            running_bigquery(
                tmp_path, email=ROBOT, role=[role for role in roles if role != missing], **PROJECT
            ) as server,
            closing(_opened(server)) as warehouse,
        ):
            seen[missing.rpartition(".")[2]] = _first_refusal(warehouse)
    assert seen["jobUser"].startswith("warehouse: "), seen
    assert "grant it BigQuery Job User" in seen["jobUser"], seen
    assert seen["dataViewer"].startswith("database: "), seen
    assert "grant it BigQuery Data Viewer" in seen["dataViewer"], seen
    assert seen["readSessionUser"] == "by REST", seen


def _opened(server: BigQueryEmulator) -> BigQueryWarehouse:
    changes = {"project_id": PROJECT["project"], "dataset_id": PROJECT["dataset"], "service_account_id": ROBOT}
    policy = WarehousePolicy(bigquery_endpoint=server.endpoint, login_timeout_seconds=10)
    return BigQueryWarehouse(server.address(server.key_file(client_email=ROBOT), **changes), policy, "roles")


def _first_refusal(warehouse: BigQueryWarehouse) -> str:
    """The step that fails and what it says; or how rows come without a failure."""
    try:
        warehouse.check()
        assert sum(batch.num_rows for batch in warehouse.fetch(TABLE)) == 1
        with warehouse._storage() as storage, pytest.raises(PermissionDenied):
            storage.create_read_session(parent="projects/mp-project", read_session={}, max_stream_count=1)
    except WarehouseError as error:
        return f"{error.step}: {error.message}"
    return "by REST"


def test_a_query_that_is_too_dear_is_refused_with_the_field(place: Place) -> None:
    key = place.server.key_file(client_email=ROBOT)
    body = {"id": "dear", "name": "dear", "workspace_id": 5328, "type": "bigquery", "region": "us-east4"}
    fields = {
        "project_id": "mp-project",
        "dataset_id": "mp_dataset",
        "service_account_id": ROBOT,
        "maximum_bytes_billed": 1,
    }
    status, answer = create(place, {**body, **fields, "service_account_key": key})
    assert status == 200, answer
    run = sync(place, "dear", CUSTOMERS, load_timestamp_field_type="timestamp")
    assert run["pipeline_run_state"] == "failed"
    assert run["failure"]["code"] == "warehouse_query", run
    assert "maximum_bytes_billed" in run["failure"]["message"], run
