"""Access tokens: granting one for a secret, and knowing the caller behind one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from warehouse_sync.catalog import credentials
from warehouse_sync.catalog.credentials import Credential
from warehouse_sync.catalog.database import Database
from warehouse_sync.clock import Clock
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, Unauthenticated
from warehouse_sync.security.client_secrets import ClientSecretDigests, mark_of
from warehouse_sync.security.rate import FailureLimiter
from warehouse_sync.security.tokens import REFUSAL, TokenIssuer, TokenKeyRing, TokenVerifier
from warehouse_sync.services.caller import Caller

_WRONG_CLIENT: Final = "The client id or the client secret is wrong."


class TooManyFailures(Unauthenticated):
    """So many log-ins failed that the next attempt must wait.

    Attributes:
        retry_after: whole seconds to wait.
    """

    code = "too_many_failures"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed attempts. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class ClientRefused(Unauthenticated):
    """The token or the secret was ours once, but the client was switched off or removed, or has another secret now.

    Attributes:
        client_id: the client, for the audit log only.
    """

    def __init__(self, message: str, client_id: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token and its life in seconds."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Who issues tokens, for whom, and for how long."""

    issuer: str
    audience: str
    lifetime: timedelta


class TokenService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        digests: ClientSecretDigests,
        keys: TokenKeyRing,
        rules: TokenRules,
        limiter: FailureLimiter,
    ) -> None:
        self._database = database
        self._clock = clock
        self._digests = digests
        self._keys = keys
        self._limiter = limiter
        self.rules = rules
        self._issuer = TokenIssuer(keys, issuer=rules.issuer, audience=rules.audience)
        self._verifier = TokenVerifier(keys, issuer=rules.issuer, audience=rules.audience, max_lifetime=rules.lifetime)

    def grant(self, client_id: str, secret: Secret, *, audience: str | None, address: str) -> Grant:
        """A token for the client, if the secret is its own.

        Args:
            audience: the one asked for; None for the default.
            address: where the request came from, for the limit on failures.

        Raises:
            TooManyFailures: this client or address failed too often.
            Unauthenticated: unknown client, wrong secret, or (ClientRefused) switched off: one sentence for all.
            InvalidRequest: the audience is not ours; ``invalid_target``.
        """
        wait = self._limiter.retry_after(client_id, address, self._clock.monotonic())
        if wait > 0:
            raise TooManyFailures(wait)
        found = self._authenticated(client_id, secret)
        if found is None or not found[0].is_active:
            self._limiter.record_failure(client_id, address, self._clock.monotonic())
            if found is not None:
                raise ClientRefused(_WRONG_CLIENT, client_id, code="invalid_client")
            raise Unauthenticated(_WRONG_CLIENT, code="invalid_client")
        credential, digest = found
        if audience is not None and audience != self.rules.audience:
            raise InvalidRequest(f"audience must be {self.rules.audience}.", field="audience", code="invalid_target")
        token = self._issuer.issue(
            client_id,
            credential.permission.value,
            credential.workspaces or (),
            self._clock.now(),
            self.rules.lifetime,
            secret_mark=mark_of(digest),
        )
        return Grant(token, int(self.rules.lifetime.total_seconds()))

    def caller(self, token: str) -> Caller:
        """Who bears this token, with the permission and the workspaces that the credential has now.

        Raises:
            Unauthenticated: the token is not valid.
            ClientRefused: its client was switched off or removed, or has another secret now.
        """
        claims = self._verifier.verify(token, self._clock.now())
        with self._database.read() as tx:
            found = credentials.find(tx, claims.client_id)
        if found is None or not found[0].is_active or mark_of(found[1]) != claims.secret_mark:
            raise ClientRefused(REFUSAL, claims.client_id)
        credential = found[0]
        scope = None if credential.workspaces is None else frozenset(credential.workspaces)
        return Caller(credential.client_id, credential.name, credential.permission, scope)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys that check our tokens."""
        return self._keys.jwks()

    def _authenticated(self, client_id: str, secret: Secret) -> tuple[Credential, bytes] | None:
        """The credential, active or not, and its digest, if the secret is its own."""
        with self._database.read() as tx:
            found = credentials.find(tx, client_id) if client_id.isascii() else None
        stored = None if found is None else found[1]
        same = self._digests.matches(client_id, secret, stored)
        return found if same else None
