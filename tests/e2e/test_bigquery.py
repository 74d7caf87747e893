"""BigQuery from key file to profile, set up as the documentation's page says, on the emulator."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.documented import Place, blocks, create, sync
from tests.fixtures.bigquery import BigQueryEmulator, needs_bigquery, running_bigquery
from tests.fixtures.service import prepare_home, running_service

pytestmark = needs_bigquery

ROBOT = "mp-robot@mp-project.iam.gserviceaccount.com"
CUSTOMERS = """
SELECT * FROM UNNEST([
  STRUCT('c-1' AS customer_id, 0.5 AS score, ['a', 'b'] AS tags, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR) AS updated_at),
  STRUCT('c-2', NULL, CAST(NULL AS ARRAY<STRING>), TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR))])
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bigquery")
    with running_bigquery(folder, email=ROBOT, project="mp-project", dataset="mp_dataset") as server:
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
