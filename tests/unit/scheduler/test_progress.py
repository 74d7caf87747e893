"""The board of running runs."""

from __future__ import annotations

from warehouse_sync.domain.run import RunCounts
from warehouse_sync.scheduler.progress import LiveProgress, RunProgressNow


def test_a_run_is_followed_from_its_first_row_to_its_end() -> None:
    board = LiveProgress()
    assert board.of(1) is None
    board.fetched(1, 500)
    board.fetched(2, 7)
    assert board.of(1) == RunProgressNow(fetched=500)
    board.applied(1, RunCounts(extracted=400), 900)
    assert board.of(1) == RunProgressNow(fetched=900, total=900, applied=RunCounts(extracted=400))
    board.forget(1)
    board.forget(1)
    assert board.of(1) is None
    assert board.of(2) == RunProgressNow(fetched=7)
