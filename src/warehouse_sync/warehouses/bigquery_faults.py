"""What BigQuery's errors mean to us, by the status and the ``reason`` it gives; never by exception class or text (specification §1.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault

_CREDENTIALS: Final = (
    WarehouseFault.CREDENTIALS,
    "Google refused the service account. Check service_account_id, and that service_account_key is one of its keys and was not deleted.",
)
_PERMISSION: Final = (
    WarehouseFault.PERMISSION,
    "The service account lacks a permission that the query needs. Grant it BigQuery Data Viewer on the dataset.",
)
_TIMED_OUT: Final = (
    WarehouseFault.TIMED_OUT,
    "BigQuery did not answer in time or stopped the query. Make the query cheaper, or raise the statement timeout.",
)
_BUSY: Final = (WarehouseFault.DROPPED, "BigQuery has too much to do or is out of quota. The run can be tried again.")
_DROPPED: Final = (
    WarehouseFault.DROPPED,
    "The connection to BigQuery was lost in the middle. The run can be tried again.",
)
_UNREACHABLE: Final = (
    WarehouseFault.UNREACHABLE,
    "BigQuery could not be reached. Check that the network lets this service out to googleapis.com.",
)
_QUERY: Final = (WarehouseFault.QUERY, "BigQuery refused the query.")
_UNKNOWN_OBJECT: Final = (
    WarehouseFault.QUERY,
    "BigQuery finds no such table in this region. Write it as project.dataset.table, and check region.",
)
_TOO_DEAR: Final = (
    WarehouseFault.QUERY,
    "The query would bill more bytes than maximum_bytes_billed of the connection or max_bytes_billed of the pipeline allows; it was not "
    "run. Select fewer columns, partition the table by its load timestamp, or raise the limit.",
)
_BROKEN: Final = (
    WarehouseFault.PROTOCOL,
    "BigQuery answered with something the client library cannot read. The run can be tried again.",
)
_BY_REASON: Final = {
    "accessDenied": _PERMISSION,
    "authError": _CREDENTIALS,
    "backendError": _BUSY,
    "billingNotEnabled": _PERMISSION,
    "bytesBilledLimitExceeded": _TOO_DEAR,
    "internalError": _BUSY,
    "invalid": _QUERY,
    "invalidQuery": _QUERY,
    "notFound": _UNKNOWN_OBJECT,
    "quotaExceeded": _BUSY,
    "rateLimitExceeded": _BUSY,
    "resourcesExceeded": _QUERY,
    "responseTooLarge": _QUERY,
    "stopped": _TIMED_OUT,
    "timeout": _TIMED_OUT,
}
_BY_STATUS: Final = {
    400: _QUERY,
    401: _CREDENTIALS,
    403: _PERMISSION,
    404: _UNKNOWN_OBJECT,
    408: _TIMED_OUT,
    429: _BUSY,
    504: _TIMED_OUT,
}
_OF_STEP: Final = {
    WarehouseStep.WAREHOUSE: (
        "project_id",
        "The service account cannot run queries in this project. Check project_id, and grant it BigQuery Job User there.",
    ),
    WarehouseStep.DATABASE: (
        "dataset_id",
        "The service account sees no such dataset in this project. Check dataset_id, and grant it BigQuery Data Viewer on it.",
    ),
}


def bigquery_fault(
    status: int | None, reason: str, text: str, step: WarehouseStep, secrets: Iterable[str]
) -> WarehouseError:
    """The error of ours for one of BigQuery's.

    Args:
        status: as HTTP has it; None if nothing was answered.
        reason: of the first error; may be empty.
        text: what it says; quoted only where ``faults.SHOWS_WAREHOUSE_TEXT`` allows.
    """
    if step in _OF_STEP and status in {400, 403, 404} and reason not in {"quotaExceeded", "rateLimitExceeded"}:
        field, sentence = _OF_STEP[step]
        return fault(WarehouseFault.MISCONFIGURED, step, sentence, field=field)
    kind, sentence = _meaning(status, reason, step)
    where = WarehouseStep.LOGIN if kind is WarehouseFault.CREDENTIALS else step
    return fault(kind, where, sentence, text=text, secrets=secrets)


def _meaning(status: int | None, reason: str, step: WarehouseStep) -> tuple[WarehouseFault, str]:
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    if status is None:
        return _UNREACHABLE if step is WarehouseStep.LOGIN else _DROPPED
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return _BUSY if status >= 500 else _BROKEN


def told(error: Any) -> tuple[int | None, str, str]:  # noqa: ANN401 - three libraries' exceptions
    """What an exception of the client libraries carries: HTTP status, ``reason`` and text of the first error."""
    status = getattr(error, "code", None)
    errors = getattr(error, "errors", None) or ()
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    text = first.get("message") or getattr(error, "message", "")
    return (int(status) if isinstance(status, int) else None), str(first.get("reason", "")), str(text)


def refused_account(secrets: Iterable[str] = ()) -> WarehouseError:
    """The service account's key is not accepted."""
    return fault(_CREDENTIALS[0], WarehouseStep.LOGIN, _CREDENTIALS[1], secrets=secrets)


def too_late(step: WarehouseStep) -> WarehouseError:
    """An answer did not come within its time."""
    return fault(_TIMED_OUT[0], step, _TIMED_OUT[1])
