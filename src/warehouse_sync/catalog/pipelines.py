"""Pipelines, and the numbered slots that bound how many of them are active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from warehouse_sync.catalog import lifetime
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import connections, data_models, pipelines, workspaces
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.pipeline import DEFAULT_POLICY, OnFailedInterval, Pipeline, RunPolicy, Schedule
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """What a customer says of a pipeline: all that a PUT replaces. Keys are surrogates."""

    name: str
    connection_key: int
    data_model_key: int
    partner_feed_id: int
    environment: Environment
    schedule: Schedule
    is_active: bool
    is_draft: bool
    policy: RunPolicy = DEFAULT_POLICY

    @property
    def needs_slot(self) -> bool:
        """Whether it counts as active (decision D15)."""
        return self.is_active and not self.is_draft


def create(
    tx: Transaction,
    workspace_id: int,
    id: str,  # noqa: A002 - the published name
    definition: PipelineDefinition,
    *,
    max_active: int,
    now: datetime,
    by: str,
) -> Pipeline:
    """Stores a new pipeline.

    Raises:
        InvalidRequest: the id is taken in this workspace.
        LimitExceeded: it would be active, and ``max_active`` pipelines of the workspace are already.
    """
    slot = _free_slot(tx, workspace_id, max_active) if definition.needs_slot else None
    statement = sa.insert(pipelines).values(
        workspace_id=workspace_id, id=id, active_slot=slot, **_values(definition), **lifetime.created(now, by)
    )
    return by_key(tx, lifetime.insert_unique(tx, statement, kind="pipeline", id=id))


def change(
    tx: Transaction, pipeline: Pipeline, definition: PipelineDefinition, *, max_active: int, now: datetime, by: str
) -> Pipeline:
    """Replaces everything but key, id and workspace, and clears a fault.

    Raises:
        LimitExceeded: it would become active, and ``max_active`` pipelines of the workspace are already.
    """
    values = _values(definition) | lifetime.modified(now, by) | {"faulted_reason": None}
    if not definition.needs_slot:
        values["active_slot"] = None
    elif not pipeline.may_run:
        values["active_slot"] = _free_slot(tx, pipeline.workspace_id, max_active)
        values["resumed_on"] = now
    tx.execute(sa.update(pipelines).where(pipelines.c.key == pipeline.key).values(**values))
    return by_key(tx, pipeline.key)


def pause(tx: Transaction, pipeline: Pipeline, *, now: datetime, by: str) -> Pipeline:
    """Lets no more runs begin; a fault stays."""
    values = {"is_active": False, "active_slot": None} | lifetime.modified(now, by)
    tx.execute(sa.update(pipelines).where(pipelines.c.key == pipeline.key).values(**values))
    return by_key(tx, pipeline.key)


def resume(tx: Transaction, pipeline: Pipeline, *, max_active: int, now: datetime, by: str) -> Pipeline:
    """Makes a pipeline active, if it is not, and clears a fault. Not for drafts.

    Raises:
        LimitExceeded: it would become active, and ``max_active`` pipelines of the workspace are already.
    """
    values = {"is_active": True, "faulted_reason": None} | lifetime.modified(now, by)
    if not pipeline.may_run:
        values |= {"active_slot": _free_slot(tx, pipeline.workspace_id, max_active), "resumed_on": now}
    tx.execute(sa.update(pipelines).where(pipelines.c.key == pipeline.key).values(**values))
    return by_key(tx, pipeline.key)


def find(tx: Transaction, workspace_id: int, id: str, *, lock: bool = False) -> Pipeline | None:  # noqa: A002 - as above
    """The living pipeline with this id. ``lock`` holds it as it is until the transaction ends."""
    query = _SELECT.where(pipelines.c.workspace_id == workspace_id, pipelines.c.id == id, _living())
    row = tx.execute(query.with_for_update(of=pipelines) if lock else query).one_or_none()
    return None if row is None else _pipeline(row)


def by_key(tx: Transaction, key: int) -> Pipeline:
    """The pipeline with this key, deleted or not."""
    return _pipeline(tx.execute(_BY_KEY, {"of_key": key}).one())


def all_of(tx: Transaction, workspace_id: int) -> list[Pipeline]:
    """The workspace's living pipelines in the order of their creation."""
    return _all(tx, pipelines.c.workspace_id == workspace_id, _living())


def active(tx: Transaction) -> list[Pipeline]:
    """Every workspace's pipelines that are alive, active with all they use, and no draft; faulted ones, too."""
    return _all(tx, *_active())


def runnable(tx: Transaction) -> list[Pipeline]:
    """Every workspace's pipelines that runs may be made for: alive, active with all they use, no draft, not faulted."""
    return [_pipeline(row) for row in tx.execute(_RUNNABLE)]


def users_of_connection(tx: Transaction, connection_key: int) -> list[str]:
    """Ids of the living pipelines that use a connection."""
    return [pipeline.id for pipeline in _all(tx, pipelines.c.connection_key == connection_key, _living())]


def on_connection(tx: Transaction, connection_key: int) -> list[Pipeline]:
    """The pipelines that use a connection and are alive, active with all they use, and no draft."""
    return _all(tx, *_active(), pipelines.c.connection_key == connection_key)


def users_of_data_model(tx: Transaction, data_model_key: int) -> list[str]:
    """Ids of the living pipelines that use a data model."""
    return [pipeline.id for pipeline in _all(tx, pipelines.c.data_model_key == data_model_key, _living())]


def set_fault(tx: Transaction, key: int, reason: str | None) -> bool:
    """Marks the pipeline as faulted, or clears the fault with None; returns whether that changed what it was."""
    before = tx.execute(_FAULT, {"of_key": key}).scalar_one()
    tx.execute(_UPDATE, {"of_key": key, "faulted_reason": reason})
    return (before is None) != (reason is None)


def known_stale(tx: Transaction) -> set[int]:
    """The keys of the pipelines that are marked as stale."""
    return set(tx.execute(sa.select(pipelines.c.key).where(pipelines.c.stale_from.is_not(None))).scalars())


def set_stale(tx: Transaction, key: int, since: datetime | None) -> bool:
    """Marks a pipeline as stale since a moment, or with None as not; False if it was marked so, or not, before."""
    marked = pipelines.c.stale_from
    other = marked.is_not(None) if since is None else marked.is_(None)
    statement = sa.update(pipelines).where(pipelines.c.key == key, other).values(stale_from=since)
    return tx.execute(statement).rowcount == 1


def delete(tx: Transaction, pipeline: Pipeline, *, now: datetime, by: str) -> None:
    """Ends the pipeline's life; its runs stay, under its key."""
    ended = lifetime.deleted(now, by) | {"active_slot": None}
    tx.execute(sa.update(pipelines).where(pipelines.c.key == pipeline.key).values(**ended))


_SELECT = (
    sa.select(pipelines, connections.c.id.label("connection_id"), data_models.c.id.label("data_model_id"))
    .join(connections, connections.c.key == pipelines.c.connection_key)
    .join(data_models, data_models.c.key == pipelines.c.data_model_key)
)


def _active() -> tuple[sa.ColumnElement[bool], ...]:
    return (pipelines.c.active_slot.is_not(None), connections.c.is_active, data_models.c.is_active)


_OF_KEY: Final = pipelines.c.key == sa.bindparam("of_key")
_BY_KEY: Final = _SELECT.where(_OF_KEY)
_FAULT: Final = sa.select(pipelines.c.faulted_reason).where(_OF_KEY)
_UPDATE: Final = sa.update(pipelines).where(_OF_KEY)
_RUNNABLE: Final = _SELECT.where(*_active(), pipelines.c.faulted_reason.is_(None)).order_by(pipelines.c.key)


def _living() -> sa.ColumnElement[bool]:
    return pipelines.c.deleted_on.is_(None)


def _all(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> list[Pipeline]:
    return [_pipeline(row) for row in tx.execute(_SELECT.where(*conditions).order_by(pipelines.c.key))]


def _free_slot(tx: Transaction, workspace_id: int, max_active: int) -> int:
    """The smallest free slot. Writers take turns at the workspace's row; the unique index decides should they not."""
    tx.execute(sa.select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update())
    query = sa.select(pipelines.c.active_slot).where(
        pipelines.c.workspace_id == workspace_id, pipelines.c.active_slot.is_not(None)
    )
    taken = set(tx.execute(query).scalars())
    free = [slot for slot in range(1, max_active + 1) if slot not in taken]
    if len(taken) >= max_active or not free:
        raise LimitExceeded(
            f"This workspace has {len(taken)} active pipelines; at most {max_active} are allowed. Pause or delete one, or make "
            "this one a draft.",
            field="is_active",
            code="too_many_active_pipelines",
        )
    return free[0]


def _values(definition: PipelineDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "connection_key": definition.connection_key,
        "data_model_key": definition.data_model_key,
        "partner_feed_id": definition.partner_feed_id,
        "environment": definition.environment.value,
        "schedule_interval": definition.schedule.interval.value,
        "schedule_start": definition.schedule.start,
        "schedule_end": definition.schedule.end,
        "is_active": definition.is_active,
        "is_draft": definition.is_draft,
        "on_failed_interval": definition.policy.on_failed_interval.value,
        "lookback_seconds": definition.policy.lookback // timedelta(seconds=1),
        "repairs_late_rows": definition.policy.repairs_late_rows,
        "counts_unread_rows": definition.policy.counts_unread_rows,
        "statement_timeout_seconds": definition.policy.statement_timeout_seconds,
        "max_bytes_billed": definition.policy.max_bytes_billed,
    }


def _pipeline(row: sa.Row[Any]) -> Pipeline:
    return Pipeline(
        key=row.key,
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        connection_key=row.connection_key,
        connection_id=row.connection_id,
        data_model_key=row.data_model_key,
        data_model_id=row.data_model_id,
        partner_feed_id=row.partner_feed_id,
        environment=Environment(row.environment),
        schedule=Schedule(ScheduleInterval(row.schedule_interval), row.schedule_start, row.schedule_end),
        is_active=row.is_active,
        is_draft=row.is_draft,
        faulted_reason=row.faulted_reason,
        audit=lifetime.stamp_of(row),
        resumed_on=row.resumed_on,
        policy=RunPolicy(
            on_failed_interval=OnFailedInterval(row.on_failed_interval),
            lookback=timedelta(seconds=row.lookback_seconds),
            repairs_late_rows=row.repairs_late_rows,
            counts_unread_rows=row.counts_unread_rows,
            statement_timeout_seconds=row.statement_timeout_seconds,
            max_bytes_billed=row.max_bytes_billed,
        ),
    )
