"""Identity types, the columns that carry them, and the rules of resolution (specification §3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Final

from warehouse_sync.errors import InvalidRequest

MPID_COLUMN: Final = "mpid"
"""The column that names a profile directly; it is no identity type."""


class IdentityType(StrEnum):
    """Every identity type; the value is the reserved column name (specification §1.9)."""

    CUSTOMER_ID = "customer_id"
    MOBILE_NUMBER = "mobile_number"
    EMAIL = "email"
    OTHER = "other"
    FACEBOOK = "facebook"
    GOOGLE = "google"
    TWITTER = "twitter"
    MICROSOFT = "microsoft"
    YAHOO = "yahoo"
    IOS_ADVERTISING_ID = "ios_advertising_id"
    IOS_IDFV = "ios_idfv"
    ANDROID_ADVERTISING_ID = "android_advertising_id"
    ANDROID_UUID = "android_uuid"
    ROKU_ADVERTISING_ID = "roku_advertising_id"
    ROKU_PUBLISHER_ID = "roku_publisher_id"
    MICROSOFT_PUBLISHER_ID = "microsoft_publisher_id"
    MICROSOFT_ADVERTISING_ID = "microsoft_advertising_id"
    MP_DEVICEID = "mp_deviceid"
    FACEBOOK_CUSTOM_AUDIENCE_ID = "facebook_custom_audience_id"
    OTHER_ID_2 = "other_id_2"
    OTHER_ID_3 = "other_id_3"
    OTHER_ID_4 = "other_id_4"
    OTHER_ID_5 = "other_id_5"
    OTHER_ID_6 = "other_id_6"
    OTHER_ID_7 = "other_id_7"
    OTHER_ID_8 = "other_id_8"
    OTHER_ID_9 = "other_id_9"
    OTHER_ID_10 = "other_id_10"
    PHONE_NUMBER_2 = "phone_number_2"
    PHONE_NUMBER_3 = "phone_number_3"
    PUSH_TOKEN = "push_token"  # noqa: S105 - the name of an identity type, not a secret
    AMP_ID = "amp_id"
    FIRE_ADVERTISING_ID = "fire_advertising_id"


DEVICE_TYPES: Final = frozenset(
    {
        IdentityType.ANDROID_UUID,
        IdentityType.IOS_ADVERTISING_ID,
        IdentityType.PUSH_TOKEN,
        IdentityType.IOS_IDFV,
        IdentityType.ANDROID_ADVERTISING_ID,
        IdentityType.AMP_ID,
        IdentityType.ROKU_ADVERTISING_ID,
        IdentityType.ROKU_PUBLISHER_ID,
        IdentityType.MICROSOFT_ADVERTISING_ID,
        IdentityType.MICROSOFT_PUBLISHER_ID,
        IdentityType.FIRE_ADVERTISING_ID,
        IdentityType.MP_DEVICEID,
    }
)

PROFILE_API_NAMES: Final[dict[IdentityType, str]] = {
    IdentityType.FACEBOOK: "facebook_id",
    IdentityType.GOOGLE: "google_id",
    IdentityType.MICROSOFT: "microsoft_id",
    IdentityType.YAHOO: "yahoo_id",
    IdentityType.TWITTER: "twitter_id",
    IdentityType.ANDROID_UUID: "android_id",
    IdentityType.ANDROID_ADVERTISING_ID: "google_advertising_id",
    IdentityType.IOS_IDFV: "ios_vendor_id",
    IdentityType.PUSH_TOKEN: "push_notification_token",
    IdentityType.MP_DEVICEID: "device_application_stamp",
}
"""Types that the Profile API spells differently from the column (specification §3.2); all others keep their name."""

_COLUMN_SYNONYMS: Final = {"customerid": IdentityType.CUSTOMER_ID}
_BY_COLUMN: Final = {t.value: t for t in IdentityType} | _COLUMN_SYNONYMS
_BY_PROFILE_API_NAME: Final = {t.value: t for t in IdentityType} | {name: t for t, name in PROFILE_API_NAMES.items()}

DEFAULT_PRIORITY: Final = tuple(IdentityType)[:18]
"""The default order of look-up (specification §3.2; *phone number* is ``mobile_number``, decision D10)."""


TYPE_CODES: Final = {identity_type: code for code, identity_type in enumerate(IdentityType)}
"""The number a type is stored as. Types are only ever appended to the enumeration."""

TYPE_OF_CODE: Final = {code: identity_type for identity_type, code in TYPE_CODES.items()}


FOUND_BY_MPID: Final = -1
"""Stands for the mask of the types that led a row to its profile, where the row named the profile itself."""


class Guard(IntFlag):
    """What can keep a profile from a row that shares an identity with it (specification §3.5, decision D12)."""

    IMMUTABLE = 1  # A1: it has an immutable identity, and the row has none of its own
    LOGIN = 2  # A2: it is known, and the row has none of its login identities
    ANONYMOUS = 4  # A3: the row has a login identity, and none that the profile has
    CONTRADICTION = 8  # A4: both have another value of a higher login-and-unique identity


def mask_of(types: frozenset[IdentityType]) -> int:
    """A set of types as a bit mask over their codes."""
    return sum(1 << TYPE_CODES[identity_type] for identity_type in types)


def types_of(mask: int) -> tuple[IdentityType, ...]:
    """The types of a bit mask over their codes, in the order of the codes."""
    return tuple(identity_type for code, identity_type in TYPE_OF_CODE.items() if mask >> code & 1)


def identity_of_column(name: str) -> IdentityType | None:
    """The identity type a column carries, compared without case, or None for an attribute or ``mpid``."""
    return _BY_COLUMN.get(name.casefold())


def is_mpid_column(name: str) -> bool:
    return name.casefold() == MPID_COLUMN


def identity_of_profile_api_name(name: str) -> IdentityType | None:
    """The type that the Profile API calls ``name``; our own column names are accepted too."""
    return _BY_PROFILE_API_NAME.get(name)


class Strategy(StrEnum):
    """The identity strategies of specification §3.3."""

    DEFAULT = "default"
    PROFILE_CONVERSION = "profile_conversion"
    PROFILE_LINK = "profile_link"
    PROFILE_ISOLATION = "profile_isolation"
    BEST_MATCH = "best_match"


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """How rows of one workspace find their profile (decision D12).

    Attributes:
        strategy: which of the five strategies.
        priority: the types that are look-up keys, highest first; others are kept on the profile but find nothing.
        unique: types of which a value belongs to at most one profile.
        login: types that mark a known profile (guard A2).
        immutable: types that never change once set (guard A1); a subset of both ``unique`` and ``login``.
        conflict_guard: guard A4: a contradicting higher login-and-unique identity forbids a match.
        fold_email_case: e-mail compared in lower case (decision D13).
    """

    strategy: Strategy = Strategy.DEFAULT
    priority: tuple[IdentityType, ...] = DEFAULT_PRIORITY
    unique: frozenset[IdentityType] = field(default=frozenset({IdentityType.CUSTOMER_ID}))
    login: frozenset[IdentityType] = field(default=frozenset({IdentityType.CUSTOMER_ID}))
    immutable: frozenset[IdentityType] = frozenset()
    conflict_guard: bool = True
    fold_email_case: bool = True

    @property
    def known_request_needs_login_match(self) -> bool:
        """Guard A3: under link and isolation a request with a login identity never lands on an anonymous profile."""
        return self.strategy in {Strategy.PROFILE_LINK, Strategy.PROFILE_ISOLATION}


_CUSTOMER: Final = frozenset({IdentityType.CUSTOMER_ID})
_CUSTOMER_AND_EMAIL: Final = frozenset({IdentityType.CUSTOMER_ID, IdentityType.EMAIL})

PRESETS: Final[dict[Strategy, IdentityRules]] = {
    Strategy.DEFAULT: IdentityRules(),
    Strategy.PROFILE_CONVERSION: IdentityRules(Strategy.PROFILE_CONVERSION, unique=_CUSTOMER, login=_CUSTOMER),
    Strategy.PROFILE_LINK: IdentityRules(Strategy.PROFILE_LINK, unique=_CUSTOMER_AND_EMAIL, login=_CUSTOMER_AND_EMAIL),
    Strategy.PROFILE_ISOLATION: IdentityRules(
        Strategy.PROFILE_ISOLATION, unique=_CUSTOMER_AND_EMAIL, login=_CUSTOMER_AND_EMAIL
    ),
    Strategy.BEST_MATCH: IdentityRules(Strategy.BEST_MATCH, unique=frozenset(), login=frozenset()),
}
"""What each strategy means where nothing more is said (specification §3.3)."""


def check_rules(rules: IdentityRules) -> IdentityRules:
    """Returns the rules if they can be followed.

    Raises:
        InvalidRequest: they cannot, naming the field and the remedy.
    """
    if not rules.priority or len(set(rules.priority)) < len(rules.priority):
        raise InvalidRequest("priority must name at least one identity type, and none twice.", field="priority")
    for name, types in (("unique", rules.unique), ("login", rules.login)):
        outside = sorted(types - set(rules.priority))
        if outside:
            raise InvalidRequest(
                f"{name} names {', '.join(outside)}, which the priority does not hold. Only identities that find profiles can be "
                f"{name}: add them to priority, or leave them out.",
                field=name,
            )
    loose = sorted(rules.immutable - (rules.unique & rules.login))
    if loose:
        raise InvalidRequest(
            f"immutable names {', '.join(loose)}, which must be unique and login too. Add them to both, or leave them out.",
            field="immutable",
        )
    preset = PRESETS[rules.strategy]
    if rules.strategy is Strategy.BEST_MATCH and (rules.unique or rules.login or rules.immutable):
        raise InvalidRequest(
            "best_match knows no unique, login or immutable identities. Leave them empty.", field="strategy"
        )
    if rules.strategy is Strategy.DEFAULT and (rules.unique, rules.login) != (preset.unique, preset.login):
        raise InvalidRequest(
            "Under the default strategy unique and login are customer_id. Choose profile_conversion to configure them.",
            field="strategy",
        )
    return rules
