"""A full disk fails the run and nothing else; with room again the same run succeeds (R9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.disk_full import LimitedFiles, small_disk, starve
from tests.crash.kill_points import Theatre

pytestmark = pytest.mark.crash


def test_a_spool_that_finds_no_room_fails_its_run(theatre: Theatre, tmp_path: Path) -> None:
    assert starve(theatre, LimitedFiles(tmp_path), room=4_000_000, delay=None) == "spool_full"


def test_databases_that_find_no_room_say_so_and_go_on_later(theatre: Theatre, tmp_path: Path) -> None:
    assert starve(theatre, LimitedFiles(tmp_path), room=4_096, delay=None) == "refused"


def test_a_disk_of_its_own(theatre: Theatre, tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk") as disk:
            assert starve(theatre, disk, room=6_000_000, delay=None) == "spool_full"
    except PermissionError as error:
        pytest.skip(f"only root can mount a small disk: {error}")
