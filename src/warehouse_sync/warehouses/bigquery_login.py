"""A service account's key as credentials. Its file names addresses to connect to, which must not be a caller's choice: they are pinned."""

from __future__ import annotations

import json
from typing import Any, Final

from google.oauth2.service_account import Credentials

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault, missing_parameter, parameter

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
UNIVERSE: Final = "googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/bigquery",)
_PINNED: Final = {"type": ("service_account",), "token_uri": (TOKEN_URI,), "universe_domain": (UNIVERSE,)}
_NEEDED: Final = ("client_email", "private_key")


def service_account(address: WarehouseAddress, token_uri: str) -> Credentials:
    """The credentials of a connection; nothing is asked for yet.

    Args:
        token_uri: where tokens are asked for: Google's, or the operator's.

    Raises:
        WarehouseError: ``misconfigured``: the key is no key of this service account; names the field.
    """
    if "service_account_key" not in address.secrets:
        raise missing_parameter("service_account_key")
    key = _key(address.secrets["service_account_key"].reveal())
    named = parameter(address, "service_account_id")
    if named not in {key["client_email"], str(key["client_email"]).partition("@")[0], key.get("client_id")}:
        raise _wrong(
            "service_account_id", "service_account_key belongs to another service account. Check service_account_id."
        )
    known = {**key, "token_uri": token_uri, "universe_domain": UNIVERSE}
    try:
        return Credentials.from_service_account_info(known, scopes=_SCOPES)  # type: ignore[no-any-return]
    except (ValueError, TypeError):
        raise _wrong(
            "service_account_key", "The private_key in service_account_key cannot be read. Give the whole key file."
        ) from None


def _key(text: str) -> dict[str, Any]:
    try:
        key = json.loads(text)
    except ValueError:
        key = None
    if not isinstance(key, dict) or not all(isinstance(key.get(name), str) for name in _NEEDED):
        raise _wrong(
            "service_account_key", "service_account_key is no key file of a service account. Give its whole JSON text."
        )
    for name, allowed in _PINNED.items():
        if key.get(name, allowed[0]) not in allowed:
            raise _wrong("service_account_key", f"{name} in service_account_key must be {allowed[0]}.")
    return key


def _wrong(field: str, sentence: str) -> WarehouseError:
    return fault(WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, sentence, field=field)
