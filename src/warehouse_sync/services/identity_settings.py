"""How a workspace's rows find their profiles: reading the rules and changing them (decisions D12, D13)."""

from __future__ import annotations

from dataclasses import replace

from warehouse_sync.catalog import audit, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.identity_rules import rules_of, settings_of
from warehouse_sync.clock import Clock
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import PRESETS, IdentityRules, IdentityType, Strategy, check_rules
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.protocol import ProfileReader
from warehouse_sync.services.caller import Caller


class IdentitySettingsService:
    """The verbs of identity settings. ``profiles`` tells whether there are profiles already."""

    def __init__(self, database: Database, clock: Clock, profiles: ProfileReader) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles

    def get(self, caller: Caller, workspace_id: int) -> IdentityRules:
        """The rules that the workspace's next rows follow.

        Raises:
            NotFound: there is no such workspace.
        """
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.USER, workspace_id)
            return rules_of(workspace.identity_settings)

    def replace(self, caller: Caller, workspace_id: int, rules: IdentityRules) -> IdentityRules:
        """Changes the rules for later rows; profiles stay as they are.

        Raises:
            NotFound: there is no such workspace.
            InvalidRequest: the rules cannot be followed, or the comparison of e-mails would change under existing profiles.
        """
        check_rules(rules)
        with self._database.write() as tx:
            workspace = caller.enter(tx, Permission.ADMIN, workspace_id)
            before = rules_of(workspace.identity_settings)
            if rules.fold_email_case != before.fold_email_case and self._has_profiles(workspace_id):
                raise InvalidRequest(
                    "fold_email_case can only be changed before the first profile exists: stored e-mails are compared as they were "
                    "stored.",
                    field="fold_email_case",
                )
            workspaces.set_identity_settings(tx, workspace_id, settings_of(rules))
            now = self._clock.now()
            audit.record(
                tx, AuditEntry(now, caller.client_id, workspace_id, "update", "identity_settings", str(workspace_id))
            )
        return rules

    def _has_profiles(self, workspace_id: int) -> bool:
        return any(self._profiles.profile_count(workspace_id, environment) for environment in Environment)


def rules_from(
    strategy: Strategy,
    *,
    priority: tuple[IdentityType, ...] | None = None,
    unique: frozenset[IdentityType] | None = None,
    login: frozenset[IdentityType] | None = None,
    immutable: frozenset[IdentityType] | None = None,
    conflict_guard: bool = True,
    fold_email_case: bool = True,
) -> IdentityRules:
    """The rules of a strategy, with what is given instead of its presets."""
    preset = PRESETS[strategy]
    return replace(
        preset,
        priority=preset.priority if priority is None else priority,
        unique=preset.unique if unique is None else unique,
        login=preset.login if login is None else login,
        immutable=preset.immutable if immutable is None else immutable,
        conflict_guard=conflict_guard,
        fold_email_case=fold_email_case,
    )
