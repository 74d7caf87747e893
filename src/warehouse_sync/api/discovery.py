"""What anybody may ask: is the service well, and how are its tokens checked (decision D20)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from warehouse_sync.api.callers import ServicesIn

router = APIRouter(tags=["Service"])


_HEALTH: Final[dict[str, Any]] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"enum": ["ok", "unavailable"]}},
        }
    }
}


@router.get(
    "/health",
    summary="Is the service well?",
    responses={
        200: {"description": "It is.", "content": _HEALTH},
        503: {"description": "A store cannot be used.", "content": _HEALTH},
    },
    response_class=JSONResponse,
)
def health(services: ServicesIn) -> JSONResponse:
    well = services.is_healthy()
    return JSONResponse({"status": "ok" if well else "unavailable"}, 200 if well else 503)


@router.get("/.well-known/jwks.json", summary="The public keys of access tokens")
def jwks(services: ServicesIn) -> dict[str, Any]:
    return dict(services.tokens.jwks())


@router.get("/.well-known/openid-configuration", summary="Where tokens come from")
def openid_configuration(services: ServicesIn) -> dict[str, Any]:
    issuer = services.tokens.rules.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
    }
