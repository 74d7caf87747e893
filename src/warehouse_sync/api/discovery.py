"""What anybody may ask: is the service well, and how are its tokens checked (decision D20)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from warehouse_sync.api.callers import ServicesIn

router = APIRouter(tags=["Service"])


def _health(status: str) -> dict[str, Any]:
    properties = {"status": {"enum": [status]}}
    return {"application/json": {"schema": {"type": "object", "required": ["status"], "properties": properties}}}


class PublicKey(BaseModel):
    """A public key of access tokens (RFC 7517)."""

    kty: str = Field(examples=["EC"])
    crv: str = Field(examples=["P-256"])
    x: str = Field(examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"])
    y: str = Field(examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])
    kid: str = Field(examples=["2b9d"])
    use: str = Field(examples=["sig"])
    alg: str = Field(examples=["ES256"])


class PublicKeys(BaseModel):
    """The public keys of access tokens; more than one while keys are rotated."""

    keys: list[PublicKey]


class TokenDirections(BaseModel):
    """Where tokens come from (OpenID Connect Discovery)."""

    issuer: str = Field(examples=["http://127.0.0.1:8080"])
    token_endpoint: str = Field(examples=["http://127.0.0.1:8080/oauth/token"])
    jwks_uri: str = Field(examples=["http://127.0.0.1:8080/.well-known/jwks.json"])
    grant_types_supported: list[str] = Field(examples=[["client_credentials"]])
    token_endpoint_auth_methods_supported: list[str] = Field(examples=[["client_secret_post", "client_secret_basic"]])
    id_token_signing_alg_values_supported: list[str] = Field(examples=[["ES256"]])
    response_types_supported: list[str] = Field(examples=[["token"]])
    subject_types_supported: list[str] = Field(examples=[["public"]])


@router.get(
    "/health",
    summary="Is the service well?",
    responses={
        200: {"description": "It is.", "content": _health("ok")},
        503: {"description": "A store cannot be used.", "content": _health("unavailable")},
    },
    response_class=JSONResponse,
)
def health(services: ServicesIn) -> JSONResponse:
    well = services.is_healthy()
    return JSONResponse({"status": "ok" if well else "unavailable"}, 200 if well else 503)


@router.get(
    "/.well-known/jwks.json", summary="The public keys of access tokens", responses={200: {"model": PublicKeys}}
)
def jwks(services: ServicesIn) -> dict[str, Any]:
    return dict(services.tokens.jwks())


@router.get(
    "/.well-known/openid-configuration", summary="Where tokens come from", responses={200: {"model": TokenDirections}}
)
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
