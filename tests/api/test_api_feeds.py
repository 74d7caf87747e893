"""Feeds and workspaces, in the Platform API's envelope (specification §7.1, §7.2)."""

from __future__ import annotations

import re
from typing import Any

import pytest

URL = "/v1/workspace/5328/partnerfeeds"
ACCOUNT = {"accountId": "2"}
FOREIGN = [{"accountId": "9"}, {"accountId": str(2**63)}, {"accountId": "-1"}]
BODY = {
    "module_name": "Snowflake",
    "name": "F",
    "os": "Unbound",
    "is_debug": True,
    "settings": [{"name": "a", "value": "b"}],
}


def _make(plane: Any) -> dict[str, Any]:
    answer = plane.client.post(URL, json=BODY, params=ACCOUNT)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"][0]


def test_create_list_and_get(plane: Any) -> None:
    feed = _make(plane)
    assert re.fullmatch(r"us1-[0-9a-f]{32}", feed["partner_feed_key"])
    listed = plane.client.get(URL, params=ACCOUNT).json()
    assert (listed["dataType"], listed["errors"]) == ("feed", None)
    assert [found["name"] for found in listed["data"]] == ["crm", "F"]
    assert set(listed["data"][0]) == {"id", "name", "data_type", "created_on"}
    one = plane.client.get(f"/v1/partnerfeeds/{feed['id']}", params=ACCOUNT)
    assert one.json()["data"] == [
        {
            "id": feed["id"],
            "workspace_id": 5328,
            "module_name": "Snowflake",
            "name": "F",
            "os": "Unbound",
            "is_debug": True,
            "settings": [],
            "created_on": feed["created_on"],
        }
    ]
    assert feed["partner_feed_key"] not in one.text


@pytest.mark.parametrize("address", ["/v1/partnerfeeds/{}", "/v1/workspace/5328/partnerfeeds/{}"])
def test_replace(plane: Any, address: str) -> None:
    feed = _make(plane)
    answer = plane.client.put(address.format(feed["id"]), json={"name": "G"}, params=ACCOUNT)
    assert answer.status_code == 202
    changed = answer.json()["data"][0]
    assert (changed["name"], changed["module_name"], changed["is_debug"]) == ("G", "Warehouse", False)
    assert changed == plane.client.get(f"/v1/partnerfeeds/{feed['id']}", params=ACCOUNT).json()["data"][0]
    pipeline = plane.with_pipeline(partner_feed_key=feed["partner_feed_key"])
    assert pipeline["partner_feed_id"] == feed["id"]


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "  "}, {}, {"name": "x" * 257}, {"name": "F", "nmae": "F"}])
def test_a_wrong_body(plane: Any, body: dict[str, Any]) -> None:
    feed = _make(plane)
    for method, url in (("POST", URL), ("PUT", f"/v1/partnerfeeds/{feed['id']}")):
        answer = plane.client.request(method, url, json=body, params=ACCOUNT)
        assert (answer.status_code, answer.json()["data"]) == (400, None)
        assert answer.json()["errors"][0]["code"] == "invalid_request"


def _requests(feed_id: object, workspace: object = 5328) -> list[tuple[str, str]]:
    return [
        ("GET", f"/v1/workspace/{workspace}/partnerfeeds"),
        ("POST", f"/v1/workspace/{workspace}/partnerfeeds"),
        ("GET", f"/v1/partnerfeeds/{feed_id}"),
        ("PUT", f"/v1/partnerfeeds/{feed_id}"),
        ("PUT", f"/v1/workspace/{workspace}/partnerfeeds/{feed_id}"),
    ]


def _call(plane: Any, method: str, url: str, **options: Any) -> Any:
    content = {} if method == "GET" else {"json": BODY}
    return plane.client.request(method, url, **content, **options)


def test_an_account_must_be_named(plane: Any) -> None:
    for method, url in _requests(plane.feed.feed.id):
        answer = _call(plane, method, url)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["data"] is None
        assert (answer.json()["errors"][0]["code"], answer.json()["errors"][0]["field"]) == (
            "account_missing",
            "accountId",
        )


def test_another_account_has_no_such_feed(plane: Any) -> None:
    for account in FOREIGN:
        for method, url in _requests(plane.feed.feed.id):
            assert _call(plane, method, url, params=account).status_code == 404, (method, url)
    assert _call(plane, "GET", URL, params={"accountId": "x"}).status_code == 400
    assert len(plane.client.get(URL, params=ACCOUNT).json()["data"]) == 1


def test_another_workspace_has_no_such_feed(plane: Any) -> None:
    stranger = plane.headers(workspaces=[7])
    for method, url in _requests(plane.feed.feed.id):
        answer = _call(plane, method, url, params=ACCOUNT, headers=stranger)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
    for number in (99, 0, 2**63, 10**30):
        for method, url in _requests(number)[2:]:
            assert _call(plane, method, url, params=ACCOUNT).status_code == 404
    mixed = f"/v1/workspace/7/partnerfeeds/{plane.feed.feed.id}"
    assert _call(plane, "PUT", mixed, params=ACCOUNT).status_code == 404


def test_a_user_may_read_and_not_write(plane: Any) -> None:
    user = plane.headers("user")
    for method, url in _requests(plane.feed.feed.id):
        expected = 200 if method == "GET" else 403
        assert _call(plane, method, url, params=ACCOUNT, headers=user).status_code == expected


def test_workspaces_tell_a_client_its_account(plane: Any) -> None:
    own = [{"id": 7, "name": "Other", "org_id": 1, "account_id": 2}]
    for query in ({}, ACCOUNT):
        found = plane.client.get("/v1/workspace", params=query, headers=plane.headers("profile", [7]))
        assert found.json() == {"data": own, "dataType": "workspace", "errors": None}
    for account in FOREIGN:
        assert plane.client.get("/v1/workspace", params=account).status_code == 404
