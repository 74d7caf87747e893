"""Whatever is sent, the answer is in our shape and never a 500 (specification §1.11, decision D14)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from warehouse_sync.api.app import create_app

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
EXTENSIONS = "/platform/extensions/workspaces/5328"
JSON = {"Content-Type": "application/json"}
TYPES = [
    None,
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "nonsense",
    "",
]
HUGE = str(2**63)


def refused(answer: Any, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, answer.text
    body = answer.json()
    if "data" in body:
        assert (body["data"], body["dataType"]) == (None, None)
    else:
        assert body["statusCode"] == answer.status_code
    for item in body["errors"]:
        assert item["message"]
        assert item["code"]
    assert answer.headers["content-type"] == "application/json"
    return body["errors"][0]


def _writes(plane: Any) -> list[tuple[str, str]]:
    plane.with_pipeline()
    return [
        ("POST", f"{BASE}/connections"),
        ("PUT", f"{BASE}/connections/crm-connection"),
        ("POST", f"{BASE}/data-models"),
        ("PUT", f"{BASE}/data-models/propensity-model"),
        ("POST", f"{BASE}/pipelines"),
        ("PUT", f"{BASE}/pipelines/crm-pipeline"),
        ("POST", f"{EXTENSIONS}/data-models/preview"),
        ("POST", "/v1/workspace/5328/partnerfeeds?accountId=2"),
        ("PUT", "/v1/partnerfeeds/1?accountId=2"),
        ("POST", "/userprofile/v1/resolve/1/2/5328?fields=user_attributes"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"<xml/>",
        b"a=b&c=d",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"name": 1e999}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": "a", "name": "b"}',
        b'{"name": {"a": 1, "a": 2}}',
        b'{"name": "\\u0000"}',
        b'{"name": "\\ud800"}',
        b'{"\\udfff": "x"}',
        b'{"\\udfff": 1, "\\udfff": 2}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\x00"}',
        '{"name": "x"}'.encode("utf-16"),
        b'{"name": "x"',
        b"{'name': 'x'}",
        b"[{}]",
        b"true",
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_bodies(plane: Any, content: bytes) -> None:
    for method, url in _writes(plane):
        refused(plane.client.request(method, url, content=content, headers=JSON), 400)


def test_content_types(plane: Any, data_model: Any) -> None:
    for method, url in _writes(plane):
        for kind in TYPES:
            headers = {} if kind is None else {"Content-Type": kind}
            refused(plane.client.request(method, url, content=b"name=x", headers=headers), 400)
    body = json.dumps(data_model(id="other")).encode()
    accepted = plane.client.post(f"{BASE}/data-models", content=body)
    assert accepted.status_code == 200  # as published: the header is optional
    other = plane.client.post(f"{BASE}/data-models", content=body, headers={"Content-Type": "text/plain"})
    assert "application/json" in refused(other, 400)["message"]


@pytest.mark.parametrize(
    "field", ["id", "name", "sql_query", "load_timestamp_field_name", "load_timestamp_field_time_zone"]
)
@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfffb"])
def test_texts_that_no_database_holds(plane: Any, data_model: Any, field: str, text: str) -> None:
    content = json.dumps(data_model(**{field: text})).encode()
    assert refused(plane.client.post(f"{BASE}/data-models", content=content), 400)["field"] == field
    assert plane.client.get(f"{BASE}/data-models").json() == []


def test_texts_that_every_database_holds(plane: Any, data_model: Any) -> None:
    name = "Zoë 😀 \u202e\ufffd \x7f\t"
    content = json.dumps(data_model(name=name)).encode()  # with escapes, the emoji as a whole pair
    assert plane.client.post(f"{BASE}/data-models", content=content).json()["name"] == name


@pytest.mark.parametrize("field", ["client_id", "client_secret", "audience", "grant_type"])
@pytest.mark.parametrize("value", ["\0", "\ud800", "é", 1, None, ["a"]])
def test_token_requests(plane: Any, field: str, value: Any) -> None:
    body = {
        "client_id": "a",
        "client_secret": "b",
        "audience": "https://api.mparticle.com",
        "grant_type": "client_credentials",
    }
    answer = plane.client.post("/oauth/token", content=json.dumps(body | {field: value}).encode())
    assert answer.status_code in {400, 401}
    assert answer.json()["error"]
    odd = plane.client.post(
        "/oauth/token",
        content=b"client_id=%ED%A0%80%00&client_secret=%FF&grant_type=client_credentials",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (odd.status_code, odd.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("suffix", ["/", "//", "/.", ";a=b", "%2F", "%00", "%0A", "%FF", "%ED%A0%80", "%20"])
def test_addresses_beside_an_address(plane: Any, suffix: str) -> None:
    plane.with_pipeline()
    for path in (f"{BASE}/pipelines/crm-pipeline", "/v1/partnerfeeds/1", f"{BASE}/pipelines"):
        answer = plane.client.get(path + suffix, params={"accountId": 2})
        if suffix in {"/.", "%20", "%0A"} and answer.status_code == 200:
            continue  # the client, or reading a number, takes it away
        refused(answer, 400, 404)


def test_an_id_may_be_percent_encoded(plane: Any) -> None:
    plane.with_pipeline()
    assert plane.client.get(f"{BASE}/pipelines/crm%2Dpip%65line").json()["id"] == "crm-pipeline"


@pytest.mark.parametrize("number", [HUGE, "-" + HUGE, "9" * 5000, "1.5", "0x10", "1e3", "٣", "", " 1"])
def test_numbers_in_addresses(plane: Any, number: str) -> None:
    plane.on_demand()
    run = f"{BASE}/pipelines/crm-pipeline/status/runs"
    for path in (
        f"{run}/{number}",
        f"/v1/partnerfeeds/{number}?accountId=2",
        f"/v1/partnerfeeds/1?accountId={number}",
        f"/v1/workspace/{number}/partnerfeeds?accountId=2",
        f"/userprofile/v1/1/2/5328/{number}?fields=user_attributes",
        f"/userprofile/v1/{number}/2/5328/1?fields=user_attributes",
        f"{run}?currentPage={number}",
        f"{run}?pageSize={number}",
        f"{run}?startDate={number}",
    ):
        answer = plane.client.get(path)
        if number == "" and answer.status_code == 200:
            continue  # without a number this is the list
        if number == " 1" and answer.status_code in {200, 400, 404}:
            continue  # read as 1
        refused(answer, 400, 401, 404)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "GIT"])
def test_methods(plane: Any, method: str) -> None:
    for path in (f"{BASE}/pipelines", "/v1/workspace", "/health", "/oauth/token", f"{EXTENSIONS}/data-models/preview"):
        answer = plane.client.request(method, path)
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"]
        if path == "/oauth/token" and method != "HEAD":
            assert answer.json()["error"] == "invalid_request"
        elif method != "HEAD":
            refused(answer, 405)


def test_headers_of_every_answer(plane: Any) -> None:
    for path, status in ((f"{BASE}/pipelines", 200), ("/nothing", 404), ("/health", 200), ("/v1/workspace", 200)):
        answer = plane.client.get(path)
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
    assert "cache-control" not in plane.client.get("/.well-known/jwks.json").headers
    refused_token = plane.client.post("/oauth/token", content=b"{}")
    assert refused_token.headers["cache-control"] == "no-store"


def test_over_tls_browsers_are_told_to_stay_there(plane: Any) -> None:
    transport = type(plane.client._transport)(create_app(plane.services))
    with httpx.Client(transport=transport, base_url="https://testserver") as client:
        assert client.get("/health").headers["strict-transport-security"] == "max-age=31536000"
