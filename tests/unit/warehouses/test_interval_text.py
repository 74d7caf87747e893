from __future__ import annotations

import pytest

from warehouse_sync.warehouses.interval_text import interval_text


@pytest.mark.parametrize(
    ("months", "days", "nanoseconds", "text"),
    [
        (0, 0, 0, "PT0S"),
        (14, 3, 14_405_700_000_000, "P1Y2M3DT4H5.7S"),
        (-14, -3, -14_405_700_000_000, "P-1Y-2M-3DT-4H-5.7S"),
        (0, 1, 0, "P1D"),
        (0, 0, 1, "PT0.000000001S"),
        (0, 0, -60_000_000_000, "PT-1M"),
        (12, 0, 0, "P1Y"),
    ],
)
def test_intervals_are_written_as_iso_8601(months: int, days: int, nanoseconds: int, text: str) -> None:
    assert interval_text(months, days, nanoseconds) == text
