"""Identity settings through HTTP: presets, what differs from them, refusals, and what they do to later rows."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse_sync.domain.environment import Environment

PATH = "/platform/extensions/workspaces/5328/identity-settings"


def test_a_new_workspace_follows_the_default_strategy(plane: Any) -> None:
    found = plane.client.get(PATH).json()
    assert found["strategy"] == "default"
    assert found["priority"][:3] == ["customer_id", "mobile_number", "email"]
    assert (found["unique"], found["login"], found["immutable"]) == (["customer_id"], ["customer_id"], [])


def test_a_strategy_brings_its_presets_and_what_is_given_wins(plane: Any) -> None:
    body = {"strategy": "profile_link", "priority": ["email", "customer_id"]}
    answer = plane.client.put(PATH, json=body)
    assert answer.status_code == 200
    assert answer.json()["unique"] == ["customer_id", "email"]
    assert plane.client.get(PATH).json() == answer.json()


def test_best_match_has_no_known_profiles(plane: Any) -> None:
    found = plane.client.put(PATH, json={"strategy": "best_match"}).json()
    assert found["unique"] == found["login"] == found["immutable"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"strategy": "profile_conversion", "priority": []}, "priority"),
        ({"strategy": "profile_conversion", "priority": ["email", "email"], "unique": [], "login": []}, "priority"),
        ({"strategy": "profile_conversion", "unique": ["amp_id"]}, "unique"),
        ({"strategy": "profile_conversion", "login": ["amp_id"]}, "login"),
        ({"strategy": "profile_conversion", "immutable": ["email"]}, "immutable"),
        ({"strategy": "best_match", "login": ["email"]}, "strategy"),
        ({"strategy": "default", "unique": ["email"]}, "strategy"),
        ({"strategy": "nonsense"}, "strategy"),
        ({"strategy": "default", "priorities": []}, "priorities"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused_by_field(plane: Any, body: dict[str, Any], field: str) -> None:
    answer = plane.client.put(PATH, json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert plane.client.get(PATH).json()["strategy"] == "default"


def test_how_emails_compare_is_fixed_once_there_are_profiles(plane: Any) -> None:
    assert plane.client.put(PATH, json={"strategy": "default", "fold_email_case": False}).status_code == 200
    plane.profiles.counts[5328, Environment.PRODUCTION] = 1
    answer = plane.client.put(PATH, json={"strategy": "default", "fold_email_case": True})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "fold_email_case"
    assert plane.client.put(PATH, json={"strategy": "best_match", "fold_email_case": False}).status_code == 200


def test_only_admins_change_them(plane: Any) -> None:
    user = plane.headers("user")
    assert plane.client.get(PATH, headers=user).status_code == 200
    assert plane.client.put(PATH, json={"strategy": "best_match"}, headers=user).status_code == 403
