"""What stands in front of bqemulator: tokens are issued and asked for, queries have a time limit and a price, and can be cancelled."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from emulators.bigquery.permissions import Permissions

AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS = 3600
INTERRUPT_SECONDS = 5
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Account:
    """A service account: who it is, and the key that its private key belongs to."""

    email: str
    public_key: Any = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Account:
        email, _, file = text.partition("=")
        return cls(email, load_pem_public_key(Path(file).read_bytes()))


class Front:
    """The REST API as clients see it.

    Args:
        behind: address of bqemulator's own REST API.
        accounts: who may ask.
        billed: bytes that every query bills.
        interrupt: stops the query that runs.
        permissions: what the accounts may do.
    """

    def __init__(
        self,
        behind: str,
        accounts: Sequence[Account],
        billed: int,
        interrupt: Callable[[], None],
        permissions: Permissions,
    ) -> None:
        self._permissions = permissions
        self._behind = behind
        self._accounts = {account.email: account for account in accounts}
        self._billed = billed
        self._interrupt = interrupt
        self._tokens: set[str] = set()
        self._stopped: dict[str, str] = {}
        self._running: set[str] = set()
        self._latest: dict[str, Any] = {}

    def app(self) -> ASGIApp:
        jobs = "/bigquery/v2/projects/{project}/jobs"
        return Starlette(
            routes=[
                Route("/token", self.token, methods=["POST"]),
                Route("/emulator/latest-job", self.latest),
                Route(jobs, self.insert, methods=["POST"]),
                Route(jobs + "/{job}/cancel", self.cancel, methods=["POST"]),
                Route("/{path:path}", self.other, methods=_METHODS),
            ]
        )

    async def token(self, request: Request) -> JSONResponse:
        """The JWT grant of a service account."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        assertion = form.get("assertion", "")
        try:
            issuer = jwt.decode(assertion, options={"verify_signature": False})["iss"]
            key = self._accounts[issuer].public_key
            jwt.decode(
                assertion, key, algorithms=["RS256"], audience=AUDIENCE, options={"require": ["exp", "iat", "iss"]}
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            known = not isinstance(error, KeyError)
            told = "Invalid JWT Signature." if known else "Invalid grant: account not found"
            return JSONResponse({"error": "invalid_grant", "error_description": told}, status_code=400)
        if form.get("grant_type") != GRANT:
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return JSONResponse({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    async def insert(self, request: Request) -> Response:
        body = json.loads(await request.body())
        configuration = body.get("configuration", {})
        if (refused := self._refused(request, configuration.get("query", {}).get("query"))) is not None:
            return refused
        limit = configuration.get("query", {}).get("maximumBytesBilled")
        if limit is not None and int(limit) < self._billed and not configuration.get("dryRun"):
            told = f"Query exceeded limit for bytes billed: {limit}. {self._billed} or higher required."
            return _error(400, "bytesBilledLimitExceeded", told)
        job = body.get("jobReference", {}).get("jobId") or secrets.token_hex(8)
        self._latest = configuration
        async with self._limited(job, configuration.get("jobTimeoutMs")):
            answer = await self._forwarded(request, json.dumps(body).encode())
        reason = self._stopped.pop(job, None)
        if reason == "stopped":
            return _error(400, "stopped", "Job execution was cancelled: Job timed out")
        return _error(499, "stopped", "Job execution was cancelled: User requested cancellation") if reason else answer

    async def latest(self, _request: Request) -> JSONResponse:
        """The configuration of the latest job, as it was asked for; bqemulator forgets half of it."""
        return JSONResponse(self._latest)

    async def cancel(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        job = request.path_params["job"]
        if job not in self._running:
            return _error(404, "notFound", f"Not found: Job {job}")
        self._stop(job, "cancelled")
        reference = {"projectId": request.path_params["project"], "jobId": job}
        found = {"kind": "bigquery#job", "jobReference": reference, "status": {"state": "DONE"}}
        return JSONResponse({"kind": "bigquery#jobCancelResponse", "job": found})

    async def other(self, request: Request) -> Response:
        refused = self._refused(request)
        return refused or await self._forwarded(request, await request.body())

    async def inside(self, method: str, path: str, body: Any) -> None:
        """A request of the emulator's own, to what is behind."""
        async with httpx.AsyncClient(base_url=self._behind, trust_env=False, timeout=60) as client:
            (await client.request(method, path, json=body)).raise_for_status()

    def _refused(self, request: Request, sql: str | None = None) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self._tokens:
            return _error(401, "authError", "Request had invalid authentication credentials.")
        lacking = self._permissions.lacking(request.method, request.url.path, sql)
        if lacking is not None:
            return _error(403, "accessDenied", f"Access Denied: User does not have {lacking} permission.")
        return None

    @asynccontextmanager
    async def _limited(self, job: str, milliseconds: Any):
        """Notes that a job runs, and stops it when its time is up."""
        self._running.add(job)
        timer = threading.Timer(int(milliseconds or 3_600_000) / 1000, self._stop, [job, "stopped"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._running.discard(job)

    def _stop(self, job: str, reason: str) -> None:
        """Asks until the query has stopped: an interrupt is lost while a query is still being translated."""
        self._stopped[job] = reason

        def ask() -> None:
            for _ in range(INTERRUPT_SECONDS * 20):
                if job not in self._running:
                    return
                self._interrupt()
                threading.Event().wait(0.05)

        threading.Thread(target=ask, daemon=True).start()

    async def _forwarded(self, request: Request, body: bytes) -> Response:
        url = httpx.URL(self._behind).copy_with(path=request.url.path, query=request.url.query.encode())
        headers = {name: value for name, value in request.headers.items() if name in ("content-type", "accept")}
        async with httpx.AsyncClient(trust_env=False, timeout=3600) as client:
            answer = await client.request(request.method, url, content=body, headers=headers)
        kept = {"content-type": answer.headers.get("content-type", "application/json")}
        return Response(answer.content, answer.status_code, kept)


def _error(status: int, reason: str, message: str) -> JSONResponse:
    details = {"message": message, "domain": "global", "reason": reason}
    return JSONResponse({"error": {"code": status, "message": message, "errors": [details]}}, status_code=status)
