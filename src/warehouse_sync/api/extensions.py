"""Routes of our own about one workspace, apart from the published ones (decision D17)."""

from __future__ import annotations

from fastapi import APIRouter

from warehouse_sync.api import run_again

router = APIRouter(prefix="/platform/extensions/workspaces/{workspaceId}")
router.include_router(run_again.router)
