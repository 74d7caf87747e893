"""Backups of a service at work (R27), backups that are killed, and control databases that are older than the profile stores."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.crash.backup import trial
from tests.crash.kill_points import Theatre, people_of_the_oracle
from tests.crash.stage import ROWS, Stage, wait_until
from tests.fixtures.service import RunningService, clean_environment, command
from tests.fixtures.warm_process import run_warm
from tests.oracle import files_of_a_home as files
from warehouse_sync.crashpoints import VARIABLE

pytestmark = pytest.mark.crash


def test_a_backup_taken_during_a_run_is_a_home_in_which_the_run_ends(theatre: Theatre, tmp_path: Path) -> None:
    def when_rows_are_applied(stage: Stage, service: RunningService) -> None:
        wait_until(lambda: any((spool / "manifest.json").exists() for spool in stage.spools))

    trial(theatre, tmp_path, when_rows_are_applied)


@pytest.mark.parametrize("point", ["backup_control_copied", "backup_copied", "backup_written"])
def test_a_backup_that_is_killed_is_none_and_hinders_nobody(theatre: Theatre, tmp_path: Path, point: str) -> None:
    with theatre.untouched.copied(tmp_path / "live") as stage:
        saved, left = tmp_path / "saved", tmp_path / "saved.unfinished"
        words = ["backup", str(saved), "--home", str(stage.home), "--with-keys"]
        died = run_warm(words, clean_environment({VARIABLE: point}))
        assert died.returncode == -signal.SIGKILL
        assert not saved.exists()
        if point != "backup_written":
            refused = run_warm(["restore", str(left), "--home", str(tmp_path / "new")], clean_environment({}))
            assert (refused.returncode, "was never finished" in refused.stderr) == (1, True), refused.stderr
            assert not (tmp_path / "new").exists()
        command(stage.home, "backup", str(saved), "--with-keys")
        assert not left.exists()
        command(tmp_path / "new", "restore", str(saved))


def test_a_restore_that_is_killed_is_no_home(theatre: Theatre, tmp_path: Path) -> None:
    with theatre.untouched.copied(tmp_path / "live") as stage:
        command(stage.home, "backup", str(tmp_path / "saved"), "--with-keys")
        words = ["restore", str(tmp_path / "saved"), "--home", str(tmp_path / "new")]
        assert run_warm(words, clean_environment({VARIABLE: "restore_copied"})).returncode == -signal.SIGKILL
        for refused in (words, ["workspace", "list", "--home", str(tmp_path / "new")]):
            said = run_warm(refused, clean_environment({}))
            assert said.returncode == 1, said.stdout
            assert "empty" in said.stderr


def test_a_control_database_older_than_the_stores_gives_no_number_again(theatre: Theatre, tmp_path: Path) -> None:
    with theatre.untouched.copied(tmp_path / "live") as stage:
        shutil.copytree(stage.home, tmp_path / "before")
        with stage.serving() as service:
            service.run("p")
            service.run("p")
        known = max(run.id for run in files.runs_of(stage.home))
        for name in ("control.db", "control.db-wal", "control.db-shm"):
            (stage.home / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "before" / "control.db", stage.home)
        with stage.serving() as service:
            again = service.run("p")
            assert any("goes on behind their numbers" in line for line in service.log)
        assert again["pipeline_run_id"] == known + 1
        assert again["records_extracted"] == ROWS
        assert files.people(stage.store) == people_of_the_oracle(stage.folder / "shop.duckdb", applied_before=ROWS)
