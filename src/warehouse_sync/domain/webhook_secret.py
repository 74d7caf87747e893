"""The secret that notices are signed with, as the specification "Standard Webhooks" 1.0.0 has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


def signing_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a secret: one, or several separated by commas while a new one takes the place of an old one.

    Raises:
        ValueError: one of them is not ``whsec_`` and the base64 of 24 to 64 bytes; the sentence does not tell it.
    """
    return tuple(_key(word.strip()) for word in text.split(","))


def _key(text: str) -> bytes:
    encoded = text.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError('must be "whsec_" and the base64 of 24 to 64 random bytes, several separated by commas')
    return key


def signed_headers(keys: Sequence[bytes], notice_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """The headers by which a receiver knows that a body is ours, whole, and sent now: one signature by each key."""
    timestamp = str(int(now.timestamp()))
    signed = f"{notice_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
