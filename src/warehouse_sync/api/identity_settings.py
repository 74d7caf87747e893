"""``/platform/extensions/workspaces/{workspaceId}/identity-settings``: how rows find their profiles (specification §3.3)."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import READ, WRITE
from warehouse_sync.domain.identity import DEFAULT_PRIORITY, IdentityRules, IdentityType, Strategy
from warehouse_sync.services.identity_settings import rules_from

router = APIRouter(prefix="/platform/extensions/workspaces/{workspaceId}/identity-settings", tags=["Identity settings"])

_TYPES = len(IdentityType)


class IdentitySettingsBody(BaseModel):
    """A strategy, and what differs from its presets."""

    model_config = ConfigDict(extra="forbid")

    strategy: Strategy = Field(examples=[Strategy.PROFILE_LINK])
    priority: list[IdentityType] | None = Field(
        None, max_length=_TYPES, description="Types that find profiles, highest first."
    )
    unique: list[IdentityType] | None = Field(
        None, max_length=_TYPES, description="A value belongs to one profile at most."
    )
    login: list[IdentityType] | None = Field(None, max_length=_TYPES, description="Types that mark a known profile.")
    immutable: list[IdentityType] | None = Field(
        None, max_length=_TYPES, description="Never change; also unique and login."
    )
    conflict_guard: bool = Field(True, description="A contradicting higher identity forbids a match.")
    fold_email_case: bool = Field(True, description="Compare e-mails without case; fixed once there are profiles.")


class IdentitySettingsAnswer(BaseModel):
    """The rules that the workspace's next rows follow."""

    strategy: Strategy
    priority: list[IdentityType] = Field(examples=[list(DEFAULT_PRIORITY)])
    unique: list[IdentityType]
    login: list[IdentityType]
    immutable: list[IdentityType]
    conflict_guard: bool
    fold_email_case: bool


@router.get("", summary="Get a workspace's identity settings", responses=READ)
def get_identity_settings(caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId) -> IdentitySettingsAnswer:
    return _answer(services.identity_settings.get(caller, workspace_id))


@router.put("", summary="Replace a workspace's identity settings", responses=WRITE)
def replace_identity_settings(
    caller: CallerIn, services: ServicesIn, workspace_id: WorkspaceId, body: IdentitySettingsBody
) -> IdentitySettingsAnswer:
    rules = rules_from(
        body.strategy,
        priority=None if body.priority is None else tuple(body.priority),
        unique=_types(body.unique),
        login=_types(body.login),
        immutable=_types(body.immutable),
        conflict_guard=body.conflict_guard,
        fold_email_case=body.fold_email_case,
    )
    return _answer(services.identity_settings.replace(caller, workspace_id, rules))


def _types(given: list[IdentityType] | None) -> frozenset[IdentityType] | None:
    return None if given is None else frozenset(given)


def _answer(rules: IdentityRules) -> IdentitySettingsAnswer:
    return IdentitySettingsAnswer(
        strategy=rules.strategy,
        priority=list(rules.priority),
        unique=sorted(rules.unique),
        login=sorted(rules.login),
        immutable=sorted(rules.immutable),
        conflict_guard=rules.conflict_guard,
        fold_email_case=rules.fold_email_case,
    )
