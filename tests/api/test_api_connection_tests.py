from __future__ import annotations

from typing import Any

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
URL = "/platform/extensions/workspaces/5328/connections/{}/test"


def _is_faulted(plane: Any) -> bool:
    return plane.client.get(f"{BASE}/connections/crm-connection").json()["is_faulted"]


def test_every_step_is_passed(plane: Any) -> None:
    plane.with_connection()
    answer = plane.client.post(URL.format("crm-connection"))
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "connection_id": "crm-connection",
            "status": "passed",
            "steps_passed": ["configure", "resolve", "reach", "tls", "login", "role", "warehouse", "database"],
            "logged_in_with": "password",
        },
    )
    assert plane.warehouse.tested[-1].secrets["password"].reveal() == "s3cret"


def test_a_file_has_two_steps(plane: Any) -> None:
    body = {"id": "file", "name": "File", "workspace_id": 5328, "type": "duckdb", "database": "shop.duckdb"}
    plane.client.post(f"{BASE}/connections", json=body)
    assert plane.client.post(URL.format("file")).json()["steps_passed"] == ["configure", "database"]


def test_it_tells_which_of_two_keys_the_warehouse_accepted(plane: Any) -> None:
    plane.with_connection()
    plane.warehouse.accepted = "private_key_2"
    assert plane.client.post(URL.format("crm-connection")).json()["logged_in_with"] == "private_key_2"


def test_the_failing_step_is_named_and_the_connection_is_faulted_until_a_test_passes(plane: Any) -> None:
    plane.with_connection()
    plane.warehouse.failure = WarehouseError(
        "The log-in was refused.", fault=WarehouseFault.CREDENTIALS, step=WarehouseStep.LOGIN, field="password"
    )
    answer = plane.client.post(URL.format("crm-connection"))
    assert answer.status_code == 505
    assert answer.json()["errors"] == [
        {
            "message": "The log-in was refused.",
            "code": "warehouse_credentials",
            "field": "password",
            "step": "login",
        }
    ]
    assert _is_faulted(plane)
    plane.warehouse.failure = None
    assert plane.client.post(URL.format("crm-connection")).status_code == 200
    assert not _is_faulted(plane)


def test_a_test_of_what_was_replaced_meanwhile_says_nothing_of_the_new(plane: Any, connection: Any) -> None:
    plane.with_connection()

    class Replacing:
        def check(self, _: object) -> None:
            plane.services.connections._test = plane.warehouse
            assert plane.client.put(f"{BASE}/connections/crm-connection", json=connection()).status_code == 200
            raise WarehouseError("Away.", fault=WarehouseFault.UNREACHABLE, step=WarehouseStep.REACH)

    plane.services.connections._test = Replacing()
    assert plane.client.post(URL.format("crm-connection")).status_code == 505
    assert not _is_faulted(plane)


def test_who_may_test_what(plane: Any) -> None:
    plane.with_connection()
    assert plane.client.post(URL.format("none")).status_code == 404
    assert plane.client.post(URL.format("crm-connection"), headers=plane.headers("user")).status_code == 403
    assert plane.client.post(URL.format("crm-connection"), headers=plane.headers(workspaces=[7])).status_code == 404
