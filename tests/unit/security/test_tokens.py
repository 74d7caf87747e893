"""Access tokens: what we issue is read back; more than thirty kinds of bad token are refused with one sentence."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from warehouse_sync.errors import LimitExceeded, Unauthenticated
from warehouse_sync.security.tokens import REFUSAL, SigningKey, TokenClaims, TokenIssuer, TokenKeyRing, TokenVerifier

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
LIFETIME = timedelta(hours=8)
ISSUER, AUDIENCE = "https://sync.example.com", "https://api.mparticle.com"
KEY = SigningKey(ec.generate_private_key(ec.SECP256R1()))
OLD_KEY = SigningKey(ec.generate_private_key(ec.SECP256R1()))
STRANGER = SigningKey(ec.generate_private_key(ec.SECP256R1()))
RING = TokenKeyRing([KEY, OLD_KEY])
VERIFIER = TokenVerifier(RING, issuer=ISSUER, audience=AUDIENCE, max_lifetime=LIFETIME)
ISSUING = TokenIssuer(RING, issuer=ISSUER, audience=AUDIENCE)

CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "client-1",
    "client_id": "client-1",
    "iat": AT,
    "exp": AT + 28_800,
    "jti": "a",
    "scope": "admin",
    "workspaces": [1, 2],
}
HEADER = {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid}


def b64(data: bytes | str) -> str:
    raw = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: dict | str, header: dict | str = HEADER, key: SigningKey = KEY) -> str:
    """A token exactly as given, honestly signed with ES256 whatever the header says."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    body = ".".join(b64(text) for text in texts)
    algorithm = jwt.get_algorithm_by_name("ES256")
    return f"{body}.{b64(algorithm.sign(body.encode(), key.private_key))}"


def without(values: dict, name: str) -> dict:
    return {key: value for key, value in values.items() if key != name}


def unsigned(algorithm: str) -> str:
    return f"{b64(json.dumps(HEADER | {'alg': algorithm}))}.{b64(json.dumps(CLAIMS))}."


def with_public_key_as_hmac_secret() -> str:
    import hashlib
    import hmac

    public = KEY.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{b64(json.dumps(HEADER | {'alg': 'HS256'}))}.{b64(json.dumps(CLAIMS))}"
    return f"{body}.{b64(hmac.digest(public, body.encode(), hashlib.sha256))}"


def with_rsa() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return jwt.encode(CLAIMS, key, algorithm="RS256", headers={"typ": "at+jwt", "kid": KEY.kid})


def with_other_claims_under_a_valid_signature() -> str:
    head, _, signature = signed(CLAIMS).split(".")
    return f"{head}.{b64(json.dumps(CLAIMS | {'scope': 'owner'}))}.{signature}"


GOOD = signed(CLAIMS)

BAD_TOKENS = {
    "empty": "",
    "blank": " ",
    "garbage": "not a token",
    "one part": "abc",
    "two parts": "abc.def",
    "four parts": GOOD + ".abc",
    "dots only": "..",
    "two tokens": f"{GOOD},{GOOD}",
    "leading space": " " + GOOD,
    "trailing newline": GOOD + "\n",
    "padded base64": GOOD + "==",
    "not ascii": GOOD[:-1] + "é",
    "nul": GOOD + "\0",
    "header is no json": signed(CLAIMS, "{"),
    "header is a list": signed(CLAIMS, "[]"),
    "header nested too deep": signed(CLAIMS, "[" * 5000),
    "header with a huge number": signed(CLAIMS, '{"alg": ' + "1" * 5000 + "}"),
    "payload is no json": signed("{"),
    "payload is a list": signed("[1]"),
    "payload nested too deep": signed("[" * 5500),
    "payload not utf-8": ".".join([GOOD.split(".")[0], b64(b"\xff\xfe"), GOOD.split(".")[2]]),
    "too long": signed(CLAIMS | {"pad": "x" * 8192}),
    "two megabytes": "a" * 2_000_000,
    "alg none": unsigned("none"),
    "alg nOnE": unsigned("nOnE"),
    "alg none with signature": signed(CLAIMS, HEADER | {"alg": "none"}),
    "alg missing": signed(CLAIMS, without(HEADER, "alg")),
    "alg HS256 with our public key": with_public_key_as_hmac_secret(),
    "alg RS256": with_rsa(),
    "alg ES384 named": signed(CLAIMS, HEADER | {"alg": "ES384"}),
    "alg lower case": signed(CLAIMS, HEADER | {"alg": "es256"}),
    "alg no text": signed(CLAIMS, HEADER | {"alg": ["ES256"]}),
    "typ missing": signed(CLAIMS, without(HEADER, "typ")),
    "typ JWT": signed(CLAIMS, HEADER | {"typ": "JWT"}),
    "typ other case": signed(CLAIMS, HEADER | {"typ": "AT+JWT"}),
    "typ long form": signed(CLAIMS, HEADER | {"typ": "application/at+jwt"}),
    "kid missing": signed(CLAIMS, without(HEADER, "kid")),
    "kid unknown": signed(CLAIMS, HEADER | {"kid": "other"}),
    "kid of another of our keys": signed(CLAIMS, HEADER | {"kid": OLD_KEY.kid}),
    "kid no text": signed(CLAIMS, HEADER | {"kid": 1}),
    "kid a list": signed(CLAIMS, HEADER | {"kid": [KEY.kid]}),
    "kid a path": signed(CLAIMS, HEADER | {"kid": "../../dev/null"}),
    "stranger's key": signed(CLAIMS, key=STRANGER),
    "stranger's key and kid": signed(CLAIMS, HEADER | {"kid": STRANGER.kid}, STRANGER),
    "stranger's key as jwk": signed(CLAIMS, HEADER | {"jwk": STRANGER.jwk()}, STRANGER),
    "jwk beside a good signature": signed(CLAIMS, HEADER | {"jwk": KEY.jwk()}),
    "jku": signed(CLAIMS, HEADER | {"jku": "https://evil.example/keys"}),
    "x5u": signed(CLAIMS, HEADER | {"x5u": "https://evil.example/cert"}),
    "x5c": signed(CLAIMS, HEADER | {"x5c": ["MIIB"]}),
    "crit": signed(CLAIMS, HEADER | {"crit": ["exp"]}),
    "crit b64": signed(CLAIMS, HEADER | {"crit": ["b64"], "b64": False}),
    "tampered payload": with_other_claims_under_a_valid_signature(),
    "signature stripped": GOOD.rsplit(".", 1)[0] + ".",
    "signature cut": GOOD[:-8],
    "signature zero": GOOD.rsplit(".", 1)[0] + "." + b64(bytes(64)),
    "signature of another token": GOOD.rsplit(".", 1)[0] + "." + signed(CLAIMS | {"jti": "b"}).rsplit(".", 1)[1],
    "iss missing": signed(without(CLAIMS, "iss")),
    "iss other": signed(CLAIMS | {"iss": "https://evil.example"}),
    "iss with slash": signed(CLAIMS | {"iss": ISSUER + "/"}),
    "iss a list": signed(CLAIMS | {"iss": [ISSUER]}),
    "aud missing": signed(without(CLAIMS, "aud")),
    "aud other": signed(CLAIMS | {"aud": "https://other.example"}),
    "aud list with ours": signed(CLAIMS | {"aud": ["https://other.example", AUDIENCE]}),
    "aud null": signed(CLAIMS | {"aud": None}),
    "sub missing": signed(without(CLAIMS, "sub")),
    "sub other than client": signed(CLAIMS | {"sub": "client-2"}),
    "client_id missing": signed(without(CLAIMS, "client_id")),
    "client_id empty": signed(CLAIMS | {"client_id": "", "sub": ""}),
    "client_id a number": signed(CLAIMS | {"client_id": 1, "sub": 1}),
    "jti missing": signed(without(CLAIMS, "jti")),
    "jti empty": signed(CLAIMS | {"jti": ""}),
    "iat missing": signed(without(CLAIMS, "iat")),
    "iat true": signed(CLAIMS | {"iat": True}),
    "iat a text": signed(CLAIMS | {"iat": str(AT)}),
    "exp missing": signed(without(CLAIMS, "exp")),
    "exp a text": signed(CLAIMS | {"exp": str(AT + 60)}),
    "exp a fraction": signed(CLAIMS | {"exp": AT + 60.5}),
    "exp not a number": signed(json.dumps(CLAIMS | {"exp": float("nan")})),
    "exp in a billion years": signed(CLAIMS | {"exp": AT + 10**9 * 31_557_600}),
    "exp beyond any calendar": signed(CLAIMS | {"iat": 10**18, "exp": 10**18 + 1}),
    "exp one second over the lifetime": signed(CLAIMS | {"exp": AT + 28_801}),
    "exp before iat": signed(CLAIMS | {"exp": AT - 1}),
    "expired by the leeway": signed(CLAIMS | {"iat": AT - 1000, "exp": AT - 30}),
    "issued in the future": signed(CLAIMS | {"iat": AT + 31, "exp": AT + 100}),
    "issued in the future, nbf past": signed(CLAIMS | {"iat": AT + 31, "exp": AT + 100, "nbf": AT}),
    "not yet valid": signed(CLAIMS | {"nbf": AT + 31}),
    "nbf a text": signed(CLAIMS | {"nbf": "0"}),
    "scope missing": signed(without(CLAIMS, "scope")),
    "workspaces missing": signed(without(CLAIMS, "workspaces")),
    "workspaces a number": signed(CLAIMS | {"workspaces": 1}),
    "workspaces of texts": signed(CLAIMS | {"workspaces": ["1"]}),
}


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
    token = ISSUING.issue("client-1", "admin", [7, 8], NOW + timedelta(milliseconds=900), LIFETIME)
    claims = VERIFIER.verify(token, NOW)
    assert claims == TokenClaims("client-1", "admin", (7, 8), NOW, NOW + LIFETIME, claims.token_id)
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid}


def test_every_token_has_its_own_id() -> None:
    tokens = [ISSUING.issue("client-1", "admin", [], NOW, LIFETIME) for _ in range(2)]
    assert len({VERIFIER.verify(token, NOW).token_id for token in tokens}) == 2


@pytest.mark.parametrize(("late", "accepted"), [(29, True), (30, False), (31, False)])
def test_leeway_ends_after_thirty_seconds(late: int, accepted: bool) -> None:
    token = ISSUING.issue("client-1", "admin", [1], NOW, LIFETIME)
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
    token = before.issue("client-1", "admin", [1], NOW, LIFETIME)
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
        ISSUING.issue("client-1", "admin", range(10_000_000, 10_002_000), NOW, LIFETIME)


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
