"""The audit log: every write and every refused access of a known client leaves a row, and nothing changes one (S18)."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.fixtures.routes import Route, routes_of
from tests.unit.profiles.applying import Home
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.deletions import tombstone_id

BASE = "/platform/experimental/workspaces/5328/inputs/warehouse"
ALL, OF_SHOP, OF_OTHER = (
    "/platform/extensions/audit",
    *(f"/platform/extensions/workspaces/{n}/audit" for n in (5328, 7)),
)
READS, ASKS = ("/userprofile/",), ("/preview", "/profiles/find", "/tombstones/find")
"""How addresses begin and end where a POST only asks."""
_STATE_OF_RUN = {"/cancel": "queued", "/resync": "success", "/backfill": "success", "/verify": "success"}
"""What the run must be for a verb to be possible."""
_OTHER_WAYS_TO_LOG_IN = ("private_key", "programmatic_access_token", "oauth_token")
"""How the names of fields begin that do not go together with a password."""
_fresh = count(1)


def _log(plane: Any, url: str = ALL, **query: Any) -> list[dict[str, Any]]:
    answer = plane.client.get(url, params={"pageSize": 1000} | query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def _write_routes(plane: Any) -> list[Route]:
    found = [r for r in routes_of(plane.client._transport._transport.app) if r.method != "GET"]
    return [route for route in found if not route.path.startswith(READS) and not route.path.endswith(ASKS)]


class _Writer:
    """Makes each write route succeed once. A new route fails here until this knows what it needs."""

    def __init__(self, plane: Any) -> None:
        self.plane = plane
        self.run_id = plane.client.post(f"{BASE}/pipelines/crm-pipeline").json()["pipeline_run_id"]

    def write(self, route: Route) -> Any:
        with self.plane.database.write() as tx:
            tx.exec_driver_sql("UPDATE runs SET state = 'failed'")
            needed = next((state for end, state in _STATE_OF_RUN.items() if route.path.endswith(end)), "failed")
            tx.exec_driver_sql(f"UPDATE runs SET state = '{needed}' WHERE id = {self.run_id}")
        return self._send(route, self._values(route))

    def _send(self, route: Route, values: dict[str, object]) -> Any:
        body = route.body_for(values)
        if body is not None:
            body = {name: value for name, value in body.items() if not name.startswith(_OTHER_WAYS_TO_LOG_IN)}
            body |= {name: value for name, value in self._references().items() if name in body}
            if "id" in body and route.method == "POST":
                body["id"] = f"new-{next(_fresh)}"
                body |= {"is_active": False} if "connection_id" in body else {}
        answer = self.plane.client.request(route.method, route.url(values), params=dict(route.query), json=body)
        assert answer.status_code in {200, 201, 202, 204}, (route.name, answer.text)
        return answer

    def _references(self) -> dict[str, object]:
        return {
            "connection_id": "crm-connection",
            "data_model_id": "propensity-model",
            "partner_feed_id": self.plane.feed.feed.id,
            "partner_feed_key": None,
            "schedule_interval": "on_demand",
        }

    def _values(self, route: Route) -> dict[str, object]:
        values: dict[str, object] = {
            "workspaceId": 5328,
            "connectionId": "crm-connection",
            "modelId": "propensity-model",
            "pipelineId": "crm-pipeline",
            "pipelineRunId": self.run_id,
            "feedId": self.plane.feed.feed.id,
        }
        if "clientId" in route.parameters:
            made = self.plane.services.credentials.create(
                OPERATOR, name="n", permission=Permission.USER, workspace_ids=[5328]
            )
            values["clientId"] = made.credential.client_id
        elif route.path.endswith("/undo"):
            home = Home(self.plane.stores)
            home.runs = self.run_id - 1
            home.sync({"customer_id": "c"})
        elif "mpid" in route.parameters:
            values["mpid"] = self._new_profile()
        elif "tombstoneId" in route.parameters:
            deleted = self.plane.services.deletions.delete(OPERATOR, 5328, self._new_profile())
            values["tombstoneId"] = tombstone_id(deleted.tombstone)
        elif route.method == "DELETE":
            collection, _, last = route.path.rpartition("/")
            made = self._send(self._creating(collection), values)
            values[last[1:-1]] = made.json()["id"]
        return values

    def _new_profile(self) -> int:
        home = Home(self.plane.stores)
        home.runs = next(_fresh) + 1000
        home.sync({"customer_id": f"c{home.runs}"})
        return home.mpid(home.count() + len(self.plane.services.deletions.tombstones(OPERATOR, 5328, page=1, size=9)))

    def _creating(self, collection: str) -> Route:
        return next(r for r in _write_routes(self.plane) if (r.method, r.path) == ("POST", collection))


def test_every_write_leaves_a_row(plane: Any) -> None:
    plane.on_demand()
    writer = _Writer(plane)
    client_id = _log(plane)[0]["client_id"]
    routes = _write_routes(plane)
    assert len(routes) > 20
    for route in routes:
        before = _log(plane)[0]["id"]
        writer.write(route)
        rows = [row for row in _log(plane) if row["id"] > before and row["client_id"] == client_id]
        assert rows, route.name
        assert rows[0]["outcome"] == "done"
        assert rows[0]["object_id"], route.name
        assert rows[0]["at"] == "2023-02-08T00:05:31.23Z", rows[0]["at"]


def test_a_row_names_client_action_object_and_outcome(plane: Any) -> None:
    plane.with_connection()
    (row, *_) = _log(plane, OF_SHOP)
    assert {
        name: row[name] for name in ("workspace_id", "action", "object_kind", "object_id", "outcome", "details")
    } == {
        "workspace_id": 5328,
        "action": "create",
        "object_kind": "connection",
        "object_id": "crm-connection",
        "outcome": "done",
        "details": {},
    }
    assert "s3cret" not in plane.client.get(ALL).text


def test_refused_writes_change_nothing_and_are_named(plane: Any) -> None:
    issued = plane.services.credentials.create(OPERATOR, name="n", permission=Permission.USER, workspace_ids=[7])
    headers = plane.headers("user", [7])
    client_id = next(
        c.client_id for c in plane.services.credentials.all_of(OPERATOR) if c.name == "ci" and c.workspaces
    )
    for method, url, code, workspace in (
        ("DELETE", f"{BASE}/connections/x", "insufficient_scope", 5328),
        ("GET", f"{BASE}/connections?password=q", "not_found", 5328),
        ("GET", BASE.replace("5328", "5327") + "/connections", "not_found", 5327),
        ("GET", f"/platform/extensions/credentials/{issued.credential.client_id}", "insufficient_scope", None),
        ("POST", f"{BASE}/connections/%00%E2%82%AC%0A", None, None),
    ):
        before = _log(plane)
        plane.client.request(method, url, headers=headers)
        new = [row for row in _log(plane) if row["id"] > before[0]["id"]]
        if code is None:
            assert new == []  # no route answers there: nothing was refused
            continue
        (row,) = new
        path = url.partition("?")[0]
        assert (row["client_id"], row["workspace_id"], row["action"]) == (client_id, workspace, method)
        assert (row["object_kind"], row["object_id"], row["outcome"]) == ("address", path, code)


def test_what_was_never_there_is_no_refusal(plane: Any) -> None:
    before = _log(plane)
    assert plane.client.get(f"{BASE}/connections/none").status_code == 404
    assert plane.client.get("/v1/partnerfeeds/99?accountId=2").status_code == 404
    assert plane.client.get("/nothing").status_code == 404
    assert plane.client.post(f"{BASE}/connections", json={}).status_code == 400
    assert _log(plane) == before


def test_clients_that_were_ours_are_named_and_strangers_counted(plane: Any) -> None:
    made = plane.services.credentials.create(OPERATOR, name="n", permission=Permission.USER, workspace_ids=[7])
    body = {
        "client_id": made.credential.client_id,
        "client_secret": made.client_secret.reveal(),
        "audience": "https://api.mparticle.com",
        "grant_type": "client_credentials",
    }
    bearer = {"Authorization": "Bearer " + plane.client.post("/oauth/token", json=body).json()["access_token"]}
    plane.services.credentials.set_active(OPERATOR, made.credential.client_id, is_active=False)
    before = _log(plane)
    counted = plane.client.get(ALL).json()["unknown_clients_refused"]
    assert plane.client.get("/v1/workspace", headers=bearer).status_code == 401
    assert plane.client.post("/oauth/token", json=body).status_code == 401
    assert plane.client.post("/oauth/token", json=body | {"client_secret": "wrong"}).status_code == 401
    assert plane.client.get("/v1/workspace", headers={"Authorization": "Bearer x"}).status_code == 401
    new = [row for row in _log(plane) if row["id"] > before[0]["id"]]
    assert [(row["client_id"], row["action"], row["object_id"], row["outcome"]) for row in new] == [
        (made.credential.client_id, "POST", "/oauth/token", "invalid_client"),
        (made.credential.client_id, "GET", "/v1/workspace", "invalid_token"),
    ]
    after = plane.client.get(ALL).json()["unknown_clients_refused"]
    assert {code: after[code] - counted.get(code, 0) for code in after} == {"invalid_client": 1, "invalid_token": 1}


def test_pages_newest_first_and_staying_put(plane: Any) -> None:
    for _ in range(5):
        plane.services.feeds.create(OPERATOR, 5328, name="f")
    ids = [row["id"] for row in _log(plane, OF_SHOP)]
    assert ids == sorted(ids, reverse=True)
    assert [row["id"] for row in _log(plane, OF_SHOP, pageSize=2, currentPage=2)] == ids[2:4]
    plane.services.feeds.create(OPERATOR, 5328, name="f")
    assert [row["id"] for row in _log(plane, OF_SHOP, pageSize=2, before=ids[1])] == ids[2:4]
    assert _log(plane, OF_SHOP, before=2**70) == _log(plane, OF_SHOP)
    for wrong in ({"pageSize": 0}, {"pageSize": 1001}, {"currentPage": 0}, {"before": 0}, {"before": "x"}):
        assert plane.client.get(OF_SHOP, params=wrong).status_code == 400


def test_each_workspace_has_its_own(plane: Any) -> None:
    plane.with_connection()
    assert {row["workspace_id"] for row in _log(plane, OF_SHOP)} == {5328}
    assert {row["workspace_id"] for row in _log(plane, OF_OTHER)} == {7}
    assert {row["workspace_id"] for row in _log(plane)} >= {None, 7, 5328}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("url", [ALL, OF_SHOP, f"{OF_SHOP}/1"])
def test_nothing_alters_it(plane: Any, method: str, url: str) -> None:
    before = _log(plane)
    assert plane.client.request(method, url, json={}).status_code in {404, 405}
    assert _log(plane) == before


def test_a_refusal_is_answered_although_it_cannot_be_recorded(plane: Any) -> None:
    headers = plane.headers("profile")
    with plane.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE audit_log RENAME TO gone")
    assert plane.client.get(f"{BASE}/connections", headers=headers).status_code == 403
