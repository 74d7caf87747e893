"""A workspace's identity rules as they are stored: only what differs from the defaults (decision D12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy

_DEFAULTS = IdentityRules()


def rules_of(settings: Mapping[str, Any] | None) -> IdentityRules:
    """The rules that a workspace's ``identity_settings`` stand for; None means the default rules."""
    given = settings or {}
    return IdentityRules(
        strategy=Strategy(given.get("strategy", _DEFAULTS.strategy)),
        priority=tuple(IdentityType(name) for name in given.get("priority", _DEFAULTS.priority)),
        unique=_types(given.get("unique"), _DEFAULTS.unique),
        login=_types(given.get("login"), _DEFAULTS.login),
        immutable=_types(given.get("immutable"), _DEFAULTS.immutable),
        conflict_guard=bool(given.get("conflict_guard", _DEFAULTS.conflict_guard)),
        fold_email_case=bool(given.get("fold_email_case", _DEFAULTS.fold_email_case)),
    )


def settings_of(rules: IdentityRules) -> dict[str, Any]:
    """What to store for these rules; :func:`rules_of` reads it back."""
    return {
        "strategy": rules.strategy.value,
        "priority": [identity.value for identity in rules.priority],
        "unique": sorted(rules.unique),
        "login": sorted(rules.login),
        "immutable": sorted(rules.immutable),
        "conflict_guard": rules.conflict_guard,
        "fold_email_case": rules.fold_email_case,
    }


def _types(names: object, default: frozenset[IdentityType]) -> frozenset[IdentityType]:
    return default if not isinstance(names, list) else frozenset(IdentityType(name) for name in names)
