"""What clients and feeds prove themselves with: made here, kept only as a keyed digest.

A slow hash protects passwords that can be guessed. These secrets hold 256 random bits, so HMAC-SHA-256 is enough, and it makes a copy of
the database useless without the home's key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from warehouse_sync.domain.secret import Secret

CLIENT_SECRET_PREFIX: Final = "whs_"  # noqa: S105 - public: scanners and people recognise a leaked secret by it
FEED_SECRET_PREFIX: Final = "whf_"  # noqa: S105 - as above
_SECRET_BYTES: Final = 32
_NOBODY: Final = bytes(hashlib.sha256().digest_size)


def new_client_id() -> str:
    """A client id: 128 random bits as 32 hexadecimal digits. Not secret."""
    return secrets.token_hex(16)


def new_client_secret() -> Secret:
    """A client secret: 256 random bits as URL-safe text. Shown once, never stored."""
    return Secret(CLIENT_SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))


def new_feed_key() -> str:
    """A feed's server-to-server key: ``us1-`` and 32 hexadecimal digits (specification §7.2). Not secret."""
    return "us1-" + secrets.token_hex(16)


def new_feed_secret() -> Secret:
    """A feed's secret: 256 random bits as URL-safe text."""
    return Secret(FEED_SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))


def mark_of(digest: bytes) -> str:
    """A short public mark of a stored secret, for tokens: they end with the secret that earned them. Tells nothing about the secret."""
    return hashlib.sha256(b"warehouse-sync secret mark\0" + digest).hexdigest()[:16]


class ClientSecretDigests:
    """Makes and compares the stored form of client secrets.

    Args:
        key: the home's key for client secrets, 32 bytes. With another key no stored secret matches.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, client_id: str, secret: Secret) -> bytes:
        """What to store: 32 bytes, bound to the client, so that a digest copied to another client is worthless there."""
        name, text = (part.encode("utf-8", "surrogatepass") for part in (client_id, secret.reveal()))
        return hmac.digest(self._key, len(name).to_bytes(8, "big") + name + text, "sha256")

    def matches(self, client_id: str, presented: Secret, stored: bytes | None) -> bool:
        """Whether ``presented`` is the client's secret, in time that tells nothing.

        ``stored`` is None for an unknown client: the same work is done and the answer is False.
        """
        same = hmac.compare_digest(self.digest(client_id, presented), _NOBODY if stored is None else stored)
        return same and stored is not None
