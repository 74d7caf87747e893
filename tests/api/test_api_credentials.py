"""Credentials: managed by admins, never beyond their own reach; secrets are told once and end at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.service import command
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.services.caller import OPERATOR

URL = "/platform/extensions/credentials"
AUDIENCE = "https://api.mparticle.com"


def _make(plane: Any, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    answer = plane.client.post(
        URL, json={"name": "n", "permission": "admin", "workspaces": [7]} | body, headers=headers or {}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _grant(plane: Any, made: dict[str, Any]) -> Any:
    body = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    return plane.client.post("/oauth/token", json=body | {"audience": AUDIENCE, "grant_type": "client_credentials"})


def _bearer(plane: Any, made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {_grant(plane, made).json()['access_token']}"}


def test_a_credential_from_its_making_to_its_end(plane: Any) -> None:
    answer = plane.client.post(URL, json={"name": "ci", "permission": "user", "workspaces": [5328, 7, 7]})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    shown = {name: value for name, value in made.items() if name != "client_secret"}
    assert shown | {"client_id": "", "created_on": ""} == {
        "client_id": "",
        "name": "ci",
        "permission": "user",
        "all_workspaces": False,
        "workspaces": [7, 5328],
        "is_active": True,
        "created_on": "",
    }
    one = f"{URL}/{made['client_id']}"
    assert plane.client.get(one).json() == shown
    listed = plane.client.get(URL)
    assert shown in listed.json()
    assert made["client_secret"] not in listed.text
    bearer = _bearer(plane, made)
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 200

    assert plane.client.post(f"{one}/deactivate").json() == shown | {"is_active": False}
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 401
    assert _grant(plane, made).status_code == 401
    assert plane.client.post(f"{one}/activate").json() == shown
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 200

    assert plane.client.delete(one).status_code == 204
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 401
    for method, path in (("GET", one), ("DELETE", one), ("POST", f"{one}/activate"), ("POST", f"{one}/rotate")):
        assert plane.client.request(method, path).status_code == 404


def test_a_rotated_secret_ends_at_once_and_so_do_its_tokens(plane: Any) -> None:
    made = _make(plane)
    bearer = _bearer(plane, made)
    answer = plane.client.post(f"{URL}/{made['client_id']}/rotate")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    rotated = answer.json()
    assert rotated["client_id"] == made["client_id"]
    assert rotated["client_secret"] != made["client_secret"]
    assert _grant(plane, made).status_code == 401
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 401
    assert plane.client.get("/v1/workspace", headers=_bearer(plane, rotated)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"workspaces": None}, "workspaces"),
        ({"all_workspaces": True}, "workspaces"),
        ({"workspaces": []}, "workspaces"),
        ({"workspaces": [5327]}, "workspaces"),
        ({"workspaces": [2**63]}, "workspaces"),
        ({"workspaces": ["x"]}, "workspaces.0"),
        ({"workspaces": [0]}, "workspaces"),
        ({"permission": "root"}, "permission"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"client_secret": "mine"}, "client_secret"),
    ],
)
def test_a_body_that_is_wrong(plane: Any, body: dict[str, Any], field: str) -> None:
    before = plane.client.get(URL).json()
    answer = plane.client.post(URL, json={"name": "n", "permission": "user", "workspaces": [7]} | body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert plane.client.get(URL).json() == before


def test_all_workspaces_must_be_asked_for(plane: Any) -> None:
    made = _make(plane, workspaces=None, all_workspaces=True)
    assert (made["all_workspaces"], made["workspaces"]) == (True, [])


def test_a_bound_admin_sees_and_makes_only_its_own_kind(plane: Any) -> None:
    bound = _make(plane, workspaces=[7])
    headers = _bearer(plane, bound)
    others = [_make(plane, workspaces=[5328]), _make(plane, workspaces=[7, 5328])]
    others.append(_make(plane, workspaces=None, all_workspaces=True))
    own = _make(plane, headers, permission="user")
    seen = {found["client_id"] for found in plane.client.get(URL, headers=headers).json()}
    assert seen == {bound["client_id"], own["client_id"]}
    for scope in ({"workspaces": [5328]}, {"workspaces": [7, 5328]}, {"workspaces": None, "all_workspaces": True}):
        answer = plane.client.post(URL, json={"name": "n", "permission": "profile"} | scope, headers=headers)
        assert answer.status_code == 403, scope
    for other in others:
        for method, verb in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/rotate"),
            ("POST", "/activate"),
            ("POST", "/deactivate"),
        ):
            answer = plane.client.request(method, f"{URL}/{other['client_id']}{verb}", headers=headers)
            assert answer.status_code == 404, (method, verb)
        assert _grant(plane, other).status_code == 200
    assert plane.client.post(f"{URL}/{own['client_id']}/rotate", headers=headers).status_code == 200
    assert plane.client.delete(f"{URL}/{own['client_id']}", headers=headers).status_code == 204


def _admins(plane: Any) -> list[str]:
    return [c["client_id"] for c in plane.client.get(URL).json() if c["permission"] == "admin" and c["all_workspaces"]]


def test_nobody_can_lock_out_the_last_admin_but_the_operator(plane: Any) -> None:
    _make(plane, workspaces=[7, 5328])  # an admin, but not of all
    _make(plane, permission="user", workspaces=None, all_workspaces=True)
    off = _make(plane, workspaces=None, all_workspaces=True)
    assert plane.client.post(f"{URL}/{off['client_id']}/deactivate").status_code == 200
    last = next(id_ for id_ in _admins(plane) if id_ != off["client_id"])
    for answer in (plane.client.post(f"{URL}/{last}/deactivate"), plane.client.delete(f"{URL}/{last}")):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "last_admin")
        assert "warehouse-sync credential" in answer.json()["errors"][0]["message"]
    assert plane.client.delete(f"{URL}/{off['client_id']}").status_code == 204  # it was off already
    second = _make(plane, workspaces=None, all_workspaces=True)
    assert plane.client.post(f"{URL}/{last}/deactivate").status_code == 200
    assert plane.services.credentials.set_active(OPERATOR, second["client_id"], is_active=False).is_active is False


def test_two_admins_who_switch_each_other_off_do_not_both_succeed(plane: Any) -> None:
    first, second = (_make(plane, workspaces=None, all_workspaces=True) for _ in range(2))
    bearers = {made["client_id"]: _bearer(plane, made) for made in (first, second)}
    for id_ in _admins(plane):
        if id_ not in bearers:
            plane.services.credentials.delete(OPERATOR, id_)
    statuses: list[int] = []

    def switch_off(other: str, headers: dict[str, str]) -> None:
        statuses.append(plane.client.post(f"{URL}/{other}/deactivate", headers=headers).status_code)

    pairs = [(second["client_id"], bearers[first["client_id"]]), (first["client_id"], bearers[second["client_id"]])]
    threads = [threading.Thread(target=switch_off, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 1
    active = [
        c for c in plane.services.credentials.all_of(OPERATOR) if c.is_active and c.permission is Permission.ADMIN
    ]
    assert len(active) == 1


@pytest.mark.parametrize("client_id", ["0" * 32, "x", "%00", "é", "a%27%20OR%201=1", "x" * 3000])
def test_client_ids_of_nothing(plane: Any, client_id: str) -> None:
    assert plane.client.get(f"{URL}/{client_id}").status_code == 404


def test_the_command_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command(home, "workspace", "create", "--id", "1", "--name", "W")
    made = command(home, "credential", "create", "--name", "ci", "--permission", "admin")
    id_ = made["client_id"]
    shown = command(home, "credential", "show", id_)
    assert (shown["name"], shown["workspaces"], shown["is_active"]) == ("ci", "all", True)
    assert command(home, "credential", "deactivate", id_)["is_active"] is False  # the last admin: here it may
    assert command(home, "credential", "activate", id_) == shown
    rotated = command(home, "credential", "rotate", id_)
    assert rotated["client_id"] == id_
    assert rotated["client_secret"] != made["client_secret"]
    assert command(home, "credential", "list") == [shown]
    assert command(home, "credential", "delete", id_, "--yes") == {"deleted": id_}
    assert command(home, "credential", "list") == []
    entries = command(home, "audit", "list")
    assert [(e["action"], e["object_kind"], e["client_id"], e["outcome"]) for e in entries] == [
        *[
            (verb, "credential", "operator", "done")
            for verb in ("delete", "rotate", "activate", "deactivate", "create")
        ],
        ("create", "workspace", "operator", "done"),
    ]
    assert [e["object_kind"] for e in command(home, "audit", "list", "--workspace", "1")] == ["workspace"]
