"""Testing a stored connection: ``/platform/extensions/…/connections/{connectionId}/test``."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.patience import patiently
from warehouse_sync.api.responses import WRITE_WITH_WAREHOUSE
from warehouse_sync.errors import WarehouseStep

router = APIRouter(tags=["Connections"])


class ConnectionTestAnswer(BaseModel):
    """The warehouse accepted the connection."""

    connection_id: str
    status: Literal["passed"] = "passed"
    steps_passed: list[WarehouseStep] = Field(description="In the order in which they were taken.")
    logged_in_with: str | None = Field(
        description="The field that the warehouse accepted at the log-in, where several are tried: which of two keys."
    )


@router.post(
    "/connections/{connectionId}/test",
    summary="Test a connection",
    description="Logs in to the warehouse and goes through every step up to using the database. The outcome is `is_faulted` from then on.",
    responses=WRITE_WITH_WAREHOUSE,
)
async def test_connection(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    connectionId: str,  # noqa: N803 - the published name
) -> ConnectionTestAnswer:
    passed = await patiently(services.connections.test, caller, workspace_id, connectionId)
    return ConnectionTestAnswer(
        connection_id=connectionId, steps_passed=list(passed.steps), logged_in_with=passed.logged_in_with
    )
