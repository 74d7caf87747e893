"""Who was refused: a row of the audit log for each attempt of a client we know, a number for those of strangers."""

from __future__ import annotations

from typing import Final

import structlog
from starlette.requests import Request

from warehouse_sync.api.services import Services
from warehouse_sync.errors import Forbidden, StoreError, Unauthenticated, WarehouseSyncError
from warehouse_sync.services.caller import Caller, OutOfReach
from warehouse_sync.services.tokens import ClientRefused

_MAX_ADDRESS: Final = 512
_MAX_DIGITS: Final = 19

_log = structlog.get_logger(__name__)


class Refusals:
    """Sorts errors: which are refused accesses, and of whom."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def note(self, request: Request, error: Exception) -> None:
        """Records an error if it refuses access. Never raises: the caller has an answer to get."""
        client_id = _client_of(request, error)
        if client_id is not None and isinstance(error, WarehouseSyncError):
            self._record(request, client_id, error.code)
        elif isinstance(error, Unauthenticated):
            self._services.audit.count_unknown(error.code)

    def _record(self, request: Request, client_id: str, code: str) -> None:
        method, address = request.method[:16], _address(request)
        try:
            self._services.audit.refused(
                client_id, method=method, address=address, workspace_id=_workspace(request), code=code
            )
        except StoreError as failure:
            _log.error("a refusal could not be recorded", client_id=client_id, address=address, reason=failure.message)


def _client_of(request: Request, error: Exception) -> str | None:
    if isinstance(error, ClientRefused):
        return error.client_id
    caller = request.scope.get("state", {}).get("caller")
    is_refusal = isinstance(error, Forbidden | OutOfReach)
    return caller.client_id if is_refusal and isinstance(caller, Caller) else None


def _address(request: Request) -> str:
    """The path as it was sent: percent-encoded, so that it is plain text; without the query."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode("utf-8", "replace")
    return str(raw.decode("ascii", "replace").partition("?")[0][:_MAX_ADDRESS])


def _workspace(request: Request) -> int | None:
    text = str(request.scope.get("path_params", {}).get("workspaceId", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None
