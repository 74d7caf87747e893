"""Pipelines: joined, probed and bounded in number before they may run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final

from warehouse_sync.catalog import audit, cancellation, connections, data_models, pipelines, runs
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.connection import Connection
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.pipeline import DEFAULT_POLICY, OnFailedInterval, Pipeline, RunPolicy, Schedule
from warehouse_sync.domain.schedule import ScheduleInterval, default_start
from warehouse_sync.domain.secret import Secret
from warehouse_sync.domain.slug import check_slug
from warehouse_sync.errors import InvalidRequest, NotFound
from warehouse_sync.scheduler.ledger import blocking_run, progress_of
from warehouse_sync.scheduler.planner import skipped
from warehouse_sync.scheduler.staleness import DEFAULT_GRACE
from warehouse_sync.security.vault import Vault
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.feeds import FeedFinder
from warehouse_sync.services.outlook import ComingInterval, PipelineOutlook, coming_intervals, outlook_of
from warehouse_sync.services.warehouse_ports import PipelineProbe
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """What a request says of a pipeline's policy; None leaves it as it is. Clients of the published API know nothing of it."""

    on_failed_interval: OnFailedInterval | None = None
    lookback: timedelta | None = None
    repairs_late_rows: bool | None = None
    counts_unread_rows: bool | None = None
    statement_timeout_seconds: int | None = None
    max_bytes_billed: int | None = None

    def over(self, before: RunPolicy) -> RunPolicy:
        """The policy before, with what the request says put over it."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(before, **{name: value for name, value in given.items() if value is not None})


_UNCHANGED: Final = PolicyDraft()


@dataclass(frozen=True, slots=True)
class ScheduleAhead:
    """The intervals that come next, and what the catch-up limit leaves unread before them."""

    intervals: tuple[ComingInterval, ...]
    skipped: Interval | None


@dataclass(frozen=True, slots=True)
class PipelineDraft:
    """What a request says of a pipeline; the feed is named by id or key."""

    name: str
    connection_id: str
    data_model_id: str
    partner_feed_id: int | None
    partner_feed_key: Secret | None
    schedule_interval: ScheduleInterval
    schedule_start: datetime | None
    schedule_end: datetime | None
    environment: Environment
    is_active: bool = True
    is_draft: bool = False
    policy: PolicyDraft = _UNCHANGED


@dataclass(frozen=True, slots=True)
class _Parts:
    """The objects a pipeline joins, the connection with readable secrets."""

    connection: Connection
    data_model: DataModel
    feed_id: int


class PipelineService:
    """The verbs of pipelines.

    Args:
        wake: tells the scheduler that there may be something to do.
        settle_delay: wait after the end of a scheduled interval.
        grace: how late a pipeline may be before it is stale.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        vault: Vault,
        feeds: FeedFinder,
        probe: PipelineProbe,
        limits: Limits,
        wake: Callable[[], None],
        settle_delay: timedelta = timedelta(0),
        grace: timedelta = DEFAULT_GRACE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._feeds = feeds
        self._probe = probe
        self._limits = limits
        self._wake = wake
        self._settle_delay = settle_delay
        self._grace = grace

    def all_of(self, caller: Caller, workspace_id: int) -> list[PipelineOutlook]:
        """The workspace's pipelines and how each stands, in the order of their creation."""
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return [self._outlook(tx, found) for found in pipelines.all_of(tx, workspace_id)]

    def get(self, caller: Caller, workspace_id: int, pipeline_id: str) -> PipelineOutlook:
        """One pipeline and how it stands.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return self._outlook(tx, existing_pipeline(tx, workspace_id, pipeline_id))

    def create(self, caller: Caller, workspace_id: int, pipeline_id: str, draft: PipelineDraft) -> Pipeline:
        """Probes the data model on the connection, then stores the pipeline.

        Raises:
            InvalidRequest: a field is wrong, names nothing, the columns cannot be mapped, or the id is taken.
            LimitExceeded: it would be one active pipeline too many.
            WarehouseError: the warehouse refused or did not answer.
        """
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.ADMIN, workspace_id)
            parts = self._parts(tx, workspace_id, draft)
        check_slug(pipeline_id)
        now = self._clock.now()
        schedule = _schedule(draft, now)
        _refuse_unheld(draft.policy.over(DEFAULT_POLICY), parts.connection)
        self._probe.check(parts.connection, parts.data_model, rules_of(workspace.identity_settings).priority)
        with self._database.write() as tx:
            definition = _definition(draft, self._parts(tx, workspace_id, draft), schedule, DEFAULT_POLICY)
            stored = pipelines.create(
                tx,
                workspace_id,
                pipeline_id,
                definition,
                max_active=self._limits.active_pipelines,
                now=self._clock.now(),
                by=caller.name,
            )
            audit.record(tx, self._entry(caller, "create", stored))
        self._wake()
        return stored

    def replace(self, caller: Caller, workspace_id: int, pipeline_id: str, draft: PipelineDraft) -> Pipeline:
        """Probes again, then replaces the whole pipeline and clears its fault. Where it had got to in time is kept.

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest, LimitExceeded, WarehouseError: as :meth:`create`.
        """
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.ADMIN, workspace_id)
            before = existing_pipeline(tx, workspace_id, pipeline_id)
            parts = self._parts(tx, workspace_id, draft, before=before)
        schedule = _schedule(draft, self._clock.now(), before=before.schedule)
        _refuse_unheld(draft.policy.over(before.policy), parts.connection)
        self._probe.check(parts.connection, parts.data_model, rules_of(workspace.identity_settings).priority)
        with self._database.write() as tx:
            current = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            parts = self._parts(tx, workspace_id, draft, before=current)
            definition = _definition(draft, parts, schedule, current.policy)
            stored = pipelines.change(
                tx,
                current,
                definition,
                max_active=self._limits.active_pipelines,
                now=self._clock.now(),
                by=caller.name,
            )
            audit.record(tx, self._entry(caller, "change", stored))
        self._wake()
        return stored

    def delete(self, caller: Caller, workspace_id: int, pipeline_id: str) -> None:
        """Removes a pipeline and cancels its unfinished run; what it wrote stays on the profiles, with its origin (decision D31).

        Raises:
            NotFound: there is none.
        """
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            unfinished = runs.unfinished_of(tx, found.key)
            if unfinished is not None:
                cancellation.cancel(tx, unfinished.id, by=caller.name, now=now)
            pipelines.delete(tx, found, now=now, by=caller.name)
            audit.record(tx, self._entry(caller, "delete", found))
            crashpoint("object_deleting")
        crashpoint("object_deleted")

    def schedule(self, caller: Caller, workspace_id: int, pipeline_id: str, count: int) -> ScheduleAhead:
        """The next ``count`` intervals, as they will be if every run succeeds and nothing is changed, paused or not.

        Raises:
            NotFound: there is no such pipeline.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            found = existing_pipeline(tx, workspace_id, pipeline_id)
            progress = progress_of(tx, found)
        now, delay = self._clock.now(), self._settle_delay
        coming = coming_intervals(found.schedule, progress, count, now=now, settle_delay=delay)
        return ScheduleAhead(coming, skipped(found.schedule, progress) if coming else None)

    def pause(self, caller: Caller, workspace_id: int, pipeline_id: str) -> PipelineOutlook:
        """Lets no more runs begin. The run that is being executed ends as it would; one that waits goes on waiting.

        Raises:
            NotFound: there is no such pipeline.
        """
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            if found.is_active:
                found = pipelines.pause(tx, found, now=now, by=caller.name)
                audit.record(tx, self._entry(caller, "pause", found))
            return self._outlook(tx, found)

    def resume(self, caller: Caller, workspace_id: int, pipeline_id: str) -> PipelineOutlook:
        """Makes a pipeline active, clears its fault, and queues the failed run that its later intervals wait for.

        Raises:
            NotFound: there is no such pipeline.
            InvalidRequest: it is a draft.
            LimitExceeded: it would be one active pipeline too many.
        """
        now = self._clock.now()
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = existing_pipeline(tx, workspace_id, pipeline_id, lock=True)
            if found.is_draft:
                raise InvalidRequest(
                    f"Pipeline {pipeline_id} is a draft. Send it with PUT, with is_draft false.", field="is_draft"
                )
            found = pipelines.resume(tx, found, max_active=self._limits.active_pipelines, now=now, by=caller.name)
            blocking = blocking_run(tx, found, progress_of(tx, found))
            if blocking is not None:
                runs.retry(tx, blocking)
            audit.record(tx, self._entry(caller, "resume", found))
            outlook = self._outlook(tx, found)
        self._wake()
        return outlook

    def _parts(
        self, tx: Transaction, workspace_id: int, draft: PipelineDraft, *, before: Pipeline | None = None
    ) -> _Parts:
        connection = connections.find(tx, workspace_id, draft.connection_id, lock=True)
        if connection is None:
            raise InvalidRequest("There is no connection with this connection_id.", field="connection_id")
        data_model = data_models.find(tx, workspace_id, draft.data_model_id, lock=True)
        if data_model is None:
            raise InvalidRequest("There is no data model with this data_model_id.", field="data_model_id")
        feed_id = self._feeds.resolve(
            tx,
            workspace_id,
            feed_id=draft.partner_feed_id,
            key=draft.partner_feed_key,
            kept_id=None if before is None else before.partner_feed_id,
        )
        return _Parts(connections.opened(tx, connection, self._vault), data_model, feed_id)

    def _outlook(self, tx: Transaction, pipeline: Pipeline) -> PipelineOutlook:
        return outlook_of(tx, pipeline, now=self._clock.now(), settle_delay=self._settle_delay, grace=self._grace)

    def _entry(self, caller: Caller, action: str, pipeline: Pipeline) -> AuditEntry:
        return AuditEntry(self._clock.now(), caller.client_id, pipeline.workspace_id, action, "pipeline", pipeline.id)


def existing_pipeline(tx: Transaction, workspace_id: int, pipeline_id: str, *, lock: bool = False) -> Pipeline:
    """The living pipeline with this id, or NotFound."""
    found = pipelines.find(tx, workspace_id, pipeline_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no pipeline {pipeline_id[:128]}.")
    return found


def _definition(
    draft: PipelineDraft, parts: _Parts, schedule: Schedule, policy_before: RunPolicy
) -> PipelineDefinition:
    policy = draft.policy.over(policy_before)
    _refuse_unheld(policy, parts.connection)  # another request may have set a limit while the warehouse was probed
    return PipelineDefinition(
        name=draft.name,
        connection_key=parts.connection.key,
        data_model_key=parts.data_model.key,
        partner_feed_id=parts.feed_id,
        environment=draft.environment,
        schedule=schedule,
        is_active=draft.is_active,
        is_draft=draft.is_draft,
        policy=policy,
    )


def _schedule(draft: PipelineDraft, now: datetime, *, before: Schedule | None = None) -> Schedule:
    """The schedule with its defaults (decision D7). A start that a PUT leaves out stays, unless the interval changes."""
    interval, start, end = draft.schedule_interval, draft.schedule_start, draft.schedule_end
    if start is None and before is not None and before.interval is interval:
        start = before.start
    if start is None and interval is ScheduleInterval.ON_DEMAND:
        raise InvalidRequest(
            "schedule_start_time is required for an on_demand pipeline: the first run reads from there on.",
            field="schedule_start_time",
        )
    if start is None and interval.has_grid:
        start = default_start(interval, now)
    if start is not None and end is not None and end <= start:
        raise InvalidRequest("schedule_end_time must be later than schedule_start_time.", field="schedule_end_time")
    return Schedule(interval, start, end)


def _refuse_unheld(policy: RunPolicy, connection: Connection) -> None:
    """A limit that nobody holds is none.

    Raises:
        InvalidRequest: the policy has a limit that the connection's type of warehouse does not hold.
    """
    if not policy.max_bytes_billed or WAREHOUSE_TYPES[connection.address.type].capabilities.holds_bytes_billed:
        return
    able = ", ".join(kind.title for kind in WAREHOUSE_TYPES.values() if kind.capabilities.holds_bytes_billed)
    raise InvalidRequest(
        f"max_bytes_billed is only held by {able}, not by {WAREHOUSE_TYPES[connection.address.type].title}. Send 0, and limit the time of "
        "a statement by statement_timeout_seconds.",
        field="max_bytes_billed",
    )
