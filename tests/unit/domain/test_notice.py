from __future__ import annotations

from datetime import timedelta

from warehouse_sync.domain.notice import LONGEST_PAUSE, pause_after


def test_pauses_double_up_to_a_limit_and_jitter_spreads_them() -> None:
    assert [pause_after(n, 0.0) / timedelta(seconds=1) for n in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert pause_after(1, 0.5) == timedelta(seconds=7.5)
    assert pause_after(10_000, 0.999) < LONGEST_PAUSE
    assert pause_after(10_000, 0.0) == timedelta(minutes=30)
