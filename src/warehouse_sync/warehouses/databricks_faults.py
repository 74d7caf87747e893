"""What Databricks' errors mean to us, by HTTP status, error code and SQL state; never by text (specification §1.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault

_Meaning = tuple[WarehouseFault, str, str | None]

_CREDENTIALS: Final[_Meaning] = (
    WarehouseFault.CREDENTIALS,
    "Databricks refused the log-in. Check the token or the service principal's id and secret, that they have not expired, and that "
    "server_hostname is their workspace.",
    None,
)
_PERMISSION: Final[_Meaning] = (
    WarehouseFault.PERMISSION,
    "The user or service principal lacks a privilege. Grant it CAN USE on the SQL warehouse, USE on catalog and schema, and SELECT on the "
    "tables.",
    None,
)
_NO_WAREHOUSE: Final[_Meaning] = (
    WarehouseFault.MISCONFIGURED,
    "Databricks has no such SQL warehouse in this workspace. Check http_path and server_hostname.",
    "http_path",
)
_NO_CATALOG: Final[_Meaning] = (
    WarehouseFault.MISCONFIGURED,
    "Databricks has no such catalog for this user. Check catalog, and grant USE CATALOG on it.",
    "catalog",
)
_TIMED_OUT: Final[_Meaning] = (
    WarehouseFault.TIMED_OUT,
    "Databricks did not answer in time or stopped the statement. Make the query cheaper, use a larger SQL warehouse, or raise the "
    "statement timeout.",
    None,
)
_BUSY: Final[_Meaning] = (
    WarehouseFault.DROPPED,
    "Databricks has too much to do or failed inside. The run can be tried again.",
    None,
)
_DROPPED: Final[_Meaning] = (
    WarehouseFault.DROPPED,
    "The connection to Databricks was lost in the middle. The run can be tried again.",
    None,
)
_UNREACHABLE: Final[_Meaning] = (
    WarehouseFault.UNREACHABLE,
    "Databricks could not be reached. Check server_hostname, and that the network lets this service out.",
    None,
)
_QUERY: Final[_Meaning] = (WarehouseFault.QUERY, "Databricks refused the query.", None)
_BROKEN: Final[_Meaning] = (
    WarehouseFault.PROTOCOL,
    "Databricks answered with something that is not part of its API. The run can be tried again.",
    None,
)
_BY_CODE: Final = {
    "ABORTED": _TIMED_OUT,
    "CANCELLED": _TIMED_OUT,
    "DEADLINE_EXCEEDED": _TIMED_OUT,
    "INTERNAL_ERROR": _BUSY,
    "IO_ERROR": _BUSY,
    "NOT_FOUND": _QUERY,
    "PERMISSION_DENIED": _PERMISSION,
    "RESOURCE_EXHAUSTED": _BUSY,
    "SERVICE_UNDER_MAINTENANCE": _BUSY,
    "TEMPORARILY_UNAVAILABLE": _BUSY,
    "UNAUTHENTICATED": _CREDENTIALS,
    "WORKSPACE_TEMPORARILY_UNAVAILABLE": _BUSY,
}
_REFUSED_STATES: Final = ("42", "22", "21", "0A", "02", "07", "54", "P0")


def unanswered(step: WarehouseStep) -> WarehouseError:
    """No answer came."""
    return _error(_UNREACHABLE if step is WarehouseStep.LOGIN else _DROPPED, step)


def too_late(step: WarehouseStep) -> WarehouseError:
    """An answer did not come within its time."""
    return _error(_TIMED_OUT, step)


def broken(step: WarehouseStep) -> WarehouseError:
    """The answer is none that we know."""
    return _error(_BROKEN, step)


def http_fault(status: int, code: str, text: str, step: WarehouseStep, secrets: Iterable[str]) -> WarehouseError:
    """The error of ours for an HTTP status that is none of success."""
    if status == 401:
        return _error(_CREDENTIALS, WarehouseStep.LOGIN)
    if status == 403:
        meaning = _PERMISSION if code == "PERMISSION_DENIED" else _CREDENTIALS
        return _error(meaning, step if meaning is _PERMISSION else WarehouseStep.LOGIN, text, secrets)
    if status == 404 and step is not WarehouseStep.FETCH:
        return _error(_NO_WAREHOUSE, WarehouseStep.WAREHOUSE)
    if status == 400:
        return _error(_QUERY, step, text, secrets)
    if status in {408, 504}:
        return _error(_TIMED_OUT, step)
    return _error(_BUSY if status == 429 or status >= 500 else _BROKEN, step)


def statement_fault(state: str, code: str, text: str, step: WarehouseStep, secrets: Iterable[str]) -> WarehouseError:
    """The error of ours for a statement that failed.

    Args:
        state: its SQL state; may be empty.
        code: its error code.
    """
    if step is WarehouseStep.DATABASE:
        return _error(_NO_CATALOG, step)
    if state == "42501":
        return _error(_PERMISSION, step, text, secrets)
    if state.startswith("57"):
        return _error(_TIMED_OUT, step)
    if state.startswith(_REFUSED_STATES):
        return _error(_QUERY, step, text, secrets)
    return _error(_BY_CODE.get(code, _QUERY), step, text, secrets)


def _error(meaning: _Meaning, step: WarehouseStep, text: str = "", secrets: Iterable[str] = ()) -> WarehouseError:
    kind, sentence, field = meaning
    return fault(kind, step, sentence, field=field, text=text, secrets=secrets)
