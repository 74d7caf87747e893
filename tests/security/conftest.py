"""The control plane of ``tests/api``, with two workspaces that hold the same kinds of things, for the tests of its borders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import connection_body, data_model_body, plane
from tests.fixtures.routes import Route, routes_of
from tests.unit.profiles.applying import Home
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.profiles.protocol import Profile, ProfileIdentity
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.deletions import tombstone_id

__all__ = ["plane"]

OWN, FOREIGN = 7, 5328
NOWHERE = {
    "workspaceId": 5327,
    "connectionId": "crm-connektion",
    "modelId": "crm-madel",
    "pipelineId": "crm-pipelime",
    "pipelineRunId": 999,
    "feedId": 999,
    "clientId": "0" * 32,
    "orgId": 1,
    "accountId": 2,
    "mpid": 9080350317581165999,
    "tombstoneId": "development-9",
}
"""Ids of nothing, as long as those of :func:`foreign`. A route with another parameter needs a value here and below."""
_WHEN = datetime(2023, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Borders:
    """Two filled workspaces, and the ids of what is in them by parameter name."""

    plane: Any
    routes: list[Route]
    own: dict[str, object]
    foreign: dict[str, object]


@pytest.fixture
def borders(plane: Any) -> Borders:
    routes = routes_of(plane.client._transport._transport.app)
    return Borders(plane, routes, _fill(plane, OWN, "own"), _fill(plane, FOREIGN, "crm"))


def _fill(plane: Any, workspace: int, prefix: str) -> dict[str, object]:
    base = f"/platform/experimental/workspaces/{workspace}/inputs/warehouse"
    ids = {"connection": f"{prefix}-connection", "model": f"{prefix}-model", "pipeline": f"{prefix}-pipeline"}
    feed = plane.feed.feed if workspace == FOREIGN else plane.services.feeds.create(OPERATOR, workspace, name="f").feed
    common = {"workspace_id": workspace}
    pipeline = plane.pipeline_body(
        **common,
        id=ids["pipeline"],
        connection_id=ids["connection"],
        data_model_id=ids["model"],
        partner_feed_id=feed.id,
        partner_feed_key=None,
        schedule_interval="on_demand",
        schedule_start_time="2023-02-01T00:00:00Z",
    )
    for kind, body in (
        ("connections", connection_body(**common, id=ids["connection"])),
        ("data-models", data_model_body(**common, id=ids["model"])),
        ("pipelines", pipeline),
    ):
        answer = plane.client.post(f"{base}/{kind}", json=body)
        assert answer.status_code == 200, answer.text
    run = plane.client.post(f"{base}/pipelines/{ids['pipeline']}").json()["pipeline_run_id"]
    with plane.database.write() as tx:  # its rows are in the store, below
        tx.exec_driver_sql(f"UPDATE runs SET state = 'failed' WHERE id = {run}")
    client = plane.services.credentials.create(
        OPERATOR, name=prefix, permission=Permission.ADMIN, workspace_ids=[workspace]
    )
    home = Home(plane.stores, workspace=workspace)
    home.sync({"customer_id": "12345", "tier": "gold"})
    mpid = home.mpid(1)
    home.sync({"customer_id": "deleted"}, {"customer_id": "deleted too"})
    numbers = (2, 3) if workspace == FOREIGN else (2,)  # so that the last one's tombstone has another id
    deleted = [plane.services.deletions.delete(OPERATOR, workspace, home.mpid(number)) for number in numbers]
    plane.profiles.profiles[workspace, mpid] = Profile(
        mpid, Environment.DEVELOPMENT, _WHEN, _WHEN, (ProfileIdentity(IdentityType.CUSTOMER_ID, "12345"),), ()
    )
    plane.profiles.found[workspace, Environment.DEVELOPMENT, IdentityType.CUSTOMER_ID, "12345"] = (mpid,)
    return {
        "workspaceId": workspace,
        "connectionId": ids["connection"],
        "modelId": ids["model"],
        "pipelineId": ids["pipeline"],
        "pipelineRunId": run,
        "feedId": feed.id,
        "clientId": client.credential.client_id,
        "orgId": 1,
        "accountId": 2,
        "mpid": mpid,
        "tombstoneId": tombstone_id(deleted[-1].tombstone),
    }
