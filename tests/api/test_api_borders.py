"""Who gets in where: tokens, permissions, workspaces; and what every refused request looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from warehouse_sync.api.middleware import json_depth

BASE = "/platform/experimental/workspaces/{}/inputs/warehouse"
WRITES = {"POST", "PUT", "DELETE"}
ROUTES = [
    ("GET", "/connections"),
    ("POST", "/connections"),
    ("GET", "/connections/crm-connection"),
    ("PUT", "/connections/crm-connection"),
    ("DELETE", "/connections/crm-connection"),
    ("GET", "/data-models"),
    ("POST", "/data-models"),
    ("GET", "/data-models/propensity-model"),
    ("PUT", "/data-models/propensity-model"),
    ("DELETE", "/data-models/propensity-model"),
    ("GET", "/pipelines"),
    ("POST", "/pipelines"),
    ("GET", "/pipelines/crm-pipeline"),
    ("PUT", "/pipelines/crm-pipeline"),
    ("POST", "/pipelines/crm-pipeline"),
    ("DELETE", "/pipelines/crm-pipeline"),
    ("GET", "/pipelines/crm-pipeline/status"),
    ("GET", "/pipelines/crm-pipeline/status/runs"),
    ("GET", "/pipelines/crm-pipeline/status/runs/1"),
]


def _body(plane: Any, path: str, workspace: int, connection: Any, data_model: Any) -> dict[str, Any]:
    if path.startswith("/connections"):
        return connection(workspace_id=workspace)
    if path.startswith("/data-models"):
        return data_model(workspace_id=workspace)
    return plane.pipeline_body(workspace_id=workspace)


def _requests(
    plane: Any, workspace: int, connection: Any, data_model: Any
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, path in ROUTES:
        content = {}
        if method == "PUT" or (path in {"/connections", "/data-models", "/pipelines"} and method == "POST"):
            content = {"json": _body(plane, path, workspace, connection, data_model)}
        yield method, BASE.format(workspace) + path, content


def test_without_a_valid_token_nothing_is_told(plane: Any, connection: Any, data_model: Any) -> None:
    plane.on_demand()
    del plane.client.headers["Authorization"]
    for method, url, content in _requests(plane, 5328, connection, data_model):
        for header, challenge in (
            (None, "Bearer"),
            ("Basic eDp5", "Bearer"),
            ("Bearer ", "Bearer"),
            ("Bearer rubbish", 'Bearer error="invalid_token"'),
        ):
            answer = plane.client.request(
                method, url, **content, headers={} if header is None else {"Authorization": header}
            )
            assert answer.status_code == 401, (method, url)
            assert answer.headers["www-authenticate"] == challenge
            assert answer.json()["statusCode"] == 401
    assert plane.client.get("/nothing/here").status_code == 401
    assert plane.client.get(BASE.format(5328) + "/pipelines?access_token=" + plane.token()).status_code == 401


def test_a_foreign_workspace_looks_like_none(plane: Any, connection: Any, data_model: Any) -> None:
    plane.on_demand()
    plane.client.post(BASE.format(5328) + "/pipelines/crm-pipeline")
    stranger = plane.headers(workspaces=[7])
    for (method, url, content), (_, nowhere, other) in zip(
        _requests(plane, 5328, connection, data_model), _requests(plane, 5327, connection, data_model), strict=True
    ):
        foreign = plane.client.request(method, url, **content, headers=stranger)
        missing = plane.client.request(method, nowhere, **other, headers=stranger)
        assert foreign.status_code == missing.status_code == 404, (method, url)
        assert foreign.text.replace("5328", "5327") == missing.text
    with_none = plane.client.get(BASE.format(5327) + "/pipelines")
    assert with_none.status_code == 404


def test_the_own_workspace_does_not_reach_objects_of_another(plane: Any, connection: Any, data_model: Any) -> None:
    plane.on_demand()
    plane.client.post(BASE.format(5328) + "/pipelines/crm-pipeline")
    insider = plane.headers(workspaces=[7])
    for method, url, content in _requests(plane, 7, connection, data_model):
        if "crm-" not in url and "propensity" not in url:
            continue
        answer = plane.client.request(method, url, **content, headers=insider)
        expected = 400 if method == "PUT" and "/pipelines/" in url else 404
        assert answer.status_code in {404, expected}, (method, url, answer.text)


@pytest.mark.parametrize("permission", ["user", "profile"])
def test_permissions(plane: Any, connection: Any, data_model: Any, permission: str) -> None:
    plane.on_demand()
    limited = plane.headers(permission)
    for method, url, content in _requests(plane, 5328, connection, data_model):
        answer = plane.client.request(method, url, **content, headers=limited)
        triggers = (method, url) == ("POST", BASE.format(5328) + "/pipelines/crm-pipeline")
        if permission == "profile" or (method in WRITES and not triggers):
            assert answer.status_code == 403, (method, url)
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
        else:
            assert answer.status_code in {200, 404}, (method, url)
    profile = plane.client.get("/userprofile/v1/1/2/5328/1?fields=user_attributes", headers=limited)
    assert profile.status_code == (400 if permission == "profile" else 403)


@pytest.mark.parametrize("workspace", ["0", "-1", str(2**63), str(10**30), "abc", "9" * 5000])
def test_impossible_workspaces(plane: Any, workspace: str) -> None:
    answer = plane.client.get(BASE.format(workspace) + "/pipelines")
    assert answer.status_code in {400, 404}
    assert answer.json()["statusCode"] == answer.status_code


@pytest.mark.parametrize("id_", ["%00", "x" * 3000, "%F0%9F%98%80", "%ED%A0%80", "..%2F..", "a%27%20OR%201=1"])
def test_impossible_ids(plane: Any, id_: str) -> None:
    for kind in ("connections", "data-models", "pipelines"):
        assert plane.client.get(BASE.format(5328) + f"/{kind}/{id_}").status_code == 404


def test_an_address_with_nothing_behind_it(plane: Any) -> None:
    answer = plane.client.get(BASE.format(5328) + "/mappings")
    assert answer.status_code == 404
    assert answer.json()["statusCode"] == 404


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/connections", "GET, POST"),
        ("/pipelines/crm-pipeline", "DELETE, GET, POST, PUT"),
        ("/pipelines/crm-pipeline/status", "GET"),
    ],
)
def test_a_method_that_is_not_answered(plane: Any, path: str, allowed: str) -> None:
    answer = plane.client.patch(BASE.format(5328) + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["statusCode"] == 405


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"not json", b"[]", b'"text"', b"null", b"\xff\xfe\x00", b'{"a":' * 100_000, b"1" * 5000],
)
def test_a_body_that_is_no_object(plane: Any, content: bytes) -> None:
    for headers in ({"Content-Type": "application/json"}, {}, {"Content-Type": "text/plain"}):
        answer = plane.client.post(BASE.format(5328) + "/pipelines", content=content, headers=headers)
        assert answer.status_code == 400, answer.text
        assert answer.json()["statusCode"] == 400
        assert answer.json()["errors"][0]["message"]


def test_a_body_is_counted_whatever_its_headers_say(plane: Any) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    answer = plane.client.post(BASE.format(5328) + "/pipelines", content=chunks())
    assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)
    body = json.dumps({"client_secret": "x" * 2_000_000})
    assert plane.client.post("/oauth/token", content=body).status_code == 413


def test_depth_is_counted_outside_of_texts() -> None:
    assert json_depth(b"[" * 21 + b"]" * 21) == 21
    assert json_depth(json.dumps(["[" * 50, '\\"' + "{" * 50, [[]]]).encode()) == 3
    assert json_depth(json.dumps([[1]] * 50).encode()) == 2


def test_every_answer_has_a_number(plane: Any) -> None:
    numbers = {plane.client.get(path).headers["x-request-id"] for path in ("/health", "/nothing", "/openapi.json")}
    assert len(numbers) == 3


def test_an_unexpected_error_tells_nothing(plane: Any) -> None:
    plane.warehouse.failure = None
    plane.with_connection()
    plane.with_data_model()

    class Broken:
        def check(self, *_: object) -> None:
            raise RuntimeError("password=s3cret")

    plane.services.pipelines._probe = Broken()
    answer = plane.client.post(BASE.format(5328) + "/pipelines", json=plane.pipeline_body())
    assert answer.status_code == 500
    assert "s3cret" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["errors"][0]["message"]


def test_a_lost_database_is_unavailable_not_broken(plane: Any) -> None:
    plane.with_connection()
    with plane.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE connections RENAME TO gone")
    plane.database.close()
    (plane.home / "control.db").write_bytes(b"this is no database any more" * 1000)
    for path in ("-wal", "-shm"):
        (plane.home / f"control.db{path}").unlink(missing_ok=True)
    answer = plane.client.get(BASE.format(5328) + "/connections")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert str(plane.home) not in answer.text
