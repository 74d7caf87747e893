"""What only Databricks has: two ways of logging in, hosts of the vendor alone, and links to storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fixtures.databricks import CLIENT, CLIENT_SECRET, databricks_address, running_databricks
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.databricks import DatabricksWarehouse
from warehouse_sync.warehouses.policy import WarehousePolicy


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_databricks(chunk_rows=10) as running:
        yield running


def opened(url: str | None, secrets: dict[str, str] | None = None, **changes: str) -> DatabricksWarehouse:
    policy = WarehousePolicy(databricks_endpoint=url, login_timeout_seconds=10, network_timeout_seconds=10)
    return DatabricksWarehouse(databricks_address(secrets, **changes), policy, "pipeline=p run=1")


def refusal(url: str | None, secrets: dict[str, str] | None = None, **changes: str) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught, closing(opened(url, secrets, **changes)) as warehouse:
        warehouse.check()
    return caught.value


def test_a_service_principal_logs_in(url: str) -> None:
    with closing(opened(url, {"client_secret": CLIENT_SECRET}, client_id=CLIENT)) as warehouse:
        warehouse.check()
        assert warehouse.count("SELECT count(*) FROM range(35) AS r(id)") == 35


@pytest.mark.parametrize(
    ("secrets", "changes"),
    [
        ({"access_token": "wrong"}, {}),
        ({"client_secret": "wrong"}, {"client_id": CLIENT}),
        ({"client_secret": "x"}, {"client_id": "y"}),
    ],
)
def test_a_wrong_secret_is_refused(url: str, secrets: dict[str, str], changes: dict[str, str]) -> None:
    error = refusal(url, secrets, **changes)
    assert (error.fault, error.step) == (WarehouseFault.CREDENTIALS, WarehouseStep.LOGIN)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "azuredatabricks.net",
        "a.azuredatabricks.net.evil.example",
        "x@a.azuredatabricks.net",
        "a/.cloud.databricks.com",
    ],
)
def test_only_the_vendors_hosts_are_taken(host: str) -> None:
    error = refusal(None, server_hostname=host)
    assert (error.fault, error.field) == (WarehouseFault.MISCONFIGURED, "server_hostname")


def test_all_parts_of_a_result_arrive_in_order(url: str) -> None:
    with closing(opened(url)) as warehouse:
        batches = list(warehouse.fetch("SELECT id FROM range(95) AS r(id) ORDER BY id"))
    assert len(batches) == 10
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == list(range(95))


def test_a_link_that_has_expired_ends_the_fetch(url: str) -> None:
    with closing(opened(url)) as warehouse, pytest.raises(WarehouseError) as caught:
        list(warehouse._downloaded(f"{url}/storage/expired"))
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.DROPPED, WarehouseStep.FETCH)


def test_a_dead_host_is_unreachable() -> None:
    error = refusal("http://127.0.0.1:1")
    assert (error.fault, error.step) == (WarehouseFault.UNREACHABLE, WarehouseStep.REACH)
