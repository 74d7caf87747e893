"""What a failure means: try again, or somebody must act; and whose matter it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from warehouse_sync.errors import (
    InvalidRequest,
    RunError,
    SqlRefused,
    StoreError,
    WarehouseError,
    WarehouseFault,
    WarehouseStep,
)
from warehouse_sync.scheduler.verdict import MAX_ATTEMPTS, judge

TRANSIENT, CONNECTION, PIPELINE, NEITHER = "transient", "connection", "pipeline", "neither"
# What is transient and what the fault is laid at, once it was tried often enough.
FAULTS = {
    WarehouseFault.UNREACHABLE: (TRANSIENT, CONNECTION),
    WarehouseFault.DROPPED: (TRANSIENT, NEITHER),
    WarehouseFault.TIMED_OUT: (TRANSIENT, NEITHER),
    WarehouseFault.PROTOCOL: (TRANSIENT, NEITHER),
    WarehouseFault.CREDENTIALS: (None, CONNECTION),
    WarehouseFault.EGRESS_DENIED: (None, CONNECTION),
    WarehouseFault.DRIVER_MISSING: (None, CONNECTION),
    WarehouseFault.MISCONFIGURED: (None, CONNECTION),
    WarehouseFault.PERMISSION: (None, PIPELINE),
    WarehouseFault.QUERY: (None, PIPELINE),
}


def blamed(verdict) -> str:
    if verdict.faults_connection and verdict.faults_pipeline:
        return "both"
    if verdict.faults_connection:
        return CONNECTION
    return PIPELINE if verdict.faults_pipeline else NEITHER


def test_every_fault_has_a_verdict() -> None:
    assert set(FAULTS) == set(WarehouseFault)


@pytest.mark.parametrize("fault", WarehouseFault)
def test_faults_of_the_warehouse(fault: WarehouseFault) -> None:
    error = WarehouseError("The sentence.", fault=fault, step=WarehouseStep.QUERY)
    transient, blame = FAULTS[fault]
    first = judge(error, attempt=1, jitter=0.0)
    assert (first.failure.code, first.failure.message) == (f"warehouse_{fault.value}", "The sentence.")
    assert (first.retry_in is not None) is (transient is TRANSIENT)
    assert blamed(first) == (NEITHER if transient else blame)
    last = judge(error, attempt=MAX_ATTEMPTS, jitter=0.0)
    assert last.retry_in is None
    assert blamed(last) == blame


def test_pauses_grow_and_are_spread() -> None:
    error = RunError("x", code="spool_full", transient=True)
    pauses = [judge(error, attempt=attempt, jitter=0.0).retry_in for attempt in range(1, MAX_ATTEMPTS + 2)]
    assert pauses == [timedelta(seconds=30), timedelta(seconds=120), None, None]
    assert judge(error, attempt=1, jitter=0.5).retry_in == timedelta(seconds=45)


def test_errors_of_a_run_say_themselves_whether_they_pass() -> None:
    for transient in (True, False):
        verdict = judge(RunError("The sentence.", code="too_many_bytes", transient=transient), attempt=1, jitter=0.0)
        assert (verdict.retry_in is not None) is transient
        assert blamed(verdict) == NEITHER
        assert verdict.failure.code == "too_many_bytes"


def test_a_store_that_fails_is_tried_again_and_nobody_is_blamed() -> None:
    verdict = judge(StoreError("The disk is full.", code="store_write_failed"), attempt=1, jitter=0.0)
    assert verdict.retry_in == timedelta(seconds=30)
    assert blamed(judge(StoreError("x"), attempt=MAX_ATTEMPTS, jitter=0.0)) == NEITHER


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("The query returns 101 columns.", code="too_many_columns"),
        InvalidRequest("No such column.", code="load_timestamp_missing"),
        SqlRefused("Not one query."),
    ],
)
def test_a_data_model_that_cannot_be_used_faults_the_pipeline(error: InvalidRequest) -> None:
    verdict = judge(error, attempt=1, jitter=0.0)
    assert verdict.retry_in is None
    assert blamed(verdict) == PIPELINE
    assert (verdict.failure.code, verdict.failure.message) == (error.code, error.message)


def test_too_many_rows_in_one_interval_fault_nothing() -> None:
    verdict = judge(InvalidRequest("Too many.", code="too_many_records"), attempt=1, jitter=0.0)
    assert verdict.retry_in is None
    assert blamed(verdict) == NEITHER


def test_an_error_of_our_own_tells_nothing_of_itself() -> None:
    verdict = judge(KeyError("secret-canary"), attempt=1, jitter=0.0)
    assert verdict.failure.code == "internal_error"
    assert "secret-canary" not in verdict.failure.message
    assert verdict.retry_in is None
    assert blamed(verdict) == NEITHER
