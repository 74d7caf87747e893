"""Identity types, as published: columns, priority, spellings; and the numbers they are stored as."""

from __future__ import annotations

import pytest

from warehouse_sync.domain.identity import (
    DEFAULT_PRIORITY,
    DEVICE_TYPES,
    PROFILE_API_NAMES,
    TYPE_CODES,
    TYPE_OF_CODE,
    IdentityRules,
    IdentityType,
    Strategy,
    identity_of_column,
    identity_of_profile_api_name,
    is_mpid_column,
    mask_of,
)

USER_COLUMNS = [
    "customerid",
    "facebook",
    "twitter",
    "google",
    "microsoft",
    "yahoo",
    "email",
    "facebook_custom_audience_id",
    "other",
    *(f"other_id_{number}" for number in range(2, 11)),
    "mobile_number",
    "phone_number_2",
    "phone_number_3",
]
DEVICE_COLUMNS = [
    "android_uuid",
    "ios_advertising_id",
    "push_token",
    "ios_idfv",
    "android_advertising_id",
    "amp_id",
    "roku_advertising_id",
    "roku_publisher_id",
    "microsoft_advertising_id",
    "microsoft_publisher_id",
    "fire_advertising_id",
    "mp_deviceid",
]
FROZEN_CODES = {
    "customer_id": 0,
    "mobile_number": 1,
    "email": 2,
    "other": 3,
    "facebook": 4,
    "google": 5,
    "twitter": 6,
    "microsoft": 7,
    "yahoo": 8,
    "ios_advertising_id": 9,
    "ios_idfv": 10,
    "android_advertising_id": 11,
    "android_uuid": 12,
    "roku_advertising_id": 13,
    "roku_publisher_id": 14,
    "microsoft_publisher_id": 15,
    "microsoft_advertising_id": 16,
    "mp_deviceid": 17,
    "facebook_custom_audience_id": 18,
    "other_id_2": 19,
    "other_id_3": 20,
    "other_id_4": 21,
    "other_id_5": 22,
    "other_id_6": 23,
    "other_id_7": 24,
    "other_id_8": 25,
    "other_id_9": 26,
    "other_id_10": 27,
    "phone_number_2": 28,
    "phone_number_3": 29,
    "push_token": 30,
    "amp_id": 31,
    "fire_advertising_id": 32,
}


def test_twenty_two_user_columns_and_a_synonym() -> None:
    assert len(USER_COLUMNS) + len(["mpid"]) == 22
    types = [identity_of_column(name) for name in USER_COLUMNS]
    assert None not in types
    assert len(set(types)) == len(types)
    assert not DEVICE_TYPES & set(types)
    assert identity_of_column("customer_id") is identity_of_column("customerid") is IdentityType.CUSTOMER_ID


def test_twelve_device_columns() -> None:
    assert len(DEVICE_COLUMNS) == 12
    assert {identity_of_column(name) for name in DEVICE_COLUMNS} == DEVICE_TYPES


def test_there_are_no_other_types() -> None:
    assert {identity_of_column(name) for name in USER_COLUMNS + DEVICE_COLUMNS} == set(IdentityType)


@pytest.mark.parametrize("name", [*USER_COLUMNS, *DEVICE_COLUMNS, "customer_id"])
def test_columns_compare_without_case(name: str) -> None:
    assert identity_of_column(name.upper()) is identity_of_column(name.title()) is identity_of_column(name)


@pytest.mark.parametrize("name", ["mpid", "MPID", "MpId"])
def test_mpid_is_no_identity_type(name: str) -> None:
    assert is_mpid_column(name)
    assert identity_of_column(name) is None


@pytest.mark.parametrize(
    "name",
    ["", " email", "email ", "e-mail", "other_id_1", "other_id_11", "alias", "phone", "phone_number", "device_id"],
)
def test_all_else_is_an_attribute(name: str) -> None:
    assert identity_of_column(name) is None
    assert not is_mpid_column(name)


def test_the_default_priority_is_the_published_list() -> None:
    assert [t.value for t in DEFAULT_PRIORITY] == [
        "customer_id",
        "mobile_number",  # "phone number", decision D10
        "email",
        "other",
        "facebook",
        "google",
        "twitter",
        "microsoft",
        "yahoo",
        "ios_advertising_id",
        "ios_idfv",
        "android_advertising_id",
        "android_uuid",
        "roku_advertising_id",
        "roku_publisher_id",
        "microsoft_publisher_id",
        "microsoft_advertising_id",
        "mp_deviceid",
    ]


def test_stored_numbers_never_change() -> None:
    """Every stored identity names its type by this number. A new type gets the next one; nothing here may ever be edited."""
    assert {t.value: code for t, code in TYPE_CODES.items()} == FROZEN_CODES
    assert {code: t.value for code, t in TYPE_OF_CODE.items()} == {code: name for name, code in FROZEN_CODES.items()}


def test_masks() -> None:
    assert mask_of(frozenset()) == 0
    assert mask_of(frozenset({IdentityType.CUSTOMER_ID, IdentityType.EMAIL})) == 0b101
    assert mask_of(frozenset(IdentityType)) == (1 << 33) - 1


def test_spellings_of_the_profile_api() -> None:
    assert PROFILE_API_NAMES[IdentityType.ANDROID_UUID] == "android_id"
    assert PROFILE_API_NAMES[IdentityType.ANDROID_ADVERTISING_ID] == "google_advertising_id"
    assert PROFILE_API_NAMES[IdentityType.IOS_IDFV] == "ios_vendor_id"
    assert PROFILE_API_NAMES[IdentityType.PUSH_TOKEN] == "push_notification_token"
    for identity_type in IdentityType:
        spelled = PROFILE_API_NAMES.get(identity_type, identity_type.value)
        assert identity_of_profile_api_name(spelled) is identity_type
        assert identity_of_profile_api_name(identity_type.value) is identity_type
    assert identity_of_profile_api_name("alias") is None


def test_default_rules_are_the_default_strategy() -> None:
    rules = IdentityRules()
    assert rules.strategy is Strategy.DEFAULT
    assert rules.priority == DEFAULT_PRIORITY
    assert rules.unique == rules.login == {IdentityType.CUSTOMER_ID}
    assert rules.immutable == frozenset()
    assert rules.conflict_guard
    assert rules.fold_email_case


@pytest.mark.parametrize("strategy", Strategy)
def test_only_link_and_isolation_demand_a_login_match(strategy: Strategy) -> None:
    demands = strategy in {Strategy.PROFILE_LINK, Strategy.PROFILE_ISOLATION}
    assert IdentityRules(strategy).known_request_needs_login_match is demands
