"""R22: a home of an earlier version, with a run in flight and its spool sealed, is brought up to this one; killed on the way, too."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from tests.crash.kill_points import people_of_the_oracle
from tests.crash.report import Outcome
from tests.crash.stage import CHUNK_ROWS, ROWS, wait_until
from tests.fixtures.old_homes.freeze import unpack
from tests.fixtures.service import clean_environment
from tests.fixtures.warm_process import WarmProcess
from tests.oracle import files_of_a_home as files
from warehouse_sync.crashpoints import VARIABLE

HOMES: Final = ("store-1",)
POINTS: Final = ("migration_step", "control_database_ready", "store_migrating", "store_migrated")
_PATIENCE: Final = 120.0  # a run that failed for want of disk is tried again after a minute at most


@dataclass(frozen=True, slots=True)
class OldHome:
    """A folder with an unpacked home."""

    folder: Path

    @property
    def shop(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def shop_away(self) -> Path:
        return self.folder / "away.duckdb"

    def start(self, crash_at: str | None = None) -> WarmProcess:
        settings = {"duckdb_root": str(self.folder), "chunk_rows": str(CHUNK_ROWS), "spool_free_mb": "0"}
        environment = {f"WAREHOUSE_SYNC_{name.upper()}": text for name, text in settings.items()}
        if crash_at:
            environment[VARIABLE] = crash_at
        return WarmProcess(
            ["serve", "--home", str(self.folder / "home"), "--port", "0"], clean_environment(environment)
        )

    def examine(self) -> None:
        home = self.folder / "home"
        assert files.damage_of(home) == []
        for run in files.runs_of(home):
            assert run.state == "success", run
            assert run.counts["extracted"] == ROWS, run
        expected = people_of_the_oracle(self.shop)
        stores = files.stores_of(home)
        assert len(stores) == 2
        for store in stores:
            assert files.people(store) == expected
            assert files.rows_applied(store) == (ROWS, ROWS)
        assert list((home / "spool").iterdir()) == []

    def is_done(self) -> bool:
        return all(run.state == "success" for run in files.runs_of(self.folder / "home"))

    def has_opened_all(self, pid: int) -> bool:
        opened = {Path(file.path) for file in psutil.Process(pid).open_files()}
        return opened >= {path.resolve() for path in files.stores_of(self.folder / "home")}


def old_home(name: str, folder: Path) -> OldHome:
    """A frozen home, unpacked and without its shop: the spool is sealed, nothing needs the warehouse."""
    home = OldHome(unpack(name, folder))
    home.shop.rename(home.shop_away)
    return home


def upgrade(name: str, folder: Path, *deaths: str | float) -> None:
    """Starts this version on an old home, with some deaths before it is left in peace: at points, or so many seconds after a start.

    Raises:
        AssertionError: the run in flight did not finish, or something is lost, twice or damaged.
    """
    home = old_home(name, folder)
    for death in deaths:
        _die(home, death)
    finish_in_peace(home)


def finish_in_peace(home: OldHome) -> None:
    """Serves a home until its runs are done, stops, and looks at its files.

    Raises:
        AssertionError, TimeoutError: as :func:`upgrade`.
    """
    process = home.start()
    try:
        assert any(line.startswith("listening on ") for line in process.stdout)  # from then on it hears SIGTERM
        wait_until(home.is_done, _PATIENCE)
        wait_until(lambda: home.has_opened_all(process.pid), _PATIENCE)  # the other store is brought up in passing
        process.terminate()
        assert process.wait(_PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    home.shop_away.rename(home.shop)
    home.examine()


def _die(home: OldHome, death: str | float) -> None:
    process = home.start(death if isinstance(death, str) else None)
    try:
        if isinstance(death, str):
            assert process.wait(_PATIENCE) == -signal.SIGKILL, process.stdout.read()
            return
        time.sleep(death)
        process.kill()
        process.wait(_PATIENCE)
    finally:
        process.kill()
        process.stdout.close()


def campaign(trials: int, seed: int) -> Outcome:
    """One trial without a death, then one in each: half of them at the points of a migration, half at random moments of a start."""
    draw, died, failures = random.Random(seed), Counter[str](), []
    with TemporaryDirectory(prefix="upgrade-") as name:
        for number in range(trials):
            place = Path(name) / str(number)
            place.mkdir()
            deaths: list[str | float] = []
            if number:
                deaths = [draw.choice(POINTS) if draw.random() < 0.5 else draw.random() * 0.6]
            died["without a death" if not deaths else "at a point" if isinstance(deaths[0], str) else "at random"] += 1
            try:
                upgrade(draw.choice(HOMES), place, *deaths)
            except (AssertionError, TimeoutError) as error:
                failures.append(f"died at {deaths}: {str(error)[:500]}")
    return Outcome(trials, failures, ", ".join(f"{times} {what}" for what, times in died.items()))
