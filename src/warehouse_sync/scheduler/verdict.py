"""What a failure means: try again, or somebody must act (lesson L13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from warehouse_sync.domain.run import RunFailure
from warehouse_sync.errors import (
    InvalidRequest,
    RunError,
    StoreError,
    WarehouseError,
    WarehouseFault,
    WarehouseSyncError,
)

MAX_ATTEMPTS: Final = 3
"""How often a run is tried before it waits for a person."""

_FIRST_PAUSE: Final = timedelta(seconds=30)
_GROWTH: Final = 4
LONGEST_PAUSE: Final = 2 * _FIRST_PAUSE * _GROWTH ** (MAX_ATTEMPTS - 2)
"""No retry waits longer."""

_CONNECTION_FAULTS: Final = frozenset(
    {
        WarehouseFault.UNREACHABLE,
        WarehouseFault.CREDENTIALS,
        WarehouseFault.EGRESS_DENIED,
        WarehouseFault.DRIVER_MISSING,
        WarehouseFault.MISCONFIGURED,
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a failed attempt.

    Attributes:
        failure: the code and sentence for the run.
        retry_in: when to try again; None if that cannot help or was tried often enough.
        faults_connection: the connection cannot be used until somebody acts.
        faults_pipeline: the pipeline cannot succeed until somebody acts.
    """

    failure: RunFailure
    retry_in: timedelta | None = None
    faults_connection: bool = False
    faults_pipeline: bool = False


def judge(error: Exception, *, attempt: int, jitter: float) -> Verdict:
    """What a failed attempt means.

    Args:
        error: why it failed.
        attempt: which attempt it was, from 1.
        jitter: a random number in [0, 1) that spreads retries of many runs.
    """
    failure = _failure(error)
    if _is_transient(error) and attempt < MAX_ATTEMPTS:
        return Verdict(failure, retry_in=_FIRST_PAUSE * _GROWTH ** (attempt - 1) * (1 + jitter))
    connection = isinstance(error, WarehouseError) and error.fault in _CONNECTION_FAULTS
    # What a run may read is the operator's and the moment's matter: the next interval may well be smaller.
    data = isinstance(error, InvalidRequest) and error.code != "too_many_records"
    query = isinstance(error, WarehouseError) and error.fault in {WarehouseFault.QUERY, WarehouseFault.PERMISSION}
    return Verdict(failure, faults_connection=connection, faults_pipeline=data or query)


def _is_transient(error: Exception) -> bool:
    if isinstance(error, (WarehouseError, RunError)):
        return error.transient
    return isinstance(error, StoreError)


def _failure(error: Exception) -> RunFailure:
    if isinstance(error, WarehouseSyncError):
        return RunFailure(error.code, error.message)
    return RunFailure(
        "internal_error",
        "The run met an error of the service itself; the service's log tells more. Run it again, and report it if it comes back.",
    )
