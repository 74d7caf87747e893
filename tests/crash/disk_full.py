"""R9: the disk is full. The run fails and says so, reads go on, nothing is damaged, and with room again the same run succeeds.

Two kinds of full disk: a small one of its own (tmpfs; needs root), on which a ballast leaves some room and which holds the log, too; and
where that cannot be had a limit on the size of files, which the service and its children meet as they would a full disk.
"""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from tests.crash.kill_points import Theatre, check_run, people_of_the_oracle, prepare
from tests.crash.report import Outcome
from tests.crash.stage import Stage, latest_run, run_again, wait_until
from tests.crash.upgrade import finish_in_peace, old_home
from tests.fixtures.service import WORKSPACE, RunningService
from tests.fixtures.warm_process import STANDARD_ERROR
from tests.oracle import files_of_a_home as files
from warehouse_sync.client import ApiError, is_finished

_DISK_BYTES: Final = 64 << 20
_SECONDS: Final = 12.0  # more than two leases
_MIGRATION_SECONDS: Final = 4.0
_EXPECTED: Final = frozenset({"spool_full", "store_write_failed", "store_unusable"})
_SETTINGS: Final = {"lease_seconds": "5"}


class Disk(Protocol):
    """Where a trial takes place. ``fill`` leaves room for so many bytes, ``free`` gives all of it back."""

    folder: Path

    def fill(self, room: int, service: RunningService | None = None) -> None: ...

    def free(self, service: RunningService | None = None) -> None: ...


class LimitedFiles:
    """No file of the service may grow beyond the room. A file that is larger already cannot grow at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, room: int, service: RunningService | None = None) -> None:
        assert service is not None
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    def free(self, service: RunningService | None = None) -> None:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class SmallDisk:
    """A disk of its own, filled by a ballast."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, room: int, service: RunningService | None = None) -> None:
        with self._ballast.open("wb") as ballast:
            while True:
                disk = os.statvfs(self.folder)
                try:
                    return os.posix_fallocate(ballast.fileno(), 0, max(1, disk.f_bavail * disk.f_frsize - room))
                except OSError as error:  # the service was faster
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self, service: RunningService | None = None) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk mounted at a folder.

    Raises:
        PermissionError: only root may mount one.
    """
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "crash", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        raise PermissionError(mounted.stderr.decode())
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def starve(theatre: Theatre, disk: Disk, *, room: int, delay: float | None) -> str:
    """Fills the disk, before the trigger or ``delay`` seconds after it, and frees it later; returns what became of the run meanwhile.

    Raises:
        AssertionError: the service died, did not read, damaged or lost something, or the run did not succeed at last.
    """
    with theatre.untouched.copied(disk.folder / "trial") as stage:
        with stage.serving(more={STANDARD_ERROR: str(disk.folder / "log")}, **_SETTINGS) as service:
            _widen(service)
            if delay is None:
                disk.fill(room, service)
                end = "refused" if not _triggered(service) else _end_of_run(service)
            else:
                assert _triggered(service)
                time.sleep(delay)
                disk.fill(room, service)
                end = _end_of_run(service)
            _reads_go_on(service)
            disk.free(service)
            _succeed(service, end)
        _examine(stage)
    return end


def starve_migration(disk: SmallDisk, room: int) -> str:
    """Starts this version on a home of an earlier one while the disk is full, and again when it is not; returns how the first start ended.

    Raises:
        AssertionError: the first start broke something, or ended without a sentence.
    """
    home = old_home("store-1", disk.folder)
    disk.fill(room)
    process = home.start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_MIGRATION_SECONDS)
    refused = process.poll() is not None
    process.terminate()
    status = process.wait(_SECONDS)
    with process.stdout as output:
        said = output.read()
    assert (status, said.startswith("Error: ")) == ((1, True) if refused else (0, False)), (status, said[-500:])
    disk.free()
    finish_in_peace(home)
    return "start refused" if refused else "started"


def _widen(service: RunningService) -> None:
    """Makes the rows large, so that a spool takes more of the disk than the stores do, which drop values so long."""
    model = service.workspace.get("data-models/m")
    query = "SELECT *, repeat(token, 4000) AS padding FROM customers"
    service.workspace.replace("data-models", {**model, "sql_query": query, "workspace_id": WORKSPACE})


def _triggered(service: RunningService) -> bool:
    try:
        service.workspace.trigger("p")
    except ApiError as error:
        assert error.status == 503, error  # noqa: PT017 - any other answer is a finding
        return False
    return True


def _end_of_run(service: RunningService) -> str:
    """How the run ended while there was no room; ``unsettled`` if even that could not be written down."""

    def ended() -> bool:
        run = latest_run(service)
        return run is not None and is_finished(run)

    with suppress(TimeoutError):
        wait_until(ended, _SECONDS)
    run: Any = latest_run(service)
    if run["pipeline_run_state"] != "failed":
        return "success" if run["pipeline_run_state"] == "success" else "unsettled"
    code = run["failure"]["code"]
    assert code in _EXPECTED, run["failure"]
    return str(code)


def _reads_go_on(service: RunningService) -> None:
    assert service.process.poll() is None, "".join(service.log)
    assert service.workspace.get("pipelines/p")["id"] == "p"
    service.client.call("GET", "/platform/extensions/audit")
    with suppress(ApiError):
        service.resolve("customer_id", "c-1")


def _succeed(service: RunningService, end: str) -> None:
    if end == "refused":
        service.workspace.trigger("p")
    run: Any = latest_run(service)
    if run["pipeline_run_state"] == "failed":
        run_again(service, run["pipeline_run_id"])
    run = service.wait_for_run("p", run["pipeline_run_id"])
    if run["pipeline_run_state"] == "failed":  # it had begun an attempt while there was no room
        run_again(service, run["pipeline_run_id"])
        run = service.wait_for_run("p", run["pipeline_run_id"])
    check_run(run)


def _examine(stage: Stage) -> None:
    assert files.damage_of(stage.home) == []
    assert files.people(stage.store) == people_of_the_oracle(stage.folder / "shop.duckdb")
    assert [token for model in files.tokens(stage.store).values() for token, times in model.items() if times > 1] == []
    assert stage.spools == []


def campaign(trials: int, seed: int) -> Outcome:
    """Half of the trials on a small disk if one can be had, the others, or all, with limited files."""
    draw, ends, failures = random.Random(seed), Counter[str](), []
    with TemporaryDirectory(prefix="disk-full-") as name:
        folder = Path(name)
        theatre = prepare(folder)
        for number in range(trials):
            room = int(2 ** draw.uniform(12, 25))
            delay = draw.choice((None, draw.random() * 1.5))
            place = folder / str(number)
            try:
                if os.geteuid() == 0 and number % 5 == 0:
                    with small_disk(place) as disk:
                        ends[f"migration: {starve_migration(disk, room // 8)}"] += 1
                elif os.geteuid() == 0 and number % 2 == 0:
                    with small_disk(place) as disk:
                        ends[f"small disk: {starve(theatre, disk, room=room, delay=delay)}"] += 1
                else:
                    place.mkdir()
                    ends[f"limited files: {starve(theatre, LimitedFiles(place), room=room, delay=delay)}"] += 1
                    shutil.rmtree(place)
            except (AssertionError, ApiError, TimeoutError, OSError) as error:
                failures.append(
                    f"trial {number}, room {room}, delay {delay}: {type(error).__name__} {str(error)[:700]}"
                )
    return Outcome(trials, failures, ", ".join(f"{end} {times}" for end, times in sorted(ends.items())))
