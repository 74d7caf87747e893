from __future__ import annotations

from warehouse_sync.catalog.identity_rules import rules_of, settings_of
from warehouse_sync.domain.identity import IdentityRules, IdentityType, Strategy


def test_nothing_stored_means_the_defaults() -> None:
    assert rules_of(None) == IdentityRules() == rules_of({})


def test_rules_are_read_back_as_they_were_stored() -> None:
    rules = IdentityRules(
        strategy=Strategy.BEST_MATCH,
        priority=(IdentityType.EMAIL, IdentityType.CUSTOMER_ID),
        unique=frozenset({IdentityType.EMAIL}),
        login=frozenset(),
        immutable=frozenset({IdentityType.EMAIL}),
        conflict_guard=False,
        fold_email_case=False,
    )
    assert rules_of(settings_of(rules)) == rules


def test_one_change_leaves_the_others() -> None:
    assert rules_of({"strategy": "profile_link"}) == IdentityRules(strategy=Strategy.PROFILE_LINK)
