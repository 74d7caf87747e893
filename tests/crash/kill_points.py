"""R1: killed at any named commit point, the service comes back, and every profile is as if nothing had happened.

A trial copies the stage, starts the service armed for one point, does what passes the point, and waits for its death. Another life of the
service must then finish what was begun. The files of the home are compared with those of a home where nobody died.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import psutil

from tests.crash.report import Outcome
from tests.crash.stage import (
    CHUNK_ROWS,
    ROWS,
    Stage,
    create_connection,
    create_pipeline,
    latest_run,
    make_stage,
    run_again,
    trigger,
    wait_until,
)
from tests.fixtures.service import RunningService
from tests.fixtures.warm_process import WarmProcess
from tests.oracle import files_of_a_home as files
from tests.oracle.one_row_at_a_time import Model, Rules
from warehouse_sync.client import ApiError
from warehouse_sync.crashpoints import VARIABLE

_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Point:
    """A named moment to die at, and how a service comes by it.

    Attributes:
        at: as ``crashpoints`` reads it.
        pass_by: does what must leave the stage, after more lives of the service, as an undisturbed one.
    """

    at: str
    pass_by: Callable[[Stage, str], None]


@dataclass(frozen=True, slots=True)
class Theatre:
    """A stage that nobody has touched, and what its store holds after an undisturbed run."""

    untouched: Stage
    undisturbed: dict[str, Any]

    def trial(self, point: Point, folder: Path) -> None:
        """Dies at a point and comes back.

        Raises:
            AssertionError: something is lost, twice, stuck, damaged or miscounted.
        """
        with self.untouched.copied(folder) as stage:
            point.pass_by(stage, point.at)
            self.examine(stage)

    def examine(self, stage: Stage) -> None:
        assert files.damage_of(stage.home) == []
        twice = [token for model in files.tokens(stage.store).values() for token, times in model.items() if times > 1]
        assert twice == []
        applied, counted = files.rows_applied(stage.store)
        assert applied == counted == ROWS
        assert [run for run in files.runs_of(stage.home) if run.state not in {"success", "failed"}] == []
        assert files.contents(stage.store) == self.undisturbed
        assert stage.spools == []


def prepare(folder: Path) -> Theatre:
    """Makes a theatre, whose undisturbed run must equal the oracle that takes one row at a time."""
    untouched = make_stage(folder / "untouched")
    with untouched.copied(folder / "undisturbed") as stage:
        with stage.serving() as service:
            check_run(service.run("p"))
        assert files.people(stage.store) == people_of_the_oracle(stage.folder / "shop.duckdb")
        return Theatre(untouched, files.contents(stage.store))


def people_of_the_oracle(shop: Path, *, applied_before: int = 0) -> Any:
    """Every profile as one row at a time makes it, in the form of ``files.people``.

    Args:
        applied_before: so many of the first rows were applied by a run that was given up, before all were read again.
    """
    with duckdb.connect(str(shop), read_only=True) as connection:
        rows = connection.execute(
            "SELECT token, customer_id, email, updated_at FROM customers ORDER BY updated_at"
        ).fetchall()
    model = Model(Rules())
    for token, customer_id, email, time_ in rows[:applied_before] + rows:
        model.apply(
            {"identities": {"customer_id": customer_id, "email": email}, "time": time_, "attributes": {"token": token}}
        )
    return files.Counter(
        (
            frozenset(value for _, value in person.pairs),
            frozenset((1, row["token"]) for _, row in person.rows.values()),
        )
        for person in model.people.values()
    )


def check_run(run: dict[str, Any]) -> None:
    assert run["pipeline_run_state"] == "success", run
    assert run["records_extracted"] == ROWS
    assert run["records_mapped"] + run["records_rejected"] == ROWS


# --- ways to come by a point ------------------------------------------------------------------------------------------------------


def in_a_run(stage: Stage, at: str) -> None:
    """A run is triggered; the next life finishes it by itself."""
    with stage.serving(crash_at=at) as service:
        trigger(service)
        assert service.wait_for_death() == -signal.SIGKILL
    with stage.serving() as service:
        finish(stage, service)


def in_the_child(stage: Stage, at: str) -> None:
    """The child of the fetch dies alone; the run fails, and is run again."""
    with stage.serving(crash_at=at) as service:
        run = service.run("p")
        assert run["pipeline_run_state"] == "failed"
        assert run["failure"]["code"] == "worker_died"
    with stage.serving() as service:
        run_again(service, run["pipeline_run_id"])
        finish(stage, service)


def at_a_stop(stage: Stage, at: str) -> None:
    """The service is told to stop while it fetches, and dies on its way out."""
    with stage.serving(crash_at=at) as service:
        trigger(service)
        wait_until(lambda: psutil.Process(service.process.pid).children())
        service.process.terminate()
        assert service.wait_for_death() == -signal.SIGKILL
    with stage.serving() as service:
        finish(stage, service)


def at_a_new_connection(stage: Stage, at: str) -> None:
    with stage.serving(crash_at=at) as service:
        dies_of(service, lambda: create_connection(service, "c2", "shop.duckdb"))
    with stage.serving() as service:
        if at == "secret_storing":  # the transaction was open: there is no trace of it
            create_connection(service, "c2", "shop.duckdb")
        assert service.workspace.get("connections/c2")["database"] == "shop.duckdb"
        check_run(service.run("p"))


def at_a_deletion(stage: Stage, at: str) -> None:
    """Another pipeline on the same connection and data model is deleted, while ``p`` has a run to finish."""
    with stage.serving() as service:
        create_pipeline(service, stage.access, "q", environment="production")
    with stage.serving(crash_at=at) as service:
        trigger(service)
        dies_of(service, lambda: service.workspace.delete("pipelines", "q"))
    with stage.serving() as service:
        if at == "object_deleting":
            service.workspace.delete("pipelines", "q")
        assert [pipeline["id"] for pipeline in service.workspace.get("pipelines")] == ["p"]
        finish(stage, service)


def at_the_first_start(stage: Stage, at: str) -> None:
    """A home that is just being made; its owner tries again. The stage itself is not touched."""
    home = stage.folder / "new home"
    armed = WarmProcess(["workspace", "list", "--home", str(home)], {VARIABLE: at})
    assert armed.wait(_PATIENCE) == -signal.SIGKILL
    armed.stdout.close()
    again = WarmProcess(["workspace", "list", "--home", str(home)], {})
    told = again.stdout.read()
    assert again.wait(_PATIENCE) == 0, told
    again.stdout.close()
    assert files.damage_of(home) == []
    with stage.serving() as service:
        check_run(service.run("p"))


def dies_of(service: RunningService, call: Callable[[], object]) -> None:
    with suppress(ApiError):
        call()
    assert service.wait_for_death() == -signal.SIGKILL


def finish(stage: Stage, service: RunningService) -> None:
    """Waits for the run that an earlier life began; the pipeline has then read all of it, and is free for the next."""

    def is_finished() -> bool:  # asked of the file: the service has better to do than to answer us all the time
        return all(run.state in {"success", "failed"} for run in files.runs_of(stage.home))

    wait_until(is_finished, _PATIENCE)
    run = latest_run(service)
    assert run is not None
    check_run(run)
    status = service.workspace.get("pipelines/p/status")
    assert (status["synced_until"], status["state"]) == (run["data_interval_end"], "idle"), status


_LAST: Final = ROWS // CHUNK_ROWS

POINTS: Final = (
    *(
        Point(at, in_a_run)
        for at in (
            "run_created",
            "run_claimed",
            "epoch_raised",
            "probe_stored",
            "spool_file_written@service",
            "spool_file_fsynced:3@service",
            "spool_before_seal@service",
            "spool_sealed@service",
            "fetch_complete",
            "chunk_before_commit",
            "chunk_after_commit",
            f"chunk_before_commit:{_LAST}",
            f"chunk_after_commit:{_LAST}",
            "counts_written:2",
            "last_chunk_applied",
            "before_run_finished",
            "run_finished",
            "spool_removed",
            "log_folded",
        )
    ),
    Point("spool_file_written:2", in_the_child),
    Point("spool_sealed", in_the_child),
    Point("lease_released", at_a_stop),
    Point("secret_storing", at_a_new_connection),
    Point("secret_stored", at_a_new_connection),
    Point("object_deleting", at_a_deletion),
    Point("object_deleted", at_a_deletion),
    Point("migration_step", at_the_first_start),
    Point("control_database_ready", at_the_first_start),
)
"""Every commit point but those that no run on a small shop passes: of a change of keys (``tests/security/test_key_rotation.py``), of a
store's compaction (``tests/crash/test_killed_compaction.py``), of undoing (``tests/crash/test_killed_undo.py``)."""


def campaign(trials: int, seed: int) -> Outcome:
    """``trials`` deaths, spread over all points in a random order."""
    draw = random.Random(seed)
    order: list[Point] = []
    while len(order) < trials:
        order += draw.sample(POINTS, len(POINTS))
    failures: list[str] = []
    with TemporaryDirectory(prefix="kill-points-") as folder:
        theatre = prepare(Path(folder))
        for number, point in enumerate(order[:trials]):
            try:
                theatre.trial(point, Path(folder) / str(number))
            except (AssertionError, ApiError, TimeoutError) as error:
                failures.append(f"{point.at}: {str(error)[:500]}")
    return Outcome(trials, failures, _note(order[:trials]))


def _note(order: Sequence[Point]) -> str:
    times = [order.count(point) for point in POINTS]
    return f"{len(POINTS)} points, {min(times)} to {max(times)} times each"
