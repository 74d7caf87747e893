from __future__ import annotations

import pytest

from warehouse_sync.errors import WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.postgres_faults import UNREADABLE, postgres_fault

LOGIN, QUERY, FETCH = WarehouseStep.LOGIN, WarehouseStep.QUERY, WarehouseStep.FETCH


@pytest.mark.parametrize(
    ("state", "step", "fault", "seen_at"),
    [
        ("28P01", LOGIN, WarehouseFault.CREDENTIALS, LOGIN),
        ("28000", LOGIN, WarehouseFault.CREDENTIALS, LOGIN),
        ("3D000", LOGIN, WarehouseFault.MISCONFIGURED, WarehouseStep.DATABASE),
        ("42501", LOGIN, WarehouseFault.PERMISSION, WarehouseStep.DATABASE),
        ("53300", LOGIN, WarehouseFault.UNREACHABLE, LOGIN),
        ("57P03", LOGIN, WarehouseFault.UNREACHABLE, LOGIN),
        ("08006", LOGIN, WarehouseFault.UNREACHABLE, LOGIN),
        (None, LOGIN, WarehouseFault.UNREACHABLE, LOGIN),
        ("42501", QUERY, WarehouseFault.PERMISSION, QUERY),
        ("25006", QUERY, WarehouseFault.PERMISSION, QUERY),
        ("42P01", QUERY, WarehouseFault.QUERY, QUERY),
        ("42601", QUERY, WarehouseFault.QUERY, QUERY),
        ("22012", FETCH, WarehouseFault.QUERY, FETCH),
        ("P0001", FETCH, WarehouseFault.QUERY, FETCH),
        ("57014", FETCH, WarehouseFault.TIMED_OUT, FETCH),
        ("55P03", FETCH, WarehouseFault.TIMED_OUT, FETCH),
        ("57P01", FETCH, WarehouseFault.DROPPED, FETCH),
        ("08006", FETCH, WarehouseFault.DROPPED, FETCH),
        ("40001", FETCH, WarehouseFault.DROPPED, FETCH),
        ("53200", FETCH, WarehouseFault.DROPPED, FETCH),
        (None, FETCH, WarehouseFault.DROPPED, FETCH),
        (UNREADABLE, FETCH, WarehouseFault.PROTOCOL, FETCH),
        ("ZZ999", FETCH, WarehouseFault.PROTOCOL, FETCH),
    ],
)
def test_codes_have_one_meaning_each(
    state: str | None, step: WarehouseStep, fault: WarehouseFault, seen_at: WarehouseStep
) -> None:
    error = postgres_fault("Redshift", state, "the words of the server", step)
    assert (error.fault, error.step) == (fault, seen_at)
    assert "{0}" not in error.message
    assert "PostgreSQL" not in error.message
    shown = fault in {WarehouseFault.QUERY, WarehouseFault.PERMISSION}
    assert ("the words of the server" in error.message) is shown
