from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.services.caller import OPERATOR

URL = "/oauth/token"
BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
AUDIENCE = "https://api.mparticle.com"


@pytest.fixture
def client_body(plane: Any) -> dict[str, str]:
    issued = plane.services.credentials.create(OPERATOR, name="x", permission=Permission.ADMIN, workspace_ids=None)
    del plane.client.headers["Authorization"]
    return {
        "client_id": issued.credential.client_id,
        "client_secret": issued.client_secret.reveal(),
        "audience": AUDIENCE,
        "grant_type": "client_credentials",
    }


def _basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


def _is_not_stored(answer: Any) -> bool:
    return answer.headers["cache-control"] == "no-store" and answer.headers["pragma"] == "no-cache"


def test_the_published_form(plane: Any, client_body: dict[str, str]) -> None:
    answer = plane.client.post(URL, json=client_body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "expires_in", "token_type"}
    assert (answer.json()["expires_in"], answer.json()["token_type"]) == (28800, "Bearer")
    assert _is_not_stored(answer)
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert plane.client.get(f"{BASE}/pipelines", headers=bearer).status_code == 200


def test_the_form_of_the_standard(plane: Any, client_body: dict[str, str]) -> None:
    assert plane.client.post(URL, data=client_body).status_code == 200
    del client_body["audience"]
    assert plane.client.post(URL, data=client_body).status_code == 200


def test_http_basic(plane: Any, client_body: dict[str, str]) -> None:
    basic = _basic(client_body["client_id"], client_body["client_secret"])
    form = {"grant_type": "client_credentials"}
    assert plane.client.post(URL, data=form, headers=basic).status_code == 200
    assert plane.client.post(URL, json=form, headers=basic).status_code == 200
    assert plane.client.post(URL, data=client_body, headers=basic).json()["error"] == "invalid_request"
    wrong = plane.client.post(URL, data=form, headers=_basic(client_body["client_id"], "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    for text in ("Basic ", "Basic ???", "Basic " + b64encode(b"no colon").decode()):
        answer = plane.client.post(URL, data=form, headers={"Authorization": text})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "né"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"audience": None}, 400, "invalid_request"),
        ({"audience": "https://elsewhere.example"}, 400, "invalid_target"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_secret": None}, 400, "invalid_request"),
        ({"client_secret": 5}, 400, "invalid_request"),
        ({"client_secret": "x" * 5000}, 400, "invalid_request"),
        ({"client_secret": "\ud800"}, 401, "invalid_client"),
    ],
)
def test_failures_are_those_of_the_standard(
    plane: Any, client_body: dict[str, str], changes: dict[str, Any], status: int, error: str
) -> None:
    body = {name: value for name, value in (client_body | changes).items() if value is not None}
    answer = plane.client.post(URL, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert _is_not_stored(answer)
    assert client_body["client_secret"] not in answer.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b'{"grant_type":"a","grant_type":"b"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_malformed_request(plane: Any, client_body: dict[str, str], content: bytes, kind: str) -> None:
    answer = plane.client.post(URL, content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_only_post(plane: Any) -> None:
    answer = plane.client.get(URL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_guessing_is_slowed_down(plane: Any, client_body: dict[str, str]) -> None:
    wrong = client_body | {"client_secret": "wrong"}
    assert [plane.client.post(URL, json=wrong).status_code for _ in range(10)] == [401] * 10
    refused = plane.client.post(URL, json=client_body)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    plane.clock.advance(timedelta(seconds=61))
    assert plane.client.post(URL, json=client_body).status_code == 200


def test_a_credential_switched_off_is_out_at_once(plane: Any, client_body: dict[str, str]) -> None:
    bearer = {"Authorization": "Bearer " + plane.client.post(URL, json=client_body).json()["access_token"]}
    plane.services.credentials.set_active(OPERATOR, client_body["client_id"], is_active=False)
    assert plane.client.post(URL, json=client_body).status_code == 401
    assert plane.client.get(f"{BASE}/pipelines", headers=bearer).status_code == 401
    plane.services.credentials.set_active(OPERATOR, client_body["client_id"], is_active=True)
    assert plane.client.get(f"{BASE}/pipelines", headers=bearer).status_code == 200


def test_a_token_dies_after_its_life(plane: Any, client_body: dict[str, str]) -> None:
    bearer = {"Authorization": "Bearer " + plane.client.post(URL, json=client_body).json()["access_token"]}
    plane.clock.advance(timedelta(hours=8, seconds=31))
    answer = plane.client.get(f"{BASE}/pipelines", headers=bearer)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_discovery(plane: Any, client_body: dict[str, str]) -> None:
    found = plane.client.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == "http://testserver"
    assert found["token_endpoint"] == "http://testserver/oauth/token"
    keys = plane.client.get(found["jwks_uri"].removeprefix("http://testserver")).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256"]
    assert "d" not in keys[0]
