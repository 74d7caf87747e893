"""Every fault of a warehouse strikes once; ``make crash ONLY=R6`` lets each strike everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.warehouse_faults import AT_ONCE, EVERYWHERE, POSITIONS, failures
from tests.fixtures.fault_proxy import FAULTS, Strike


def test_there_are_so_many_places_to_fail() -> None:
    assert (len(FAULTS), len(POSITIONS), len({*POSITIONS})) == (13, 25, 25)


def _once() -> list[list[Strike]]:
    """Every fault once, each somewhere else; three failed attempts before one that succeeds."""
    strikes = [EVERYWHERE[len(POSITIONS) * place + 2 * place] for place in range(len(FAULTS))]
    return [strikes[first::AT_ONCE] for first in range(AT_ONCE)]


@pytest.mark.crash
def test_a_failed_attempt_changes_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    assert failures(tmp_path, _once()) == []
