"""``/platform/extensions/…/audit``: who did what, and who was refused. Reading only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import READ
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.domain.timestamps import format_audit

router = APIRouter(prefix="/platform/extensions", tags=["Audit"])

_MAX_PAGE = 1_000_000
PageNumber = Annotated[int, Query(alias="currentPage", ge=1, le=_MAX_PAGE)]
PageSize = Annotated[int, Query(alias="pageSize", ge=1, le=1000)]
Before = Annotated[
    int | None,
    Query(ge=1, description="Only entries with smaller ids: pages that stay put while the log grows.", examples=[901]),
]


class AuditAnswer(BaseModel):
    """A deed, or an attempt that was refused."""

    id: int = Field(description="Ascending in time.")
    at: str = Field(examples=["2023-02-08T00:05:31.23Z"])
    client_id: str = Field(description="`operator` for the commands on the service's machine.", examples=["operator"])
    workspace_id: int | None = Field(examples=[5328])
    action: str = Field(description="A verb; of a refused attempt the request's method.", examples=["create"])
    object_kind: str = Field(examples=["pipeline"])
    object_id: str = Field(description="Of a refused attempt the address.", examples=["crm-pipeline"])
    outcome: str = Field(description="`done`, or the code of the refusal.", examples=["done"])
    details: dict[str, str]


class AuditPage(BaseModel):
    """One page of entries, the latest first."""

    items: list[AuditAnswer]


class WholeAuditPage(AuditPage):
    """One page of all entries, the latest first."""

    unknown_clients_refused: dict[str, int] = Field(
        description="Refused attempts of clients we do not know, since the service's start, by code.",
        examples=[{"invalid_token": 3}],
    )


@router.get("/workspaces/{workspaceId}/audit", summary="Read a workspace's audit log", responses=READ)
def list_workspace_audit(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    *,
    page: PageNumber = 1,
    size: PageSize = 50,
    before: Before = None,
) -> AuditPage:
    found = services.audit.of_workspace(caller, workspace_id, page=page, size=size, before=before)
    return AuditPage(items=[_answer(entry) for entry in found])


@router.get("/audit", summary="Read the whole audit log", responses=READ)
def list_audit(
    caller: CallerIn, services: ServicesIn, *, page: PageNumber = 1, size: PageSize = 50, before: Before = None
) -> WholeAuditPage:
    found = services.audit.of_all(caller, page=page, size=size, before=before)
    return WholeAuditPage(
        items=[_answer(entry) for entry in found], unknown_clients_refused=services.audit.unknown_refused()
    )


def _answer(entry: AuditEntry) -> AuditAnswer:
    return AuditAnswer(
        id=entry.id or 0,
        at=f"{format_audit(entry.at)}Z",
        client_id=entry.client_id,
        workspace_id=entry.workspace_id,
        action=entry.action,
        object_kind=entry.object_kind,
        object_id=entry.object_id,
        outcome=entry.outcome,
        details=dict(entry.details or {}),
    )
