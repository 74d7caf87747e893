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


def oauth_error(error: WarehouseSyncError, *, basic: bool) -> Response:
    """A failure of the token endpoint as RFC 6749 §5.2 wants it.

    Args:
        basic: whether the client used HTTP Basic, which it is then challenged with.
    """
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if isinstance(error, TooManyFailures):
        headers["Retry-After"] = str(error.retry_after)
        return JSONResponse(
            {"error": "temporarily_unavailable", "error_description": error.message}, 429, headers=headers
        )
    if isinstance(error, errors.Unauthenticated):
        if basic:
            headers["WWW-Authenticate"] = 'Basic realm="warehouse-sync", charset="UTF-8"'
        return JSONResponse({"error": "invalid_client", "error_description": error.message}, 401, headers=headers)
    if isinstance(error, errors.StoreError):
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
        _log.error("a store cannot be used", path="/oauth/token", reason=error.message)
        return JSONResponse({"error": "temporarily_unavailable", "error_description": _STORE}, 503, headers=headers)
    code = error.code if error.code in {"unsupported_grant_type", "invalid_target"} else "invalid_request"
    return JSONResponse({"error": code, "error_description": error.message}, status_of(error), headers=headers)


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
    body: dict[str, Any] = {"statusCode": status, "errors": items}
    if path.startswith(PLATFORM_PREFIX):
        body = {"data": None, "dataType": None, "errors": items}
    return JSONResponse(body, status, headers=dict(headers or {}))
