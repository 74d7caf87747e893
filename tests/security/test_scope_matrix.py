"""Which permission reaches which route: ``admin`` all, ``user`` reads, triggers and stops, ``profile`` the Profile API only (S4)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.fixtures.routes import Route
from tests.security.conftest import FOREIGN, Borders

TRIGGERS = ("/inputs/warehouse/pipelines/{pipelineId}", "/run-again", "/cancel", "/resync", "/backfill", "/verify")
"""Where a POST starts or stops a run and changes nothing else."""
ADMINISTRATION = ("/platform/extensions/credentials", "/platform/extensions/audit")
"""What only admins read."""
_PROFILES = re.compile(r"^GET \S+/profiles/(\{mpid\}|export$)|^POST \S+/profiles/find$|^GET \S+/records$")
"""Where what is known of people is read."""
ABOUT_ALL = frozenset({"/platform/extensions/audit", "/metrics"})
"""What only credentials for all workspaces may read."""
ANYBODY = frozenset({"GET /v1/workspace"})
"""It tells a client its own workspaces, and nothing else."""


def permissions_of(route: Route) -> frozenset[str]:
    """Who may use a route. New routes fall under a rule: what changes something is for admins."""
    if route.name in ANYBODY:
        return frozenset({"admin", "user", "profile"})
    if route.path.startswith("/userprofile/") or _PROFILES.search(route.name):
        return frozenset({"admin", "profile"})
    if route.path.startswith(ADMINISTRATION) or route.path.endswith(("/audit", "/tombstones", "/undo")):
        return frozenset({"admin"})
    triggers = route.method == "POST" and route.path.endswith(TRIGGERS)
    return frozenset({"admin", "user"} if route.method == "GET" or triggers else {"admin"})


@pytest.mark.parametrize("permission", ["admin", "user", "profile"])
@pytest.mark.parametrize("bound", [True, False])
def test_each_permission_reaches_its_routes_and_no_other(borders: Borders, permission: str, bound: bool) -> None:
    plane = borders.plane
    headers = plane.headers(permission, [FOREIGN] if bound else None)
    refused = 0
    for route in sorted(borders.routes, key=lambda route: route.method == "DELETE"):
        values = borders.own | borders.foreign
        if route.method in {"DELETE", "POST"} and "clientId" in route.parameters:
            values = values | {"clientId": _another_client(plane)}
        answer = plane.client.request(
            route.method, route.url(values), params=dict(route.query), json=route.body_for(values), headers=headers
        )
        if permission in permissions_of(route) and not (bound and route.path in ABOUT_ALL):
            assert answer.status_code not in {401, 403}, (route.name, answer.text)
            continue
        refused += 1
        assert answer.status_code == 403, (route.name, answer.text)
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"', route.name
        assert answer.json()["errors"][0]["code"] == "insufficient_scope"
    assert (refused > 20) is (permission != "admin")


def _another_client(plane: Any) -> str:
    body = {"name": "n", "permission": "user", "workspaces": [FOREIGN]}
    return str(plane.client.post("/platform/extensions/credentials", json=body).json()["client_id"])
