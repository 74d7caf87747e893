"""The API's own document, the Platform routes and the service's health."""

from __future__ import annotations

import re
from typing import Any

BASE = "/platform/experimental/workspaces/{workspaceId}/inputs/warehouse"


def test_the_document_lists_every_published_route_once(plane: Any) -> None:
    document = plane.client.get("/openapi.json").json()
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    published = {
        *[(verb, f"{BASE}/{kind}") for kind in ("connections", "data-models", "pipelines") for verb in ("GET", "POST")],
        *[(verb, f"{BASE}/connections/{{connectionId}}") for verb in ("GET", "PUT", "DELETE")],
        *[(verb, f"{BASE}/data-models/{{modelId}}") for verb in ("GET", "PUT", "DELETE")],
        *[(verb, f"{BASE}/pipelines/{{pipelineId}}") for verb in ("GET", "PUT", "DELETE", "POST")],
        ("GET", f"{BASE}/pipelines/{{pipelineId}}/status"),
        ("GET", f"{BASE}/pipelines/{{pipelineId}}/status/runs"),
        ("GET", f"{BASE}/pipelines/{{pipelineId}}/status/runs/{{pipelineRunId}}"),
        ("POST", "/oauth/token"),
        ("GET", "/userprofile/v1/{orgId}/{accountId}/{workspaceId}/{mpid}"),
        ("POST", "/userprofile/v1/{orgId}/{accountId}/{workspaceId}/{mpid}"),
        ("POST", "/userprofile/v1/resolve/{orgId}/{accountId}/{workspaceId}"),
        ("GET", "/v1/workspace"),
    }
    assert published <= listed
    assert not [path for _, path in listed if path.startswith("/experimental")]


def test_every_operation_is_described(plane: Any) -> None:
    document = plane.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert "422" not in operation["responses"], (method, path)
            for parameter in re.findall(r"{(\w+)}", path):
                assert parameter in {p["name"] for p in operation["parameters"]}, (method, path)
            if path.startswith(BASE):
                assert {"400", "401", "403", "404"} <= operation["responses"].keys()
    schemas = document["components"]["schemas"]
    assert schemas["NewSnowflakeConnection"]["properties"]["source_account_id"]["examples"] == ["gd1234"]
    assert "password" not in schemas["NewSnowflakeConnection"]["required"]
    assert {"id", "workspace_id", "warehouse"} <= set(schemas["NewSnowflakeConnection"]["required"])


def test_every_reference_of_the_document_leads_somewhere(plane: Any) -> None:
    answer = plane.client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", answer.text)) <= schemas.keys()


def test_pages_of_listed_origins_may_call(plane: Any) -> None:
    from warehouse_sync.api.app import create_app

    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    closed = plane.client.options("/v1/workspace", headers=preflight)
    assert "access-control-allow-origin" not in closed.headers
    app = create_app(plane.services, cors_origins=("https://app.example.com",))
    opened = type(plane.client._transport)(app)
    request = plane.client.build_request("OPTIONS", "/v1/workspace", headers=preflight | {"Authorization": ""})
    answer = opened.handle_request(request)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example.com")


def test_health_and_documents_need_no_token(plane: Any) -> None:
    del plane.client.headers["Authorization"]
    assert plane.client.get("/health").json() == {"status": "ok"}
    assert plane.client.get("/docs").status_code == 200


def test_workspaces_are_the_callers_own(plane: Any) -> None:
    answer = plane.client.get("/v1/workspace").json()
    assert answer["errors"] is None
    assert [w["id"] for w in answer["data"]] == [7, 5328]
    own = plane.client.get("/v1/workspace", headers=plane.headers("profile", [7])).json()
    assert own["data"] == [{"id": 7, "name": "Other", "org_id": 1, "account_id": 2}]


def test_no_feed_key_or_client_secret_is_in_any_file(plane: Any) -> None:
    key, secret = plane.feed.key.reveal().encode(), plane.feed.secret.reveal().encode()
    for path in (found for found in plane.home.rglob("*") if found.is_file()):
        content = path.read_bytes()
        assert key not in content
        assert secret not in content
        assert b"whs_" not in content


def test_deeds_are_in_the_audit_log(plane: Any) -> None:
    from warehouse_sync.catalog import audit

    plane.on_demand()
    base = BASE.replace("{workspaceId}", "5328")
    plane.client.post(f"{base}/pipelines/crm-pipeline")
    with plane.database.read() as tx:
        deeds = [(entry.action, entry.object_kind) for entry in audit.page(tx, 5328, page=1, size=10)]
    assert deeds == [
        ("trigger", "pipeline"),
        ("create", "pipeline"),
        ("create", "data_model"),
        ("create", "connection"),
        ("create", "feed"),
        ("create", "workspace"),
    ]
