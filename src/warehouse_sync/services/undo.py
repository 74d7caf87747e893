"""Undoing runs: what it would do, and asking for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from warehouse_sync.catalog import audit, data_models, runs
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.run import Run, RunKind, RunRequest
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.undo import SENTENCES, Obstacle
from warehouse_sync.profiles.undo_preview import UndoPreview, UndoPreviewer
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.pipelines import existing_pipeline
from warehouse_sync.services.runs import existing_run


@dataclass(frozen=True, slots=True)
class PreviewedUndo:
    """What undoing a run would do, and the published ids of the data models that the examples name."""

    run_id: int
    preview: UndoPreview
    data_model_ids: dict[int, str]


class UndoService:
    """The verbs of undoing. They want the permission ``admin``: they show, and change, what is known of people.

    Args:
        previewer: tells what undoing would do.
        wake: tells the scheduler that there is something to do.
    """

    def __init__(self, database: Database, clock: Clock, previewer: UndoPreviewer, *, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._previewer = previewer
        self._wake = wake

    def preview(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> PreviewedUndo:
        """What undoing a run would do now; what it did, if it has been undone. Changes nothing.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
            InvalidRequest: the run cannot be undone.
        """
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.ADMIN, workspace_id)
            run = existing_run(tx, existing_pipeline(tx, workspace_id, pipeline_id), run_id)
            _refuse_unless_ended(tx, run)
        rules = rules_of(workspace.identity_settings)
        found = self._previewer.preview(workspace_id, run.environment, run.id, rules)
        if found.obstacle is not None and found.obstacle is not Obstacle.UNDONE:
            raise _not_undoable(SENTENCES[found.obstacle].format(run=run.id))
        keys = {change.data_model_key for example in found.examples for change in example.attributes}
        with self._database.read() as tx:
            return PreviewedUndo(run.id, found, data_models.ids_of(tx, keys))

    def undo(self, caller: Caller, workspace_id: int, pipeline_id: str, run_id: int) -> Run:
        """Asks for a run that undoes another one.

        Raises:
            NotFound: there is no such pipeline, or it has no such run.
            InvalidRequest: the run cannot be undone.
            Busy: a run of the pipeline is not finished.
        """
        if self.preview(caller, workspace_id, pipeline_id, run_id).preview.undone_by is not None:
            raise _not_undoable(SENTENCES[Obstacle.UNDONE].format(run=run_id))
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            pipeline = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            target = existing_run(tx, pipeline, run_id)
            _refuse_unless_ended(tx, target)
            request = RunRequest(RunKind.UNDO, target.logical_date, target.data_interval, target_run_id=target.id)
            made = runs.create(tx, pipeline, request, created_by=caller.name, now=now)
            if made is None:
                raise AssertionError("a run that somebody asks for is made or refused with Busy")
            audit.record(tx, AuditEntry(now, caller.client_id, workspace_id, "undo", "run", str(run_id)))
        crashpoint("run_created")
        self._wake()
        return made


def _refuse_unless_ended(tx: Transaction, run: Run) -> None:
    if run.kind is RunKind.UNDO:
        raise _not_undoable(
            f"Run {run.id} undid another run; that cannot be undone. Read the rows again: backfill the interval."
        )
    if not run.state.is_finished or runs.retry_time(tx, run) is not None:
        raise _not_undoable(
            f"Run {run.id} has not ended, or will be tried again by itself. Wait for its end, or cancel it first."
        )


def _not_undoable(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="pipelineRunId", code="not_undoable")
