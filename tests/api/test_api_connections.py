from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from warehouse_sync.catalog import connections
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
URL = f"{BASE}/connections"
ONE = f"{URL}/crm-connection"
Body = Callable[..., dict[str, Any]]


def _stored_password(plane: Any) -> str:
    with plane.database.read() as tx:
        found = connections.find(tx, 5328, "crm-connection")
        return connections.opened(tx, found, plane.vault).address.secrets["password"].reveal()


def test_create_answers_in_the_published_shape(plane: Any, connection: Body) -> None:
    answer = plane.client.post(URL, json=connection())
    assert answer.status_code == 200
    expected = connection(password="************") | {
        "is_active": True,
        "is_faulted": False,
        "created_on": "2023-02-08T00:05:31.23",
        "created_by": "ci",
        "last_modified_on": None,
        "last_modified_by": None,
    }
    assert answer.json() == expected
    published = [name for name in answer.json() if name != "is_active"]
    assert published[:5] == ["id", "name", "workspace_id", "is_faulted", "type"]
    assert published[-4:] == ["created_on", "created_by", "last_modified_on", "last_modified_by"]
    assert plane.warehouse.tested[0].secrets["password"].reveal() == "s3cret"


def test_the_secret_is_in_no_file_of_the_home(plane: Any, connection: Body) -> None:
    plane.client.post(URL, json=connection(password="correct-horse-battery"))
    assert _stored_password(plane) == "correct-horse-battery"
    for path in (found for found in plane.home.rglob("*") if found.is_file()):
        assert b"correct-horse-battery" not in path.read_bytes()


def test_get_and_list(plane: Any) -> None:
    created = plane.with_connection()
    assert plane.client.get(ONE).json() == created
    assert plane.client.get(URL).json() == [created]
    assert plane.client.get(URL, params={"type": "snowflake"}).json() == [created]
    assert plane.client.get(URL, params={"type": "duckdb"}).json() == []
    assert plane.client.get(URL, params={"connectionType": "duckdb"}).json() == []
    wrong = plane.client.get(URL, params={"type": "oracle"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "type")


def test_the_overviews_path_answers_alike(plane: Any) -> None:
    created = plane.with_connection()
    other = ONE.removeprefix("/platform")
    assert plane.client.get(other).json() == created


@pytest.mark.parametrize("password", ["************", None, "absent"])
def test_put_keeps_a_masked_or_absent_secret(plane: Any, connection: Body, password: str | None) -> None:
    plane.with_connection()
    body = connection(name="New name", password=password)
    if password == "absent":
        del body["password"]
    answer = plane.client.put(ONE, json=body)
    assert answer.status_code == 200
    assert answer.json()["name"] == "New name"
    assert answer.json()["last_modified_by"] == "ci"
    assert _stored_password(plane) == "s3cret"
    assert plane.warehouse.tested[-1].secrets["password"].reveal() == "s3cret"


def test_put_replaces_everything(plane: Any, connection: Body) -> None:
    plane.with_connection()
    body = connection(password="new", is_active=False)
    del body["snowflake_aws_external_id"]
    answer = plane.client.put(ONE, json=body)
    assert answer.json()["snowflake_aws_external_id"] is None
    assert answer.json()["is_active"] is False
    assert _stored_password(plane) == "new"


def test_the_mask_is_never_stored(plane: Any, connection: Body) -> None:
    answer = plane.client.post(URL, json=connection(password="************"))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "password"
    assert plane.warehouse.tested == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"workspace_id": 7}, "workspace_id"),
        ({"id": "other"}, "id"),
        ({"type": "duckdb", "database": "x.duckdb"}, "type"),
    ],
)
def test_put_refuses_another_identity_or_type(
    plane: Any, connection: Body, changes: dict[str, Any], field: str
) -> None:
    plane.with_connection()
    answer = plane.client.put(ONE, json=connection(**changes))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "name",
        "workspace_id",
        "type",
        "source_account_id",
        "region",
        "warehouse",
        "database",
        "user",
        "role",
        "password",
    ],
)
def test_every_required_field_is_missed_by_name(plane: Any, connection: Body, field: str) -> None:
    body = connection()
    del body[field]
    answer = plane.client.post(URL, json=body)
    assert answer.status_code == 400
    assert [item["field"] for item in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "with space"}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"workspace_id": "abc"}, "workspace_id"),
        ({"workspace_id": 5328.5}, "workspace_id"),
        ({"workspace_id": 10**40}, "workspace_id"),
        ({"type": "oracle"}, "type"),
        ({"type": 3}, "type"),
        ({"passwort": "s3cret"}, "passwort"),
        ({"user": 5}, "user"),
        ({"user": "x" * 5000}, "user"),
        ({"name": ""}, "name"),
        ({"is_active": "yes"}, "is_active"),
        ({"user": "half \ud800 pair"}, "user"),
    ],
)
def test_a_wrong_field_is_named_and_never_echoed(
    plane: Any, connection: Body, changes: dict[str, Any], field: str
) -> None:
    import json

    answer = plane.client.post(
        URL, content=json.dumps(connection(**changes)), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    body = answer.json()
    assert body["statusCode"] == 400
    assert [item["field"] for item in body["errors"]] == [field]
    assert "s3cret" not in answer.text
    assert "oracle" not in answer.text


def test_read_only_fields_and_those_published_elsewhere_are_ignored(plane: Any, connection: Body) -> None:
    body = connection(is_faulted=True, created_by="mallory", project_id="x", schedule_interval="hourly")
    answer = plane.client.post(URL, json=body | {"workspace_id": "5328"})
    assert answer.status_code == 200
    assert (answer.json()["is_faulted"], answer.json()["created_by"]) == (False, "ci")


def test_an_id_is_taken_once_and_free_again_after_delete(plane: Any, connection: Body) -> None:
    plane.with_connection()
    again = plane.client.post(URL, json=connection())
    assert (again.status_code, again.json()["errors"][0]["field"]) == (400, "id")
    gone = plane.client.delete(ONE)
    assert (gone.status_code, gone.content) == (204, b"")
    assert plane.client.get(ONE).status_code == 404
    assert plane.client.delete(ONE).status_code == 404
    plane.with_connection()


def test_a_connection_in_use_is_not_deleted(plane: Any) -> None:
    plane.with_pipeline()
    answer = plane.client.delete(ONE)
    assert answer.status_code == 400
    assert "crm-pipeline" in answer.json()["errors"][0]["message"]
    assert plane.client.get(ONE).status_code == 200


@pytest.mark.parametrize(
    ("fault", "step", "status"),
    [
        (WarehouseFault.UNREACHABLE, WarehouseStep.REACH, 505),
        (WarehouseFault.TIMED_OUT, WarehouseStep.LOGIN, 505),
        (WarehouseFault.CREDENTIALS, WarehouseStep.LOGIN, 505),
        (WarehouseFault.PERMISSION, WarehouseStep.WAREHOUSE, 505),
        (WarehouseFault.PERMISSION, WarehouseStep.QUERY, 400),
        (WarehouseFault.EGRESS_DENIED, WarehouseStep.RESOLVE, 505),
        (WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, 400),
        (WarehouseFault.MISCONFIGURED, WarehouseStep.DATABASE, 505),
        (WarehouseFault.DRIVER_MISSING, WarehouseStep.CONFIGURE, 400),
        (WarehouseFault.QUERY, WarehouseStep.QUERY, 400),
    ],
)
def test_a_warehouse_that_refuses_stores_nothing(
    plane: Any, connection: Body, fault: WarehouseFault, step: WarehouseStep, status: int
) -> None:
    plane.warehouse.failure = WarehouseError("It failed.", fault=fault, step=step)
    answer = plane.client.post(URL, json=connection())
    assert answer.status_code == status
    assert answer.json() == {
        "statusCode": status,
        "errors": [{"message": "It failed.", "code": f"warehouse_{fault}", "step": step}],
    }
    assert plane.client.get(URL).json() == []


def test_a_failed_put_changes_nothing(plane: Any, connection: Body) -> None:
    before = plane.with_connection()
    plane.warehouse.failure = WarehouseError("No.", fault=WarehouseFault.CREDENTIALS, step=WarehouseStep.LOGIN)
    assert plane.client.put(ONE, json=connection(password="wrong")).status_code == 505
    assert plane.client.get(ONE).json() == before
    assert _stored_password(plane) == "s3cret"


def test_the_way_of_logging_in_decides_what_is_needed(plane: Any, connection: Body) -> None:
    def refused(**changes: Any) -> tuple[int, str]:
        body = {name: value for name, value in connection(**changes).items() if value is not None}
        answer = plane.client.post(URL, json=body)
        return answer.status_code, answer.json()["errors"][0]["field"]

    assert refused(password=None) == (400, "password")
    assert refused(region=None) == (400, "region")
    assert refused(private_key="k") == (400, "private_key")
    assert refused(private_key_passphrase="p") == (400, "private_key_passphrase")
    body = connection(source_account_id="myorg-my_account", private_key="k", private_key_2="k2")
    del body["password"], body["region"]
    made = plane.client.post(URL, json=body)
    assert made.status_code == 200
    assert {name for name, value in made.json().items() if value == "************"} == {"private_key", "private_key_2"}
    assert (made.json()["region"], made.json()["password"]) == (None, None)
    assert "oauth_token" not in made.json()


def test_a_new_way_of_logging_in_replaces_the_old_ones_secrets(plane: Any, connection: Body) -> None:
    created = plane.with_connection()
    answer = plane.client.put(ONE, json=created | {"private_key": "new-key"})
    assert answer.status_code == 200
    assert (answer.json()["private_key"], answer.json()["password"]) == ("************", None)
    assert {name: value.reveal() for name, value in plane.warehouse.tested[-1].secrets.items()} == {
        "private_key": "new-key"
    }
