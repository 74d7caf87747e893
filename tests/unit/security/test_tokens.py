"""Access tokens: what we issue is read back; more than thirty kinds of bad token are refused with one sentence."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fixtures.bad_tokens import Forge, b64, bad_tokens
from warehouse_sync.errors import LimitExceeded, Unauthenticated
from warehouse_sync.security.tokens import REFUSAL, SigningKey, TokenClaims, TokenIssuer, TokenKeyRing, TokenVerifier

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
LIFETIME = timedelta(hours=8)
ISSUER, AUDIENCE = "https://sync.example.com", "https://api.mparticle.com"
KEY = SigningKey(ec.generate_private_key(ec.SECP256R1()))
OLD_KEY = SigningKey(ec.generate_private_key(ec.SECP256R1()))
MARK = "0123456789abcdef"
RING = TokenKeyRing([KEY, OLD_KEY])
VERIFIER = TokenVerifier(RING, issuer=ISSUER, audience=AUDIENCE, max_lifetime=LIFETIME)
ISSUING = TokenIssuer(RING, issuer=ISSUER, audience=AUDIENCE)

FORGE = Forge(KEY, OLD_KEY, ISSUER, AUDIENCE, AT, secret_mark=MARK)
GOOD = FORGE.good
BAD_TOKENS = bad_tokens(FORGE)


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_refuses_a_bad_token_with_the_one_sentence(kind: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        VERIFIER.verify(BAD_TOKENS[kind], NOW)
    assert (refused.value.message, refused.value.code) == (REFUSAL, "invalid_token")
    assert refused.value.__cause__ is None


def test_the_table_is_as_long_as_promised() -> None:
    assert len(BAD_TOKENS) >= 30


def test_the_token_the_table_is_derived_from_is_good() -> None:
    assert VERIFIER.verify(GOOD, NOW).client_id == "client-1"


def test_what_is_issued_is_read_back() -> None:
    token = ISSUING.issue("client-1", "admin", [7, 8], NOW + timedelta(milliseconds=900), LIFETIME, secret_mark=MARK)
    claims = VERIFIER.verify(token, NOW)
    assert claims == TokenClaims("client-1", "admin", (7, 8), NOW, NOW + LIFETIME, claims.token_id, MARK)
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid}


def test_every_token_has_its_own_id() -> None:
    tokens = [ISSUING.issue("client-1", "admin", [], NOW, LIFETIME, secret_mark=MARK) for _ in range(2)]
    assert len({VERIFIER.verify(token, NOW).token_id for token in tokens}) == 2


@pytest.mark.parametrize(("late", "accepted"), [(29, True), (30, False), (31, False)])
def test_leeway_ends_after_thirty_seconds(late: int, accepted: bool) -> None:
    token = ISSUING.issue("client-1", "admin", [1], NOW, LIFETIME, secret_mark=MARK)
    moment = NOW + LIFETIME + timedelta(seconds=late)
    if accepted:
        assert VERIFIER.verify(token, moment)
    else:
        with pytest.raises(Unauthenticated):
            VERIFIER.verify(token, moment)


def test_any_flipped_bit_of_claims_or_header_is_refused() -> None:
    head, body, signature = GOOD.split(".")
    for part, text in enumerate((head, body)):
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        for bit in range(len(raw) * 8):
            flipped = bytearray(raw)
            flipped[bit // 8] ^= 1 << bit % 8
            parts = [head, body, signature]
            parts[part] = b64(bytes(flipped))
            with pytest.raises(Unauthenticated):
                VERIFIER.verify(".".join(parts), NOW)


def test_tokens_of_an_older_key_stay_valid_and_of_a_removed_key_do_not() -> None:
    before = TokenIssuer(TokenKeyRing([OLD_KEY]), issuer=ISSUER, audience=AUDIENCE)
    token = before.issue("client-1", "admin", [1], NOW, LIFETIME, secret_mark=MARK)
    assert VERIFIER.verify(token, NOW)
    later = TokenVerifier(TokenKeyRing([KEY]), issuer=ISSUER, audience=AUDIENCE, max_lifetime=LIFETIME)
    with pytest.raises(Unauthenticated):
        later.verify(token, NOW)


def test_a_shorter_configured_lifetime_refuses_longer_tokens() -> None:
    strict = TokenVerifier(RING, issuer=ISSUER, audience=AUDIENCE, max_lifetime=timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        strict.verify(GOOD, NOW)


def test_more_leeway_than_thirty_seconds_is_refused() -> None:
    with pytest.raises(ValueError, match="leeway"):
        TokenVerifier(RING, issuer=ISSUER, audience=AUDIENCE, max_lifetime=LIFETIME, leeway=timedelta(seconds=31))


def test_a_token_that_could_not_be_read_back_is_not_issued() -> None:
    with pytest.raises(LimitExceeded, match="fewer workspaces"):
        ISSUING.issue("client-1", "admin", range(10_000_000, 10_002_000), NOW, LIFETIME, secret_mark=MARK)


def test_the_published_keys_verify_tokens_and_have_no_private_part() -> None:
    published = RING.jwks()
    assert [key["kid"] for key in published["keys"]] == [KEY.kid, OLD_KEY.kid]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in published["keys"])
    key = jwt.PyJWK(published["keys"][0])
    options = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(GOOD, key, algorithms=["ES256"], audience=AUDIENCE, options=options)["sub"] == "client-1"


def test_keys_on_another_curve_are_refused() -> None:
    with pytest.raises(ValueError, match="P-256"):
        SigningKey(ec.generate_private_key(ec.SECP384R1()))


def test_a_signing_key_does_not_print_itself() -> None:
    assert "private" not in repr(KEY)
