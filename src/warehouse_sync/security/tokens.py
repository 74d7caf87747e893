"""Access tokens: signed by us, read back only by us (RFC 9068, RFC 8725).

The algorithm is ES256 and nothing else. It is asymmetric, so that the published keys cannot sign; its name fixes curve and hash, which
``EdDSA`` does not; and every OAuth library and gateway knows it, should somebody check our tokens with the published keys.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.api_jws import PyJWS

from warehouse_sync.errors import LimitExceeded, Unauthenticated

ALGORITHM: Final = "ES256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the type's public name
MAX_TOKEN_CHARACTERS: Final = 8192
MAX_LEEWAY: Final = timedelta(seconds=30)
REFUSAL: Final = "The access token is missing, malformed, expired or not ours. Request a new one from /oauth/token."
"""The one sentence for every refused token: which check failed is nobody's business but an attacker's."""

_COMPACT_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER_NAMES: Final = frozenset({"alg", "typ", "kid"})  # so jku, x5u, jwk, crit and whatever comes next are refused
_COORDINATE_BYTES: Final = 32
_JWS: Final = PyJWS(algorithms=[ALGORITHM])


class _Refused(Exception):
    """A check failed. Never leaves this module."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key on P-256. ``kid`` is its RFC 7638 thumbprint, so the same key always has the same name."""

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    kid: str = field(init=False)

    def __post_init__(self) -> None:
        if self.private_key.curve.name != "secp256r1":
            raise ValueError("a token signing key must be on curve P-256")
        public = json.dumps(self._coordinates(), separators=(",", ":"), sort_keys=True)
        object.__setattr__(self, "kid", _base64url(hashlib.sha256(public.encode()).digest()))

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return {**self._coordinates(), "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def _coordinates(self) -> dict[str, str]:
        numbers = self.private_key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64url(numbers.x.to_bytes(_COORDINATE_BYTES, "big")),
            "y": _base64url(numbers.y.to_bytes(_COORDINATE_BYTES, "big")),
        }


class TokenKeyRing:
    """The keys whose tokens we accept; the first one signs."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        if not keys:
            raise ValueError("a key ring needs at least one key")
        self.signing = keys[0]
        self._keys = {key.kid: key for key in keys}

    def public_key(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The key to check a token with, or None if no key of ours has this name."""
        key = self._keys.get(kid)
        return None if key is None else key.private_key.public_key()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The key set to publish: public parts only, the signing key first."""
        return {"keys": [key.jwk() for key in self._keys.values()]}


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a valid token says about its bearer.

    Attributes:
        client_id: the client it was issued to; also the ``sub`` claim.
        permission: the client's permission, in the ``scope`` claim.
        workspaces: the workspaces the client may reach.
        issued_at, expires_at: aware, UTC, whole seconds.
        token_id: the ``jti`` claim; for audit.
        secret_mark: mark of the client secret that earned it; another secret, another mark.
    """

    client_id: str
    permission: str
    workspaces: tuple[int, ...]
    issued_at: datetime
    expires_at: datetime
    token_id: str
    secret_mark: str


class TokenIssuer:
    """Signs tokens with the ring's first key."""

    def __init__(self, keys: TokenKeyRing, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def issue(
        self,
        client_id: str,
        permission: str,
        workspaces: Sequence[int],
        now: datetime,
        lifetime: timedelta,
        *,
        secret_mark: str,
    ) -> str:
        """A token valid from ``now``, which is cut to the second, for ``lifetime``.

        Raises:
            LimitExceeded: the client has more workspaces than a token can name.
        """
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": client_id,
            "client_id": client_id,
            "iat": issued_at,
            "exp": issued_at + int(lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(16),
            "scope": permission,
            "workspaces": list(workspaces),
            "secret_mark": secret_mark,
        }
        payload = json.dumps(claims, separators=(",", ":")).encode()
        headers = {"typ": TOKEN_TYPE, "kid": self._keys.signing.kid}
        token = _JWS.encode(payload, self._keys.signing.private_key, algorithm=ALGORITHM, headers=headers)
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise LimitExceeded(
                f"An access token for {len(workspaces)} workspaces would be longer than {MAX_TOKEN_CHARACTERS} "
                "characters. Give the client fewer workspaces."
            )
        return token


class TokenVerifier:
    """Accepts exactly the tokens that :class:`TokenIssuer` makes with the same ring, issuer and audience.

    Args:
        max_lifetime: the longest ``exp - iat`` accepted: a token claiming more was not made under this configuration.
        leeway: how far clocks may differ; at most 30 seconds.
    """

    def __init__(
        self,
        keys: TokenKeyRing,
        *,
        issuer: str,
        audience: str,
        max_lifetime: timedelta,
        leeway: timedelta = MAX_LEEWAY,
    ) -> None:
        if not timedelta(0) <= leeway <= MAX_LEEWAY:
            raise ValueError("leeway must be 0 to 30 seconds")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._max_lifetime = int(max_lifetime.total_seconds())
        self._leeway = int(leeway.total_seconds())

    def verify(self, token: str, now: datetime) -> TokenClaims:
        """The claims of a valid token.

        Raises:
            Unauthenticated: the token is not valid, with one sentence for all reasons.
        """
        try:
            claims = self._signed_claims(token)
            return self._checked(claims, now.timestamp())
        except (_Refused, jwt.PyJWTError, ValueError, OverflowError, RecursionError):
            raise Unauthenticated(REFUSAL) from None

    def _signed_claims(self, token: str) -> dict[str, Any]:
        """The payload, once its signature is known to be ours."""
        if len(token) > MAX_TOKEN_CHARACTERS or not _COMPACT_FORM.fullmatch(token):
            raise _Refused
        header = _JWS.get_unverified_header(token)
        _demand(header.keys() == _HEADER_NAMES)
        _demand(header["alg"] == ALGORITHM)
        _demand(header["typ"] == TOKEN_TYPE)
        key = self._keys.public_key(_text(header["kid"]))
        if key is None:
            raise _Refused
        claims = json.loads(_JWS.decode_complete(token, key, algorithms=[ALGORITHM])["payload"])
        if not isinstance(claims, dict):
            raise _Refused
        return claims

    def _checked(self, claims: dict[str, Any], now: float) -> TokenClaims:
        _demand(claims.get("iss") == self._issuer)
        _demand(claims.get("aud") == self._audience)
        client_id = _text(claims.get("client_id"))
        _demand(claims.get("sub") == client_id)
        issued_at, expires_at = _whole(claims.get("iat")), _whole(claims.get("exp"))
        _demand(0 < expires_at - issued_at <= self._max_lifetime)
        _demand(issued_at <= now + self._leeway)
        _demand(_whole(claims.get("nbf", issued_at)) <= now + self._leeway)
        _demand(now < expires_at + self._leeway)
        return TokenClaims(
            client_id=client_id,
            permission=_text(claims.get("scope")),
            workspaces=_workspaces(claims.get("workspaces")),
            issued_at=datetime.fromtimestamp(issued_at, UTC),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
            token_id=_text(claims.get("jti")),
            secret_mark=_text(claims.get("secret_mark")),
        )


def _demand(condition: bool) -> None:
    if not condition:
        raise _Refused


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _Refused
    return value


def _whole(value: object) -> int:
    if type(value) is not int:  # not isinstance: True is no time
        raise _Refused
    return value


def _workspaces(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise _Refused
    return tuple(_whole(workspace) for workspace in value)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
