"""What runs of each kind do, behind one protocol: the runner claims, renews and settles, whatever the kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from warehouse_sync.catalog import connections, data_models, pipelines, runs, workspaces
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.clock import Clock
from warehouse_sync.domain.identity import IdentityRules
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import Run, RunCounts
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.profiles.protocol import ProfileStores
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.security.vault import Vault
from warehouse_sync.sync.execution import RunExecutor, RunObserver, RunOrder
from warehouse_sync.sync.late_rows import LateRowRepair
from warehouse_sync.sync.undo import undo_run

_READ_AGAIN_AS: Final = ScheduleInterval.ONCE
"""What is read again is read at once, however long the intervals were: its limit is that of a pipeline that runs once."""


class RunSteps(Protocol):
    """Does what is left to do of a run that its holder has claimed. One object serves all runs of its kinds, on several threads."""

    def execute(self, run: Run, observer: RunObserver, cancelled: Callable[[], bool]) -> RunCounts:
        """Executes a run from where its committed progress says it stands, and returns what all of it counted.

        Args:
            run: as it was claimed; ``run.key`` fences every write.
            observer: told how far it is.
            cancelled: true when the run shall stop; ``RunError`` ``cancelled`` is then the answer.

        Raises:
            WarehouseSyncError: the attempt failed; the scheduler judges what that means.
            LeaseLostError: a newer holder has the run.
        """
        ...


class ReadingSteps:
    """Implements ``RunSteps`` for every kind that reads a warehouse.

    Args:
        database: the control database, where the run's pipeline is found as it is now.
        vault: opens the secrets of connections.
        executor: reads and applies.
        limits: of rows and columns.
    """

    def __init__(self, database: Database, vault: Vault, executor: RunExecutor, limits: Limits) -> None:
        self._database = database
        self._vault = vault
        self._executor = executor
        self._limits = limits

    def execute(self, run: Run, observer: RunObserver, cancelled: Callable[[], bool]) -> RunCounts:
        with self._database.read() as tx:
            order = self._order(tx, run)
        return self._executor.execute(order, observer, cancelled)

    def _order(self, tx: Transaction, run: Run) -> RunOrder:
        pipeline = pipelines.by_key(tx, run.pipeline_key)
        connection = connections.opened(tx, connections.by_key(tx, pipeline.connection_key), self._vault)
        return RunOrder(
            run=run,
            address=connection.address,
            data_model=data_models.by_key(tx, pipeline.data_model_key),
            rules=_rules(tx, run.workspace_id),
            max_rows=self._limits.records[pipeline.schedule.interval if run.kind.moves_progress else _READ_AGAIN_AS],
            max_columns=self._limits.columns,
            lookback=pipeline.policy.lookback if run.kind.moves_progress else timedelta(0),
            repair=_repair(tx, run, pipeline) if run.kind.moves_progress else None,
            counts_unread=pipeline.policy.counts_unread_rows,
            budget=pipeline.policy.budget,
            pipeline_runs=runs.numbers_of(tx, pipeline.key) if run.finds_extra else None,
        )


def _repair(tx: Transaction, run: Run, pipeline: Pipeline) -> LateRowRepair | None:
    """How a run looks for late rows; not after a change of the data model, when all rows would look late."""
    if not pipeline.policy.repairs_late_rows:
        return None
    previous = runs.read_before(tx, run)
    changed_on = data_models.by_key(tx, pipeline.data_model_key).audit.last_modified_on
    if previous is None or previous.started_on is None or (changed_on is not None and changed_on > previous.started_on):
        return LateRowRepair(RowMemory(pipeline.key, None))
    return LateRowRepair(
        RowMemory(pipeline.key, previous.id),
        previous.data_interval,
        previous_rows=0 if previous.counts is None else previous.counts.extracted,
        previous_probe=None if previous.generated_sql is None else previous.generated_sql.probe,
    )


class UndoingSteps:
    """Implements ``RunSteps`` for runs that undo another one. They read no warehouse, and count no rows."""

    def __init__(self, database: Database, stores: ProfileStores, clock: Clock) -> None:
        self._database = database
        self._stores = stores
        self._clock = clock

    def execute(self, run: Run, observer: RunObserver, cancelled: Callable[[], bool]) -> RunCounts:  # noqa: ARG002 - one short step
        if run.target_run_id is None:
            raise AssertionError("a run that undoes names its target")
        with self._database.read() as tx:
            rules = _rules(tx, run.workspace_id)
        undo_run(self._stores, run.key, run.target_run_id, rules, now=self._clock.now())
        return RunCounts()


def _rules(tx: Transaction, workspace_id: int) -> IdentityRules:
    workspace = workspaces.find(tx, workspace_id)
    return IdentityRules() if workspace is None else rules_of(workspace.identity_settings)
