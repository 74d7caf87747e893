"""The web application: routes, what stands in front of them, and how failures are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from warehouse_sync.api import (
    audit,
    connections,
    credentials,
    data_models,
    discovery,
    extensions,
    identity_settings,
    metrics,
    pipelines,
    platform,
    profiles,
    reference,
    runs,
    tokens,
)
from warehouse_sync.api.ceilings import BoundedHead, Patience, RequestLimits, Turnstile
from warehouse_sync.api.documents import ADDRESS, complete
from warehouse_sync.api.errors import error_response, plain_error
from warehouse_sync.api.metrics import Counted
from warehouse_sync.api.middleware import REQUEST_ID, Authentication, BoundedBody, Numbering, request_id_of
from warehouse_sync.api.refusals import Refusals
from warehouse_sync.api.request_rate import RateLimited
from warehouse_sync.api.services import Services
from warehouse_sync.api.validation import refusal
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.metrics import Metrics

BASE_PATH: Final = "/platform/experimental/workspaces/{workspaceId}/inputs/warehouse"
OTHER_BASE_PATH: Final = "/experimental/workspaces/{workspaceId}/inputs/warehouse"
"""The overview's path (A1): the same routes again."""

PUBLIC_PATHS: Final = frozenset(
    {
        "/health",
        "/oauth/token",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/docs",
    }
)

_METHODS: Final = ("DELETE", "GET", "HEAD", "POST", "PUT")
_SUMMARY: Final = (
    "Enriches user profiles from a data warehouse; wire-compatible with mParticle's first Warehouse Sync API."
)


class _Application(FastAPI):
    """The framework's application, with a document that says everything a client's developer needs."""

    address = ADDRESS

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the framework's own
        super().__init__(**options)
        self.pages: dict[str, bytes] = {}
        self.page_lock = asyncio.Lock()

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi(), address=self.address)
        return self.openapi_schema


def create_app(
    services: Services,
    *,
    version: str = "0",
    address: str = ADDRESS,
    limits: RequestLimits | None = None,
    counters: Metrics | None = None,
    cors_origins: Collection[str] = (),
    public_prefixes: Collection[str] = (),
) -> FastAPI:
    """The application over these services.

    Args:
        version: shown in the API's document.
        address: where the service is reached, for the API's document.
        limits: what requests may take; by default what the settings have by default.
        counters: where requests are counted.
        cors_origins: web origins whose pages may call the API; none by default.
        public_prefixes: beginnings of paths that need no bearer token because what answers there has a sign-in of its own.
    """
    app = _Application(
        title="Warehouse Sync",
        summary=_SUMMARY,
        version=version,
        openapi_url=None,  # the framework would write it anew for everybody who asks; ours is in reference.py
        docs_url=None,  # the framework's page loads its viewer from the internet; ours is there, too
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
    )
    app.address = address.rstrip("/")
    app.state.services = services
    _add_routes(app)
    refusals = Refusals(services)
    _add_failures(app, refusals)
    given = limits or RequestLimits()
    app.add_middleware(Turnstile, at_once=given.at_once)
    app.add_middleware(Patience, seconds=given.seconds)
    app.add_middleware(BoundedBody, max_bytes=given.body_bytes, seconds=given.body_seconds)
    app.add_middleware(RateLimited, control=given.control_per_second, profile=given.profile_per_second)
    app.add_middleware(
        Authentication,
        tokens=services.tokens,
        refusals=refusals,
        public=PUBLIC_PATHS,
        public_prefixes=tuple(public_prefixes),
    )
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=[REQUEST_ID],
        )
    app.add_middleware(BoundedHead)
    app.add_middleware(Counted, metrics=counters or Metrics(), mounts=tuple(public_prefixes))
    app.add_middleware(Numbering)
    return app


def _add_routes(app: FastAPI) -> None:
    bearer = [Security(HTTPBearer(auto_error=False, description="An access token from /oauth/token."))]
    for router in (discovery.router, tokens.router, reference.router):
        app.include_router(router)
    for router in (connections.router, data_models.router, pipelines.router, runs.router):
        app.include_router(router, prefix=BASE_PATH, dependencies=bearer)
        app.include_router(router, prefix=OTHER_BASE_PATH, dependencies=bearer, include_in_schema=False)
    for router in (
        profiles.router,
        platform.router,
        extensions.router,
        credentials.router,
        audit.router,
        identity_settings.router,
        metrics.router,
    ):
        app.include_router(router, dependencies=bearer)


def _add_failures(app: FastAPI, refusals: Refusals) -> None:
    def on_error(request: Request, error: Exception) -> Response:
        refusals.note(request, error)
        return error_response(error, path=request.url.path, request_id=request_id_of(request.scope))

    def on_invalid(request: Request, error: Exception) -> Response:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        return on_error(request, refusal(problems))

    def on_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        path = request.url.path
        if status == 404:
            return plain_error(404, "There is nothing at this address.", path=path, code="not_found")
        if status == 405:
            allowed = ", ".join(allowed_methods(app, path))
            message = f"This address does not answer {request.method[:16]}. It answers: {allowed}."
            return plain_error(405, message, path=path, code="method_not_allowed", headers={"Allow": allowed})
        return plain_error(status, "The body cannot be read.", path=path, code="invalid_request")

    app.add_exception_handler(WarehouseSyncError, on_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """All methods that some route answers at this path; the framework itself tells those of the first route only."""
    asked = {"type": "http", "path": path, "root_path": "", "headers": [], "query_string": b""}
    return [
        method
        for method in _METHODS
        if any(route.matches(asked | {"method": method})[0] is Match.FULL for route in app.router.routes)
    ]
