"""``POST /oauth/token``: a token for a client's secret, in the published JSON form and as RFC 6749 has it (decision D2)."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from warehouse_sync.api.errors import TOKEN_PATH, token_error
from warehouse_sync.api.middleware import request_id_of
from warehouse_sync.api.refusals import Refusals
from warehouse_sync.api.responses import TokenErrorBody
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, Unauthenticated, WarehouseSyncError
from warehouse_sync.services.tokens import Grant, TokenService

router = APIRouter(tags=["Access"])

_GRANT_TYPE: Final = "client_credentials"
_MAX_FIELDS: Final = 20
_MAX_CHARACTERS: Final = 4096
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM: Final = "application/x-www-form-urlencoded"
_REQUEST: Final = {
    "type": "object",
    "required": ["client_id", "client_secret", "audience", "grant_type"],
    "properties": {
        "client_id": {"type": "string", "description": "Of a credential.", "examples": ["3yZUhXk9Qe5sW2"]},
        "client_secret": {
            "type": "string",
            "description": "Shown once, when the credential was made.",
            "examples": ["s3cret"],
        },
        "audience": {
            "type": "string",
            "description": "As published; a form and HTTP Basic may leave it out.",
            "examples": ["https://api.mparticle.com"],
        },
        "grant_type": {"type": "string", "enum": [_GRANT_TYPE]},
    },
}
_OPENAPI: Final[dict[str, Any]] = {
    "security": [],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _REQUEST},
            _FORM: {"schema": _REQUEST | {"required": ["grant_type"]}},
        },
    },
}
_ANSWER: Final = {"access_token": "eyJ…", "expires_in": 28800, "token_type": "Bearer"}
_ANSWER_SCHEMA: Final = {
    "type": "object",
    "required": list(_ANSWER),
    "properties": {
        "access_token": {"type": "string"},
        "expires_in": {"type": "integer", "minimum": 1},
        "token_type": {"const": "Bearer"},
    },
}


def _failure(description: str) -> dict[str, Any]:
    return {"description": description, "model": TokenErrorBody}


@dataclass(frozen=True, slots=True)
class _TokenRequest:
    client_id: str
    client_secret: Secret
    audience: str | None


@router.post(
    TOKEN_PATH,
    summary="Get an access token",
    description="JSON as published, or a form with the client in it or in HTTP Basic. Cache the token: it is valid for hours.",
    openapi_extra=_OPENAPI,
    responses={
        200: {
            "description": "A token.",
            "content": {"application/json": {"schema": _ANSWER_SCHEMA, "example": _ANSWER}},
        },
        400: _failure("`invalid_request`, `unsupported_grant_type` or `invalid_target`."),
        401: _failure("`invalid_client`."),
        429: _failure("Too many failed attempts; wait for `Retry-After` seconds."),
        503: _failure("The service cannot use its own database now."),
    },
    response_class=JSONResponse,
)
async def token(request: Request) -> Response:
    tokens: TokenService = request.app.state.services.tokens
    basic = request.headers.get("authorization", "").casefold().startswith("basic ")
    address = request.client.host if request.client else ""
    try:
        asked = _read(request.headers.get("content-type", ""), await request.body(), _basic(request, basic=basic))
        granted = await run_in_threadpool(
            tokens.grant, asked.client_id, asked.client_secret, audience=asked.audience, address=address
        )
    except WarehouseSyncError as error:
        await run_in_threadpool(Refusals(request.app.state.services).note, request, error)
        return token_error(error, request_id=request_id_of(request.scope), basic=basic)
    return _answer(granted)


def _answer(granted: Grant) -> Response:
    body = {"access_token": granted.access_token, "expires_in": granted.expires_in, "token_type": "Bearer"}
    return JSONResponse(body, headers=_NO_STORE)


def _basic(request: Request, *, basic: bool) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic; each is form-encoded first (RFC 6749 §2.3.1)."""
    if not basic:
        return None
    try:
        text = b64decode(request.headers["authorization"][len("basic ") :].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise Unauthenticated("The Authorization header is not HTTP Basic with client id and secret.")
    return unquote_plus(client_id), unquote_plus(secret)


def _read(content_type: str, body: bytes, basic: tuple[str, str] | None) -> _TokenRequest:
    is_form = content_type.partition(";")[0].strip().casefold() == _FORM
    fields = _form_fields(body) if is_form else _json_fields(body)
    if basic is not None and "client_secret" in fields:
        raise _invalid("Send the client's secret once: in the body or with HTTP Basic.", "client_secret")
    if basic is not None and fields.get("client_id", basic[0]) != basic[0]:
        raise _invalid("client_id in the body is not the one of HTTP Basic.", "client_id")
    grant_type = _required(fields, "grant_type")
    if grant_type != _GRANT_TYPE:
        raise InvalidRequest(f"grant_type must be {_GRANT_TYPE}.", field="grant_type", code="unsupported_grant_type")
    client_id, secret = basic or (_required(fields, "client_id"), _required(fields, "client_secret"))
    audience = fields.get("audience")
    if audience is None and not is_form and basic is None:
        raise _invalid("audience is required.", "audience")
    return _TokenRequest(client_id, Secret(secret), audience)


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise _invalid("The body is not a form.", None) from None
    return _unique(pair for pair in pairs if pair[1])  # RFC 6749 §3.2: without a value is as if it were not there


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = json.loads(body, object_pairs_hook=list) if body.strip() else []
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, list) or any(not isinstance(pair, tuple) for pair in pairs):
        raise _invalid("The body must be a JSON object or a form.", None)
    return _unique(pairs)


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise _invalid("A parameter is sent twice.", name[:64])
        if not isinstance(value, str) or len(value) > _MAX_CHARACTERS:
            raise _invalid("Every parameter must be a text of at most 4096 characters.", name[:64])
        fields[name] = value
    return fields


def _required(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise _invalid(f"{name} is required.", name)
    return fields[name]


def _invalid(message: str, field: str | None) -> InvalidRequest:
    return InvalidRequest(message, field=field)
