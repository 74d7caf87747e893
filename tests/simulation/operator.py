"""The person of the play: creates, edits, pauses, resumes, triggers, runs again and deletes, by the product's own services."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.simulation.process import Services
from tests.simulation.warehouse import VARIANTS
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import OnFailedInterval, Pipeline
from warehouse_sync.domain.run import CANCELLED, Run, RunState
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import RequestError
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.connections import ConnectionDraft
from warehouse_sync.services.data_models import DataModelDraft
from warehouse_sync.services.pipelines import PipelineDraft, PolicyDraft

WORKSPACE = 1
FEED = 1


@dataclass
class Person:
    """What a person has in mind; what the service made of it, only the service knows.

    Attributes:
        schedules: which intervals suit the length of a tick.
        pipelines, models: as last asked for, by id.
        starts_on: the earliest moment a schedule may begin.
    """

    rng: random.Random
    tables: list[str]
    schedules: list[ScheduleInterval]
    starts_on: datetime
    tick: timedelta
    pipelines: dict[str, PipelineDraft] = field(default_factory=dict)
    models: dict[str, DataModelDraft] = field(default_factory=dict)

    def set_up(self, services: Services) -> None:
        """The connection, one data model per table, and some pipelines."""
        services.connections.create(OPERATOR, WORKSPACE, "c", _connection())
        for table in self.tables:
            self.models[table] = self._model(table, variant=0)
            services.data_models.create(OPERATOR, WORKSPACE, table, self.models[table])
        for number in range(self.rng.choice([1, 1, 2, 3])):
            self._create(services, f"p{number + 1}")

    def act(self, services: Services) -> None:
        """One deed. The service may refuse it."""
        deeds: list[tuple[int, Callable[[Services], None]]] = [
            (6, self._trigger),
            (4, self._run_again),
            (3, self._cancel),
            (1, self._resync),
            (1, self._backfill),
            (3, self._touch),
            (2, self._switch),
            (2, self._reschedule),
            (2, self._rewrite),
            (1, self._pause_connection),
            (1, self._pause_model),
            (1, self._delete_connection),
            (1, self._delete_model),
            (1, self._delete),
            (2, lambda services: self._create(services, f"p{self.rng.randint(1, 4)}")),
        ]
        [(_, deed)] = self.rng.choices(deeds, weights=[weight for weight, _ in deeds])
        deed(services)

    def put_right(self, services: Services) -> None:
        """At the end of the play: everything that is there is active, and no fault stays."""
        for connection in services.connections.all_of(OPERATOR, WORKSPACE):
            if not connection.is_active:
                services.connections.replace(OPERATOR, WORKSPACE, connection.id, _connection())
        for model in services.data_models.all_of(OPERATOR, WORKSPACE):
            if not model.is_active:
                draft = DataModelDraft(model.name, model.sql_query, model.load_timestamp)
                services.data_models.replace(OPERATOR, WORKSPACE, model.id, draft)
        for found in services.pipelines.all_of(OPERATOR, WORKSPACE):
            services.pipelines.replace(OPERATOR, WORKSPACE, found.pipeline.id, _draft_of(found.pipeline))

    def run_cancelled_again(self, services: Services) -> int:
        """Whoever cancelled a run has to say when it shall run; how many there were."""
        again = 0
        for found in services.pipelines.all_of(OPERATOR, WORKSPACE):
            for run in services.runs.page(OPERATOR, WORKSPACE, found.pipeline.id, page=1, size=1000):
                if run.failure is not None and run.failure.code == CANCELLED:
                    with suppress(RequestError):  # another run is under way, or has read the rows
                        services.run_requests.run_again(OPERATOR, WORKSPACE, found.pipeline.id, run.id)
                        again += 1
        return again

    def _model(self, table: str, *, variant: int) -> DataModelDraft:
        offset = self.rng.choice([timedelta(0)] * 4 + [self.tick, -self.tick])
        stamp = LoadTimestamp("updated_at", LoadTimestampType.TIMESTAMP_NTZ, None, offset)
        return DataModelDraft(table, VARIANTS[variant].format(table=table), stamp)

    def _draft(self, id_: str) -> PipelineDraft:
        interval = self.rng.choice(self.schedules)
        start = self.starts_on + self.rng.randint(0, 8) * self.tick + timedelta(seconds=self.rng.choice([0, 0, 17]))
        return PipelineDraft(
            name=id_,
            connection_id="c",
            data_model_id=self.rng.choice(self.tables),
            partner_feed_id=FEED,
            partner_feed_key=None,
            schedule_interval=interval,
            schedule_start=None if interval is ScheduleInterval.ONCE else start,
            schedule_end=None,
            environment=self.rng.choice([Environment.DEVELOPMENT] * 3 + [Environment.PRODUCTION]),
            policy=self._policy(),
        )

    def _policy(self) -> PolicyDraft:
        """For the whole life of a pipeline: what its runs read shall be told from its row."""
        return PolicyDraft(
            on_failed_interval=self.rng.choice(
                [OnFailedInterval.WAIT, OnFailedInterval.WAIT, OnFailedInterval.CONTINUE]
            ),
            lookback=self.rng.choice([timedelta(0), timedelta(0), self.tick, 4 * self.tick]),
            repairs_late_rows=self.rng.choice([False, True]),
        )

    def _create(self, services: Services, id_: str) -> None:
        draft = self._draft(id_)
        self.pipelines.setdefault(id_, draft)  # if it is created and does not say so, it is there all the same
        services.pipelines.create(OPERATOR, WORKSPACE, id_, draft)
        self.pipelines[id_] = draft

    def _replace(self, services: Services, id_: str, draft: PipelineDraft) -> None:
        services.pipelines.replace(OPERATOR, WORKSPACE, id_, draft)
        self.pipelines[id_] = draft

    def _some(self) -> str:
        return self.rng.choice(sorted(self.pipelines) or ["p1"])

    def _trigger(self, services: Services) -> None:
        services.run_requests.trigger(OPERATOR, WORKSPACE, self._some())

    def _run_again(self, services: Services) -> None:
        found = self._runs(services, RunState.FAILED)
        if found:
            services.run_requests.run_again(OPERATOR, WORKSPACE, found[0].pipeline_id, self.rng.choice(found).id)

    def _cancel(self, services: Services) -> None:
        found = self._runs(services, RunState.RUNNING)
        if found:
            services.run_requests.cancel(OPERATOR, WORKSPACE, found[0].pipeline_id, self.rng.choice(found).id)

    def _resync(self, services: Services) -> None:
        services.run_requests.resync(OPERATOR, WORKSPACE, self._some())

    def _backfill(self, services: Services) -> None:
        start = self.starts_on + self.rng.randint(0, 20) * self.tick
        end = start + self.rng.randint(1, 9) * self.tick
        services.run_requests.backfill(OPERATOR, WORKSPACE, self._some(), start, end)

    def _runs(self, services: Services, wanted: RunState) -> list[Run]:
        """A pipeline's runs in a state; any of its runs if none is."""
        page = services.runs.page(OPERATOR, WORKSPACE, self._some(), page=1, size=20)
        return [run for run in page if run.state is wanted] or page

    def _touch(self, services: Services) -> None:
        id_ = self._some()
        if id_ in self.pipelines:
            self._replace(services, id_, self.pipelines[id_])

    def _switch(self, services: Services) -> None:
        id_ = self._some()
        if id_ in self.pipelines:
            draft = self.pipelines[id_]
            self._replace(services, id_, replace(draft, is_active=not draft.is_active))

    def _reschedule(self, services: Services) -> None:
        id_ = self._some()
        if id_ in self.pipelines:
            fresh, draft = self._draft(id_), self.pipelines[id_]
            self._replace(
                services,
                id_,
                replace(draft, schedule_interval=fresh.schedule_interval, schedule_start=fresh.schedule_start),
            )

    def _rewrite(self, services: Services) -> None:
        table = self.rng.choice(self.tables)
        fresh = self._model(table, variant=self.rng.choice([0, 1]))
        services.data_models.replace(OPERATOR, WORKSPACE, table, fresh)
        self.models[table] = fresh

    def _pause_connection(self, services: Services) -> None:
        services.connections.replace(
            OPERATOR, WORKSPACE, "c", replace(_connection(), is_active=self.rng.choice([True, True, False]))
        )

    def _pause_model(self, services: Services) -> None:
        table = self.rng.choice(self.tables)
        fresh = replace(self.models[table], is_active=self.rng.choice([True, True, False]))
        services.data_models.replace(OPERATOR, WORKSPACE, table, fresh)
        self.models[table] = fresh

    def _delete_connection(self, services: Services) -> None:
        services.connections.delete(OPERATOR, WORKSPACE, "c")
        services.connections.create(OPERATOR, WORKSPACE, "c", _connection())

    def _delete_model(self, services: Services) -> None:
        table = self.rng.choice(self.tables)
        services.data_models.delete(OPERATOR, WORKSPACE, table)
        services.data_models.create(OPERATOR, WORKSPACE, table, self.models[table])

    def _delete(self, services: Services) -> None:
        services.pipelines.delete(OPERATOR, WORKSPACE, self._some())


def _draft_of(pipeline: Pipeline) -> PipelineDraft:
    """What a person sends to have a pipeline as it is, but active."""
    return PipelineDraft(
        name=pipeline.name,
        connection_id=pipeline.connection_id,
        data_model_id=pipeline.data_model_id,
        partner_feed_id=pipeline.partner_feed_id,
        partner_feed_key=None,
        schedule_interval=pipeline.schedule.interval,
        schedule_start=pipeline.schedule.start,
        schedule_end=pipeline.schedule.end,
        environment=pipeline.environment,
    )  # the policy stays as it is


def _connection() -> ConnectionDraft:
    return ConnectionDraft("c", "duckdb", {"database": "shop.duckdb"}, {})
