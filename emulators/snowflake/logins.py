"""The ways to prove who one is, checked as Snowflake checks them: passwords, key pairs, OAuth tokens and programmatic access tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from emulators.snowflake.refusals import Refusal

CONNECTION_STATE = "08001"
LONGEST_JWT_SECONDS = 3600
KEY_PROPERTIES = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
"""A user has two public keys at most, so that they can be changed one after the other."""


@dataclass
class Logins:
    """Who can log in how, by login name in upper case.

    Attributes:
        passwords: the password.
        public_keys: one key or two, by property.
        oauth_tokens: what an authorisation server would have issued.
        access_tokens: programmatic access tokens; also taken in the place of a password.
    """

    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    public_keys: dict[str, dict[str, RSAPublicKey]] = field(default_factory=dict, repr=False)
    oauth_tokens: dict[str, str] = field(default_factory=dict, repr=False)
    access_tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def authenticated(self, request: Mapping[str, Any]) -> str:
        """The user that the ``data`` of a log-in request proves to be.

        Raises:
            Refusal: 390100 password, 390144 key pair, 390303 OAuth token, 394400 programmatic access token, 390102 no such way.
        """
        method = str(request.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        user = str(request.get("LOGIN_NAME") or "").upper()
        token = str(request.get("TOKEN") or "")
        if method == "SNOWFLAKE":
            return self._by_password(user, str(request.get("PASSWORD") or ""))
        if method == "SNOWFLAKE_JWT":
            return self._by_key_pair(user, str(request.get("ACCOUNT_NAME") or ""), token)
        if method == "OAUTH":
            return _by_token(
                self.oauth_tokens, user, token, Refusal(390303, CONNECTION_STATE, "Invalid OAuth access token.")
            )
        if method == "PROGRAMMATIC_ACCESS_TOKEN":
            invalid = Refusal(394400, CONNECTION_STATE, "Programmatic access token is invalid.")
            return _by_token(self.access_tokens, user, token, invalid)
        raise Refusal(390102, CONNECTION_STATE, f"emulator: the authenticator {method} is not supported.")

    def _by_password(self, user: str, given: str) -> str:
        for expected in (self.passwords.get(user), self.access_tokens.get(user)):
            if expected is not None and secrets.compare_digest(expected.encode(), given.encode()):
                return user
        raise Refusal(390100, CONNECTION_STATE, "Incorrect username or password was specified.")

    def _by_key_pair(self, user: str, account: str, token: str) -> str:
        """Issuer, subject, life and signature: one of them wrong is one and the same refusal, as from Snowflake."""
        subject = f"{account.partition('.')[0].upper()}.{user}"
        for key in list(self.public_keys.get(user, {}).values()):
            if _is_signed_by(key, token, subject):
                return user
        raise Refusal(390144, CONNECTION_STATE, "JWT token is invalid.")


def fingerprint(key: RSAPublicKey) -> str:
    """What Snowflake shows as RSA_PUBLIC_KEY_FP."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def _is_signed_by(key: RSAPublicKey, token: str, subject: str) -> bool:
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=f"{subject}.{fingerprint(key)}",
            options={"require": ["iss", "sub", "iat", "exp"]},
            leeway=60,
        )
    except jwt.InvalidTokenError:
        return False
    return bool(claims["sub"] == subject and 0 < claims["exp"] - claims["iat"] <= LONGEST_JWT_SECONDS)


def _by_token(tokens: Mapping[str, str], user: str, given: str, refusal: Refusal) -> str:
    for owner, expected in tokens.items():
        if secrets.compare_digest(expected.encode(), given.encode()) and user in ("", owner):
            return owner
    raise refusal
