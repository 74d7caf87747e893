"""Deleting people over HTTP, and their tombstones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.profiles.applying import Home

BASE = "/platform/extensions/workspaces/5328"
ANN = {"environment_type": "development", "identity": {"type": "customer_id", "value": "ann"}}


@pytest.fixture
def home(plane: Any) -> Home:
    home = Home(plane.stores)
    home.sync({"customer_id": "ann", "email": "family@x"}, {"customer_id": "bob", "email": "family@x", "t": 1})
    return home


def test_a_person_is_deleted_and_a_tombstone_stays(plane: Any, home: Home) -> None:
    url = f"{BASE}/profiles/{home.mpid(1)}"
    answer = plane.client.delete(url)
    assert answer.status_code == 200, answer.text
    tombstone = {
        "id": "development-1",
        "environment": "development",
        "deleted_on": "2023-02-08T00:05:31.230000Z",
        "deleted_by": "ci",
        "identities": 1,
    }
    assert answer.json() == {"tombstone": tombstone, "shared_identities": 1}
    again = plane.client.delete(url)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (404, "not_found")
    assert plane.client.get(f"{BASE}/tombstones").json() == {"items": [tombstone]}
    assert plane.client.get(f"{BASE}/tombstones", params={"currentPage": 2}).json() == {"items": []}
    assert plane.client.post(f"{BASE}/tombstones/find", json=ANN).json() == {"items": [tombstone]}
    bob = ANN | {"identity": {"type": "customer_id", "value": "bob"}}
    assert plane.client.post(f"{BASE}/tombstones/find", json=bob).json() == {"items": []}
    assert home.sync({"customer_id": "ann", "email": "family@x"}).rejected == 1
    assert plane.client.delete(f"{BASE}/tombstones/development-1").status_code == 204
    assert home.sync({"customer_id": "ann", "email": "family@x"}).profiles_created == 1


def test_the_audit_log_names_nobody(plane: Any, home: Home) -> None:
    plane.client.delete(f"{BASE}/profiles/{home.mpid(1)}")
    plane.client.delete(f"{BASE}/tombstones/development-1")
    lifted, deleted = plane.client.get(f"{BASE}/audit", params={"pageSize": 2}).json()["items"]
    assert (deleted["action"], deleted["object_kind"], deleted["object_id"]) == ("delete", "profile", "development-1")
    assert (lifted["action"], lifted["object_kind"], lifted["object_id"]) == ("lift", "tombstone", "development-1")


@pytest.mark.parametrize(
    "name", ["development-2", "production-1", "development-0", "development", "x-1", f"development-{'9' * 30}"]
)
def test_a_tombstone_that_is_not_there(plane: Any, home: Home, name: str) -> None:
    plane.client.delete(f"{BASE}/profiles/{home.mpid(1)}")
    answer = plane.client.delete(f"{BASE}/tombstones/{name}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
    assert len(plane.client.get(f"{BASE}/tombstones").json()["items"]) == 1


@pytest.mark.parametrize("permission", ["user", "profile"])
def test_only_admins_delete(plane: Any, home: Home, permission: str) -> None:
    headers = plane.headers(permission)
    assert plane.client.delete(f"{BASE}/profiles/{home.mpid(1)}", headers=headers).status_code == 403
    assert plane.client.get(f"{BASE}/tombstones", headers=headers).status_code == 403
    assert home.count() == 2
