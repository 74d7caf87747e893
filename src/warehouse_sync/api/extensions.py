"""Routes of our own about one workspace, apart from the published ones (decision D17)."""

from __future__ import annotations

from fastapi import APIRouter

from warehouse_sync.api import (
    connection_tests,
    notices,
    pipeline_verbs,
    previews,
    profile_deletions,
    profile_exports,
    profile_provenance,
    records,
    run_requests,
    undo,
)

router = APIRouter(prefix="/platform/extensions/workspaces/{workspaceId}")
for _part in (
    connection_tests.router,
    previews.router,
    profile_provenance.router,
    profile_deletions.router,
    profile_exports.router,
    records.router,
    pipeline_verbs.router,
    run_requests.router,
    undo.router,
    notices.router,
):
    router.include_router(_part)
