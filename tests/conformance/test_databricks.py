"""What only Databricks has: two ways of logging in, hosts of the vendor alone, and links to storage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

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


class _Noting(BaseHTTPRequestHandler):
    """Refuses every statement, and keeps what was asked."""

    asked: ClassVar[list[tuple[str, dict[str, object]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.headers["User-Agent"], json.loads(body)))
        self.send_error(403)

    def log_message(self, *_: object) -> None: ...


def test_a_statement_tells_who_sends_it() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Noting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with (
            closing(opened(f"http://127.0.0.1:{server.server_address[1]}")) as warehouse,
            pytest.raises(WarehouseError),
        ):
            warehouse.count("SELECT 1")
        server.shutdown()
    ((agent, body),) = _Noting.asked
    assert agent == "WarehouseSync (pipeline=p run=1)"
    assert (body["statement"], body["catalog"]) == ("SELECT 1", "main")


@pytest.mark.parametrize("wrong", [{"chunk_index": 0}, {"row_count": 9}])
def test_a_part_that_is_not_the_one_asked_for_is_refused(url: str, wrong: dict[str, int]) -> None:
    with closing(opened(url)) as warehouse:
        done = warehouse._finished("SELECT id FROM range(30) AS r(id)", WarehouseStep.QUERY)
        (first,) = done["result"]["external_links"]
        second = {**first, "chunk_index": 1, **wrong, "next_chunk_index": None}
        with pytest.raises(WarehouseError) as caught:
            list(warehouse._batches({**done, "result": {"external_links": [first, second]}}))
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.PROTOCOL, WarehouseStep.FETCH)
