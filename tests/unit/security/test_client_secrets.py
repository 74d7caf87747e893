"""Client secrets and feed credentials."""

from __future__ import annotations

import re

from warehouse_sync.domain.secret import Secret
from warehouse_sync.security.client_secrets import (
    ClientSecretDigests,
    new_client_id,
    new_client_secret,
    new_feed_key,
    new_feed_secret,
)

DIGESTS = ClientSecretDigests(b"k" * 32)


def test_secrets_have_their_prefix_and_256_bits() -> None:
    assert re.fullmatch(r"whs_[A-Za-z0-9_-]{43}", new_client_secret().reveal())
    assert re.fullmatch(r"whf_[A-Za-z0-9_-]{43}", new_feed_secret().reveal())
    assert re.fullmatch(r"us1-[0-9a-f]{32}", new_feed_key())
    assert re.fullmatch(r"[0-9a-f]{32}", new_client_id())


def test_no_two_are_alike() -> None:
    for make in (new_client_secret, new_feed_secret, new_feed_key, new_client_id):
        assert make() != make()


def test_the_right_secret_matches_and_others_do_not() -> None:
    secret = new_client_secret()
    stored = DIGESTS.digest("a", secret)
    assert len(stored) == 32
    assert secret.reveal().encode() not in stored
    assert DIGESTS.matches("a", secret, stored)
    for wrong in (new_client_secret(), Secret(""), Secret(secret.reveal()[:-1]), Secret("\ud800")):
        assert not DIGESTS.matches("a", wrong, stored)


def test_a_digest_is_worthless_for_another_client_or_under_another_key() -> None:
    secret = new_client_secret()
    stored = DIGESTS.digest("a", secret)
    assert not DIGESTS.matches("b", secret, stored)
    assert not ClientSecretDigests(b"x" * 32).matches("a", secret, stored)
    assert DIGESTS.digest("a", Secret("bc")) != DIGESTS.digest("ab", Secret("c"))


def test_an_unknown_client_never_matches() -> None:
    assert not DIGESTS.matches("nobody", new_client_secret(), None)
