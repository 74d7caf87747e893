"""Errors as answers. The only place that knows failure codes (specification §1.11, decision D14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi.responses import JSONResponse
from starlette.responses import Response

from warehouse_sync import errors
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep, WarehouseSyncError
from warehouse_sync.services.tokens import TooManyFailures

PLATFORM_PREFIX: Final = "/v1/"
"""Routes below it answer in the Platform API's envelope."""

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - an address, no password
"""Answers as RFC 6749 §5.2 wants it, whoever refuses the request."""

_log = structlog.get_logger(__name__)


class BodyTooLarge(errors.InvalidRequest):
    """The body is longer than the operator allows."""

    code = "body_too_large"


class BodyTooSlow(errors.InvalidRequest):
    """The body did not come in time."""

    code = "request_timed_out"


class TooBusy(errors.WarehouseSyncError):
    """The service has as much to do as it may."""

    code = "too_busy"


_STATUS: Final[dict[type[Exception], int]] = {
    errors.RequestError: 400,
    errors.NotFound: 404,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    TooManyFailures: 429,
    errors.StoreError: 503,
    errors.LeaseLostError: 503,
    errors.RunError: 503,
    BodyTooLarge: 413,
    BodyTooSlow: 408,
    TooBusy: 503,
}
TOKEN_ERRORS: Final = {
    401: "invalid_client",
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
    504: "temporarily_unavailable",
}
"""What ``error`` of the token endpoint is, by status; else ``invalid_request``."""

_MORE_TOKEN_ERRORS: Final = frozenset({"unsupported_grant_type", "invalid_target"})
_NEVER_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_WITHOUT_TOKEN_ERROR: Final = frozenset({"no_token", "account_missing"})
_TOO_MUCH_TO_SHOW: Final = "preview_too_large"
_UNEXPECTED: Final = (
    "Something went wrong in the service. The operator finds the reason in the log, under this request id: {}."
)
_STORE: Final = (
    "The service cannot use its own database now. Try again later; the operator finds the reason in the log."
)
_RETRY_AFTER_SECONDS: Final = "5"
_CANNOT_CONNECT: Final = 505  # as published: the warehouse cannot be connected to


class BodyRefused(errors.InvalidRequest):
    """Several fields are wrong at once; each is told."""

    def __init__(self, problems: Sequence[tuple[str | None, str]]) -> None:
        super().__init__(problems[0][1], field=problems[0][0])
        self.problems = problems


def status_of(error: Exception) -> int:
    """The status code an error is answered with."""
    if isinstance(error, errors.RunError) and error.code == _TOO_MUCH_TO_SHOW:
        return 400
    if isinstance(error, WarehouseError):
        return _status_of_warehouse_error(error)
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 500


def error_response(error: Exception, *, path: str, request_id: str) -> Response:
    """The answer to an error, in the shape of the API that the path belongs to. Unexpected errors are logged, never told."""
    status = status_of(error)
    headers = _headers(error, status)
    if status == 500 or not isinstance(error, WarehouseSyncError):
        _log.error("request failed unexpectedly", request_id=request_id, path=path, exc_info=error)
        return plain_error(500, _UNEXPECTED.format(request_id), path=path, code="internal_error")
    if status == 503 and not isinstance(error, errors.RunError | TooBusy):
        _log.error("a store cannot be used", request_id=request_id, path=path, reason=error.message)
        return plain_error(status, _STORE, path=path, code=error.code, headers=headers)
    return _answer(status, _items(error), path=path, headers=headers)


def plain_error(
    status: int, message: str, *, path: str, code: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with one sentence."""
    return _answer(status, [{"message": message, "code": code}], path=path, headers=headers)


def token_error(error: WarehouseSyncError, *, request_id: str, basic: bool) -> Response:
    """A failure that the token endpoint itself found.

    Args:
        basic: whether the client used HTTP Basic, which it is then challenged with.
    """
    response = error_response(error, path=TOKEN_PATH, request_id=request_id)
    if response.status_code == 401:
        del response.headers["WWW-Authenticate"]
        if basic:
            response.headers["WWW-Authenticate"] = 'Basic realm="warehouse-sync", charset="UTF-8"'
    return response


def failure_body(status: int, items: Sequence[Mapping[str, Any]], *, path: str) -> dict[str, Any]:
    """A failure in the shape of the API that the path belongs to.

    Args:
        items: what is wrong: each with ``message`` and ``code``; the token endpoint tells the first one only.
    """
    if path == TOKEN_PATH:
        code = items[0]["code"]
        error = code if code in _MORE_TOKEN_ERRORS else TOKEN_ERRORS.get(status, "invalid_request")
        return {"error": error, "error_description": items[0]["message"]}
    if path.startswith(PLATFORM_PREFIX):
        return {"data": None, "dataType": None, "errors": items}
    return {"statusCode": status, "errors": items}


def _status_of_warehouse_error(error: WarehouseError) -> int:
    """505 when no usable connection came about; 400 when the request named something wrong or the query was refused."""
    if error.fault in {WarehouseFault.QUERY, WarehouseFault.DRIVER_MISSING}:
        return 400
    if error.fault is WarehouseFault.PERMISSION and error.step in {WarehouseStep.QUERY, WarehouseStep.FETCH}:
        return 400
    if error.fault is WarehouseFault.MISCONFIGURED and error.step is WarehouseStep.CONFIGURE:
        return 400
    return _CANNOT_CONNECT


def _headers(error: Exception, status: int) -> dict[str, str]:
    if isinstance(error, BodyTooLarge | BodyTooSlow):
        return {"Connection": "close"}  # the rest of the body is not waited for
    if isinstance(error, TooManyFailures):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Unauthenticated):
        # RFC 6750 §3.1: the code is told only to those who sent a token.
        return {"WWW-Authenticate": "Bearer" if error.code in _WITHOUT_TOKEN_ERROR else 'Bearer error="invalid_token"'}
    if isinstance(error, errors.Forbidden):
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return {"Retry-After": _RETRY_AFTER_SECONDS} if status == 503 else {}


def _items(error: WarehouseSyncError) -> list[dict[str, Any]]:
    if isinstance(error, BodyRefused):
        return [_item(message, error.code, field) for field, message in error.problems]
    item = _item(error.message, error.code, error.field)
    if isinstance(error, errors.Busy) and error.run_id is not None:
        item["pipeline_run_id"] = error.run_id
    if isinstance(error, WarehouseError):
        item["step"] = error.step.value
    return [item]


def _item(message: str, code: str, field: str | None) -> dict[str, Any]:
    return {"message": message, "code": code} | ({} if field is None else {"field": field})


def _answer(
    status: int, items: list[dict[str, Any]], *, path: str, headers: Mapping[str, str] | None = None
) -> Response:
    never_stored = _NEVER_STORED if path == TOKEN_PATH else {}
    return JSONResponse(failure_body(status, items, path=path), status, headers={**(headers or {}), **never_stored})
