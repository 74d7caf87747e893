"""What only BigQuery has: keys that must not lead elsewhere, a price, labels, and a slower way for rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.api_core.exceptions import PermissionDenied

from tests.fixtures.bigquery import EMAIL, BigQueryEmulator, needs_bigquery, running_bigquery
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.bigquery import BigQueryWarehouse, labels
from warehouse_sync.warehouses.policy import WarehousePolicy

pytestmark = needs_bigquery


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    with running_bigquery(tmp_path_factory.mktemp("keys"), bytes=1000) as running:
        yield running


def opened(server: BigQueryEmulator, key_file: str | None = None, **changes: str) -> BigQueryWarehouse:
    policy = WarehousePolicy(bigquery_endpoint=server.endpoint, login_timeout_seconds=10)
    return BigQueryWarehouse(server.address(key_file, **changes), policy, "warehouse-sync pipeline=p run=1")


def refusal(server: BigQueryEmulator, key_file: str | None = None, **changes: str) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught, closing(opened(server, key_file, **changes)) as warehouse:
        warehouse.check()
    return caught.value


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token_uri": "http://169.254.169.254/token"}, "service_account_key"),
        ({"universe_domain": "evil.example"}, "service_account_key"),
        ({"type": "external_account"}, "service_account_key"),
        ({"private_key": "none"}, "service_account_key"),
        ({"client_email": "other@demo-project.iam.gserviceaccount.com", "client_id": "9"}, "service_account_id"),
    ],
)
def test_a_key_file_cannot_lead_elsewhere(server: BigQueryEmulator, changes: dict[str, str], field: str) -> None:
    error = refusal(server, server.key_file(**changes))
    assert (error.fault, error.step, error.field) == (WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, field)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '"x"'])
def test_what_is_no_key_file_is_refused(server: BigQueryEmulator, text: str) -> None:
    assert refusal(server, text).field == "service_account_key"


def test_a_key_that_was_deleted_is_refused(server: BigQueryEmulator) -> None:
    other = rsa.generate_private_key(65537, 2048)
    text = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    error = refusal(server, server.key_file(private_key=text))
    assert (error.fault, error.step) == (WarehouseFault.CREDENTIALS, WarehouseStep.LOGIN)


def test_an_account_may_be_named_in_three_ways(server: BigQueryEmulator) -> None:
    for name in (EMAIL, EMAIL.partition("@")[0], json.loads(server.key_file())["client_id"]):
        opened(server, service_account_id=name).close()


def test_another_region_is_named(server: BigQueryEmulator) -> None:
    error = refusal(server, region="europe-west1")
    assert (error.step, error.field) == (WarehouseStep.DATABASE, "region")


def test_a_query_that_is_too_dear_is_not_run(server: BigQueryEmulator) -> None:
    with closing(opened(server, maximum_bytes_billed="999")) as warehouse:
        assert len(warehouse.probe("SELECT 1 AS a")) == 1  # a dry run is free
        with pytest.raises(WarehouseError, match="maximum_bytes_billed") as caught:
            warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS m")
    assert (caught.value.fault, caught.value.transient) == (WarehouseFault.QUERY, False)
    with closing(opened(server, maximum_bytes_billed="1000")) as warehouse:
        assert warehouse.bytes_scanned is None
        assert warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS m") == 1
        assert warehouse.bytes_scanned is not None
    policy = WarehousePolicy(bigquery_endpoint=server.endpoint, login_timeout_seconds=10, max_bytes_billed=999)
    tighter = BigQueryWarehouse(server.address(maximum_bytes_billed="1000"), policy, "")
    with closing(tighter) as warehouse, pytest.raises(WarehouseError, match="max_bytes_billed"):
        warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS m")


def test_rows_come_by_rest_where_the_storage_api_is_not_allowed(
    server: BigQueryEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Denied:
        def create_read_session(self, **_arguments: Any) -> None:
            raise PermissionDenied("bigquery.readsessions.create")

    @contextmanager
    def denied(_self: BigQueryWarehouse) -> Iterator[Denied]:
        yield Denied()

    sql = "SELECT 1 AS a, 'x' AS b, [1, 2] AS c, STRUCT(1 AS k) AS d, TIMESTAMP '2025-11-03 09:12:00.5+00' AS e, NUMERIC '1.5' AS f"
    with closing(opened(server)) as warehouse:
        by_storage = [row for batch in warehouse.fetch(sql) for row in batch.to_pylist()]
        monkeypatch.setattr(BigQueryWarehouse, "_storage", denied)
        by_rest = [row for batch in warehouse.fetch(sql) for row in batch.to_pylist()]
    assert by_rest == by_storage


def test_a_job_tells_who_sends_it_and_when_it_must_end(server: BigQueryEmulator) -> None:
    with closing(opened(server)) as warehouse:
        warehouse.count("SELECT COUNT(*) FROM (SELECT 1 AS a) AS m")
    told = httpx.get(f"{server.endpoint.rest}/emulator/latest-job").json()
    assert told["labels"] == {"application": "warehouse-sync", "pipeline": "p", "run": "1"}
    assert (told["jobTimeoutMs"], told["query"]["useLegacySql"]) == ("3600000", False)


def test_labels_have_the_letters_that_labels_may_have() -> None:
    assert labels("warehouse-sync pipeline=CRM_Pipe run=17") == {
        "application": "warehouse-sync",
        "pipeline": "crm_pipe",
        "run": "17",
    }
    assert all(len(value) <= 63 for value in labels("pipeline=" + "x" * 200).values())
