"""Runs what is due: plans, claims, keeps the lease alive, executes, and writes the verdict.

The lease only tells who should be working; who may write is decided by the epoch inside each transaction of the profile store (promise I5).
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from warehouse_sync.catalog import cancellation, pipelines, runs
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.runs import Lease
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import (
    CANCELLED,
    WORKER_DIED,
    GeneratedSql,
    Run,
    RunCounts,
    RunFailure,
    RunKind,
    RunRequest,
    RunState,
    UnreadRows,
    WarehouseUse,
)
from warehouse_sync.errors import LeaseLostError, RunError, WarehouseSyncError
from warehouse_sync.logs import get_logger, log_context
from warehouse_sync.metrics import Metrics
from warehouse_sync.scheduler.lease_watch import LeaseWatch
from warehouse_sync.scheduler.ledger import progress_of, unread_before, was_changed_since_start
from warehouse_sync.scheduler.planner import next_scheduled
from warehouse_sync.scheduler.progress import LiveProgress
from warehouse_sync.scheduler.retention import Retention, forget
from warehouse_sync.scheduler.settlement import Settlement
from warehouse_sync.scheduler.steps import RunSteps
from warehouse_sync.scheduler.telling import Teller
from warehouse_sync.scheduler.verdict import LONGEST_PAUSE
from warehouse_sync.sync.execution import RunExecutor

_log = get_logger(__name__)

MAX_DEATHS: Final = 3
"""A run whose process died this often is not tried again by itself (figure R25)."""

_IDLE_SECONDS: Final = 0.5
_CANCELLATION_SECONDS: Final = 0.5
_HOUSEKEEPING_SECONDS: Final = 6 * 3600.0
_SPOOL_SECONDS: Final = 60.0
"""So long may the rows lie on disk that were fetched for a run which was cancelled while it waited."""

_LONGEST_PATIENCE: Final = timedelta(days=1)
"""A blocked interval is tried again after its own length, or after this if it is longer."""

_SCHEDULER: Final = "scheduler"


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How runs are executed.

    Attributes:
        runs_at_once: threads that execute runs.
        lease: silence after which a holder is taken for dead.
        settle_delay: wait after the end of a scheduled interval.
        retention: how long things are kept.
    """

    runs_at_once: int
    lease: timedelta
    settle_delay: timedelta
    retention: Retention


class Runner:
    """The scheduler's threads. ``start`` once, ``stop`` once; ``wake`` when there may be new work.

    What the threads do over and over, each of them can be told to do once: ``recover``, ``plan_once``, ``execute_next``,
    ``renew_leases``, ``heed_cancellations``, ``keep_house``, ``tidy_next``.

    Args:
        database: the control database.
        steps: what runs of each kind do.
        executor: keeps the spools of runs, and the profile stores in order.
        live: told how far running runs are.
        clock: the time.
        settings: how runs are executed.
        jitter: random numbers in [0, 1) that spread the retries of many runs.
        metrics: told what becomes of runs and of the scheduler's own steps.
        teller: told of what needs somebody; by default nobody listens.
    """

    def __init__(
        self,
        *,
        database: Database,
        steps: Mapping[RunKind, RunSteps],
        executor: RunExecutor,
        live: LiveProgress,
        clock: Clock,
        settings: RunnerSettings,
        jitter: Callable[[], float] = random.random,
        metrics: Metrics | None = None,
        teller: Teller | None = None,
    ) -> None:
        self._database = database
        self._steps = steps
        self._executor = executor
        self._live = live
        self._metrics = metrics or Metrics()
        self._teller = teller or Teller(is_wanted=False)
        self._settlement = Settlement(
            database, executor, clock, jitter=jitter, metrics=self._metrics, teller=self._teller
        )
        self._watch = LeaseWatch(clock, settings.lease)
        self._clock = clock
        self._settings = settings
        self._stopping = threading.Event()
        self._work = threading.Condition()
        self._held: dict[int, _Held] = {}
        self._written: queue.SimpleQueue[tuple[int, Environment]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Takes over what a dead process left, then begins to work."""
        self.recover()
        for number in range(self._settings.runs_at_once):
            self._start_thread(f"run-{number + 1}", self._execute_due, self._wait_for_work)
        self._start_thread("planner", self._plan, lambda: self._stopping.wait(_IDLE_SECONDS))
        for scope in self._executor.stored_scopes():
            self._written.put(scope)
        self._start_thread("tidier", self._tidy, lambda: None)
        self._start_thread("housekeeper", self.keep_house, lambda: self._stopping.wait(_HOUSEKEEPING_SECONDS))
        self._start_thread("spools", self._discard_spools, lambda: self._stopping.wait(_SPOOL_SECONDS))
        self._start_thread("cancellations", self.heed_cancellations, lambda: self._stopping.wait(_CANCELLATION_SECONDS))
        pause = self._settings.lease.total_seconds() / 4
        self._start_thread("heartbeat", self.renew_leases, lambda: self._stopping.wait(pause))

    def wake(self) -> None:
        """There may be a run to execute."""
        with self._work:
            self._work.notify_all()

    def stop(self, *, timeout: float = 10.0) -> None:
        """Stops after the chunk at hand; unfinished runs go back to the queue and lose nothing."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout)

    def _start_thread(self, name: str, work: Callable[[], None], pause: Callable[[], object]) -> None:
        thread = threading.Thread(target=self._repeat, args=(name, work, pause), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, name: str, work: Callable[[], None], pause: Callable[[], object]) -> None:
        """Works until the service stops. No error ends it: a service whose scheduler is dead would look alive."""
        while not self._stopping.is_set():
            try:
                work()
            except WarehouseSyncError as error:
                self._metrics.step_failed(name)
                _log.error("scheduler step failed", thread=name, code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - see above
                self._metrics.step_failed(name)
                _log.error("scheduler step met an unexpected error", thread=name, exc_info=error)
            self._metrics.step_ended(name)
            pause()

    def _wait_for_work(self) -> None:
        with self._work:
            self._work.wait(_IDLE_SECONDS)

    # --- recovery ------------------------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """At start nobody holds a lease: every run that was being executed died with its process.

        Which of them it died of, nobody knows. From its first death on, a run is executed alone, so the others are its own.
        """
        with self._database.write() as tx:
            for run in runs.unfinished(tx):
                if run.state is RunState.RUNNING and runs.add_death(tx, run) >= MAX_DEATHS:
                    failure = RunFailure(
                        WORKER_DIED,
                        f"The service died {MAX_DEATHS} times while it executed this run. Look for its memory use and crashes in the "
                        "system's log before you run it again.",
                    )
                    now = self._clock.now()
                    runs.finish(tx, run, state=RunState.FAILED, counts=None, failure=failure, now=now)
                    self._teller.run_failed(tx, run, failure, now)
            runs.void_leases(tx)
        self._discard_spools()

    def _discard_spools(self) -> None:
        """Removes what was fetched for runs that nobody will go on with: their pipeline is gone, or a later run has read their rows."""
        spooled = self._executor.spooled()  # first: a run that begins meanwhile is not among them
        with self._database.read() as tx:
            needed = runs.resumable(tx)
        for run_id in spooled - needed - set(self._held):
            self._executor.discard(run_id)

    def keep_house(self) -> None:
        """Removes spools that nobody needs, and what is too old."""
        self._discard_spools()
        forget(self._database, self._executor, self._settings.retention, now=self._clock.now())

    def _tidy(self) -> None:
        self.tidy_next(wait=_IDLE_SECONDS)

    def tidy_next(self, *, wait: float = 0.0) -> bool:
        """Tidies the profile store that a run wrote to longest ago, if there is one within ``wait`` seconds; returns whether there was."""
        try:
            workspace_id, environment = self._written.get(timeout=wait)
        except queue.Empty:
            return False
        steps = self._executor.tidy(workspace_id, environment, self._stopping.is_set)
        if steps:
            _log.info("profile store tidied", workspace_id=workspace_id, environment=environment, steps=steps)
        return True

    # --- planning ------------------------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        if self.plan_once():
            self.wake()

    def plan_once(self) -> int:
        """Creates the scheduled runs and retries that are due; returns how many. Safe to call at any time, from any thread."""
        now = self._clock.now()
        with self._database.read() as tx:
            due, again = [], self._due_retries(tx, now)
            for pipeline in pipelines.runnable(tx):
                request = self._next(tx, pipeline)
                if request is None:
                    continue
                if runs.may_be_created(tx, pipeline.key, request):
                    due.append((pipeline, request))
                elif blocked := self._blocked(tx, pipeline, request):
                    again.append(blocked)
        if not due and not again:
            return 0
        with self._database.write() as tx:
            runnable = {
                pipeline.key for pipeline in pipelines.runnable(tx)
            }  # some may have been paused or deleted since
            made = [
                runs.create(tx, pipeline, request, created_by=_SCHEDULER, now=now)
                for pipeline, request in due
                if pipeline.key in runnable
            ]
            queued = [
                runs.retry(tx, run) for run in again if run.pipeline_key in runnable and _may_be_tried(tx, run)
            ]  # a schedule may have been changed since
        crashpoint("run_created")
        if None in queued:
            self._discard_spools()  # a later run has read the rows of a retry: what it had fetched is of no use any more
        return len([run for run in [*made, *queued] if run is not None])

    def _due_retries(self, tx: Transaction, now: datetime) -> list[Run]:
        found = runs.due_retries(tx, now=now, longest_pause=LONGEST_PAUSE)
        return [run for run in found if _may_be_tried(tx, run)]

    def _next(self, tx: Transaction, pipeline: Pipeline) -> RunRequest | None:
        settle_delay = self._settings.settle_delay
        return next_scheduled(
            pipeline.schedule, progress_of(tx, pipeline), now=self._clock.now(), settle_delay=settle_delay
        )

    def _blocked(self, tx: Transaction, pipeline: Pipeline, request: RunRequest) -> Run | None:
        """The failed run that keeps a pipeline from going on, if there is reason to try it again."""
        failed = runs.failed_of_date(tx, pipeline.key, request.logical_date)
        if failed is None or failed.finished_on is None or runs.retry_time(tx, failed) is not None:
            return None
        if failed.failure is not None and failed.failure.code == CANCELLED:
            return None  # who cancelled it will say when it shall run
        now = self._clock.now()
        if was_changed_since_start(tx, pipeline, failed, now=now):
            return failed
        if failed.failure is not None and failed.failure.code == WORKER_DIED:
            return None
        patience = min(request.data_interval.end - request.data_interval.start, _LONGEST_PATIENCE)
        is_patient = failed.finished_on <= now < failed.finished_on + patience
        return None if is_patient else failed

    # --- leases --------------------------------------------------------------------------------------------------------------------

    def renew_leases(self) -> None:
        """Lengthens the leases of the runs that are being executed here, and looks at those of others."""
        for held in list(self._held.values()):
            with self._database.write() as tx:
                kept = runs.renew(tx, held.run, now=self._clock.now(), lease=self._settings.lease)
            if not kept:
                held.lost.set()
        with self._database.read() as tx:
            self._abandoned(tx)

    def heed_cancellations(self) -> None:
        """Stops the runs that are being executed here and that somebody asked to stop."""
        held = dict(self._held)
        if not held:
            return
        with self._database.read() as tx:
            requested = cancellation.requested(tx, held)
        for run_id in requested:
            held[run_id].cancelled.set()

    def _abandoned(self, tx: Transaction) -> set[Lease]:
        """The leases whose holders are dead. Whoever works in this process is not, however long it could not renew its lease."""
        return self._watch.abandoned(lease for lease in runs.leases(tx) if lease.run_id not in self._held)

    # --- execution -----------------------------------------------------------------------------------------------------------------

    def _execute_due(self) -> None:
        while not self._stopping.is_set() and self.execute_next():
            self._plan()  # the next interval of the same pipeline need not wait for the planner's turn

    def execute_next(self) -> bool:
        """Claims and executes the oldest waiting run, if there is one; returns whether there was."""
        with self._database.write() as tx:
            run = runs.claim_next(
                tx,
                holder=threading.current_thread().name,
                now=self._clock.now(),
                lease=self._settings.lease,
                abandoned=self._abandoned(tx),
            )
        if run is None:
            return False
        crashpoint("run_claimed")
        held = _Held(run)
        self._held[run.id] = held
        with log_context(run_id=run.id, pipeline_id=run.pipeline_id, workspace_id=run.workspace_id):
            try:
                self._execute(held)
            finally:
                self._held.pop(run.id, None)
                self._live.forget(run.id)
                self._written.put((run.workspace_id, run.environment))
        return True

    def _execute(self, held: _Held) -> None:
        run = held.run
        _log.info("run started", kind=run.kind, interval=str(run.data_interval), attempt=run.attempt)
        if run.cancel_requested_on is not None:  # its holder died before it saw that
            self._settlement.fail(run, RunError("The run was cancelled.", code=CANCELLED))
            return
        try:
            counts = self._steps[run.kind].execute(run, _Observer(self, held), lambda: self._must_stop(held))
        except LeaseLostError:
            self._metrics.lease_lost()
            _log.info("run has another holder")
        except Exception as error:  # noqa: BLE001 - whatever happens, the run gets a verdict and the thread lives on
            self._fail(held, error)
        else:
            self._settlement.succeed(run, counts)

    def _fail(self, held: _Held, error: Exception) -> None:
        if held.lost.is_set():
            return
        has_stopped = isinstance(error, RunError) and error.code == CANCELLED
        if has_stopped and self._stopping.is_set() and not held.cancelled.is_set():
            self._settlement.put_back(held.run)
        else:
            self._settlement.fail(held.run, error)

    def _must_stop(self, held: _Held) -> bool:
        return self._stopping.is_set() or held.lost.is_set() or held.cancelled.is_set()

    # --- what the run tells while it works -----------------------------------------------------------------------------------------

    def note_sql(self, run: Run, generated: GeneratedSql) -> None:
        """Keeps the generated SQL with the run, if it is still this holder's."""
        with self._database.write() as tx:
            runs.record_sql(tx, run, generated)

    def note_counts(self, run: Run, counts: RunCounts, total_rows: int) -> None:
        """Publishes what the committed chunks counted."""
        self._live.applied(run.id, counts, total_rows)
        with self._database.write() as tx:
            runs.record_counts(tx, run, counts)
        crashpoint("counts_written")

    def note_unread(self, run: Run, unread: UnreadRows) -> None:
        """Keeps how many rows no interval holds with the run."""
        with self._database.write() as tx:
            runs.record_unread(tx, run, unread)

    def note_use(self, run: Run, use: WarehouseUse) -> None:
        """Keeps what reading took of the warehouse with the run."""
        with self._database.write() as tx:
            runs.record_use(tx, run, use)

    def note_fetched(self, run: Run, rows: int) -> None:
        """Publishes how many rows were fetched."""
        self._live.fetched(run.id, rows)


@dataclass(frozen=True, slots=True)
class _Held:
    """A run that this process is executing; ``lost`` is set when another holder has it, ``cancelled`` when somebody wants it to stop."""

    run: Run
    lost: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)


class _Observer:
    def __init__(self, runner: Runner, held: _Held) -> None:
        self._runner = runner
        self._held = held

    def sql_generated(self, generated: GeneratedSql) -> None:
        self._runner.note_sql(self._held.run, generated)

    def unread_counted(self, unread: UnreadRows) -> None:
        self._runner.note_unread(self._held.run, unread)

    def warehouse_used(self, use: WarehouseUse) -> None:
        self._runner.note_use(self._held.run, use)

    def rows_fetched(self, rows: int) -> None:
        self._runner.note_fetched(self._held.run, rows)

    def chunk_applied(self, counts: RunCounts, total_rows: int) -> None:
        self._runner.note_counts(self._held.run, counts, total_rows)


def _may_be_tried(tx: Transaction, run: Run) -> bool:
    return unread_before(tx, pipelines.by_key(tx, run.pipeline_key), run) is None
