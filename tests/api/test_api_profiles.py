from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.profiles.protocol import Profile, ProfileAttribute, ProfileIdentity

MPID = 9080350317581165001
URL = "/userprofile/v1/1/2/5328"
RESOLVE = "/userprofile/v1/resolve/1/2/5328"
ALL = "device_identities,user_identities,user_attributes,audience_memberships,attribution"
WHEN = datetime(2019, 11, 25, 18, 11, 23, 462000, tzinfo=UTC)


def _attribute(name: str, value: Any, text: Any) -> ProfileAttribute:
    return ProfileAttribute(name, value, text, 1, 1, WHEN)


@pytest.fixture
def ann(plane: Any) -> Any:
    plane.profiles.profiles[5328, MPID] = Profile(
        mpid=MPID,
        environment=Environment.PRODUCTION,
        created_on=WHEN,
        last_stored_on=WHEN,
        identities=(
            ProfileIdentity(IdentityType.CUSTOMER_ID, "c-17"),
            ProfileIdentity(IdentityType.ANDROID_UUID, "8789c459016a94b0"),
        ),
        attributes=(
            _attribute("$firstname", "Ann", "Ann"),
            _attribute("ltv", Decimal("342.1"), "342.1"),
            _attribute("recs", ["1", "2"], ["1", "2"]),
            _attribute("n", Decimal("5"), "5"),
            _attribute("nan", float("nan"), "NaN"),
            _attribute("day", date(2023, 2, 1), "2023-02-01"),
        ),
    )
    plane.profiles.found[5328, Environment.PRODUCTION, IdentityType.CUSTOMER_ID, "c-17"] = (MPID,)
    plane.profiles.found[5328, Environment.PRODUCTION, IdentityType.EMAIL, "a@x"] = (1, 2, 3)
    return plane


def test_a_profile_in_the_published_shape(ann: Any) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": ALL})
    assert answer.status_code == 200
    assert f'"mpid":{MPID},' in answer.text
    assert answer.json() == {
        "mpid": MPID,
        "created_timestamp_ms": 1574705483462,
        "last_stored_timestamp_ms": 1574705483462,
        "is_opted_out": False,
        "limit_ad_tracking": None,
        "environment_type": "production",
        "device_identities": [{"type": "android_id", "encoding": "none", "value": "8789c459016a94b0"}],
        "user_identities": [{"type": "customer_id", "encoding": "none", "value": "c-17"}],
        "account_userattributes": None,
        "user_attributes": {
            "$firstname": "Ann",
            "ltv": "342.1",
            "recs": ["1", "2"],
            "n": "5",
            "nan": "NaN",
            "day": "2023-02-01",
        },
        "audience_memberships": [],
        "attribution": None,
    }
    assert ann.client.post(f"{URL}/{MPID}", params={"fields": ALL}).json() == answer.json()


def test_typed_values(ann: Any) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_attributes", "typed": "true"})
    assert answer.json()["user_attributes"] == {
        "$firstname": "Ann",
        "ltv": 342.1,
        "recs": ["1", "2"],
        "n": 5,
        "nan": "nan",
        "day": "2023-02-01",
    }


def test_only_what_is_named_is_returned(ann: Any) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_identities"}).json()
    assert set(answer) & set(ALL.split(",")) == {"user_identities"}


def test_resolve(ann: Any) -> None:
    body = {"environment_type": "production", "identity": {"type": "customer_id", "value": "c-17"}}
    assert ann.client.post(RESOLVE, params={"fields": "user_identities"}, json=body).json()["mpid"] == MPID


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"environment_type": "development"}, "identity"),
        ({"environment_type": "staging"}, "environment_type"),
        ({"identity": {"type": "customer_id", "value": "c-18"}}, "identity"),
        ({"identity": {"type": "shoe_size", "value": "9"}}, "identity.type"),
        ({"identity": {"type": "customer_id"}}, "identity.value"),
        ({"identity": {"type": "email", "value": "a@x"}}, "identity"),
        ({"identity": "c-17"}, "identity"),
    ],
)
def test_what_resolves_to_nothing(ann: Any, changes: dict[str, Any], field: str) -> None:
    body = {"environment_type": "production", "identity": {"type": "customer_id", "value": "c-17"}} | changes
    answer = ann.client.post(RESOLVE, params={"fields": "user_identities"}, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_how_many_profiles_hold_an_ambiguous_value(ann: Any) -> None:
    body = {"environment_type": "production", "identity": {"type": "email", "value": "a@x"}}
    answer = ann.client.post(RESOLVE, params={"fields": "user_identities"}, json=body)
    assert "3 profiles" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("mpid", ["1", "0", "-5", str(2**63), str(10**40), "abc"])
def test_an_unknown_profile_is_a_bad_request(ann: Any, mpid: str) -> None:
    answer = ann.client.get(f"{URL}/{mpid}", params={"fields": "user_attributes"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "mpid")


@pytest.mark.parametrize("query", [{}, {"fields": ""}, {"fields": "everything"}, {"fields": "user_attributes,"}])
def test_fields_must_be_named(ann: Any, query: dict[str, str]) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "fields")


@pytest.mark.parametrize("place", ["9/2/5328", "1/9/5328", "1/2/7", "1/2/99"])
def test_another_place_holds_no_such_profile(ann: Any, place: str) -> None:
    answer = ann.client.get(f"/userprofile/v1/{place}/{MPID}", params={"fields": "user_attributes"})
    assert answer.status_code == (400 if place == "1/2/7" else 404)


def test_identities_are_compared_by_the_workspaces_own_rules(ann: Any) -> None:
    from warehouse_sync.catalog import workspaces

    with ann.database.write() as tx:
        workspaces.set_identity_settings(tx, 5328, {"fold_email_case": False})
    body = {"environment_type": "production", "identity": {"type": "customer_id", "value": "c-17"}}
    assert ann.client.post(RESOLVE, params={"fields": "user_identities"}, json=body).status_code == 200
    assert [rules.fold_email_case for rules in ann.profiles.rules] == [False]


def test_origins_on_demand(ann: Any) -> None:
    ann.with_data_model()
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_attributes", "origins": "true"}).json()
    assert answer["attribute_origins"].keys() == answer["user_attributes"].keys()
    assert answer["attribute_origins"]["ltv"] == {
        "data_model_id": "propensity-model",
        "pipeline_run_id": 1,
        "load_timestamp": "2019-11-25T18:11:23.462000Z",
    }
    ann.client.delete("/platform/experimental/workspaces/5328/inputs/warehouse/data-models/propensity-model")
    body = {"environment_type": "production", "identity": {"type": "customer_id", "value": "c-17"}}
    query = {"fields": "user_attributes", "origins": "true", "typed": "true"}
    again = ann.client.post(RESOLVE, params=query, json=body).json()
    assert again["attribute_origins"] == answer["attribute_origins"]
    plain = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_attributes"}).json()
    assert "attribute_origins" not in plain


def test_origins_of_a_data_model_that_nobody_knows(ann: Any) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_attributes", "origins": "true"}).json()
    assert answer["attribute_origins"]["n"]["data_model_id"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("fields=user_identities&origins=true", "origins"),
        ("fields=user_attributes&fields=user_identities", "fields"),
        ("fields=user_attributes&typed=perhaps", "typed"),
        ("fields=USER_ATTRIBUTES", "fields"),
        ("fields=user_attributes%00", "fields"),
    ],
)
def test_what_cannot_be_shown(ann: Any, query: str, field: str) -> None:
    answer = ann.client.get(f"{URL}/{MPID}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_field_may_be_named_twice_and_with_spaces(ann: Any) -> None:
    answer = ann.client.get(f"{URL}/{MPID}", params={"fields": "user_attributes, user_attributes"})
    assert answer.status_code == 200
