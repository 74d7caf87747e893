"""Random sequences of requests against a model that is a few dictionaries (figure R15).

The application runs in this process on a real SQLite database; every sequence has a workspace of its own. ``MACHINE_EXAMPLES`` and
``MACHINE_STEPS`` set how many sequences there are and how long they get.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from warehouse_sync.catalog import runs
from warehouse_sync.domain.limits import Limits
from warehouse_sync.domain.run import Run, RunCounts, RunFailure, RunState
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.services.caller import OPERATOR

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "10"))
STEPS = int(os.environ.get("MACHINE_STEPS", "50"))
START = "2023-02-01T00:00:00Z"
MOST_ACTIVE = Limits().active_pipelines
PARTS = st.sampled_from(["a", "a", "a", "b"])
KINDS = st.sampled_from(["connections", "data-models"])
NAMES = ("p1", "p2", "p3", "p4", "p5", "p6", "p7")
CHANCE = st.integers(0, 99)
SCHEDULES = st.sampled_from(["on_demand", "on_demand", "on_demand", "daily"])
MOSTLY = st.sampled_from([True, True, True, True, True, False])
RARELY = st.sampled_from([False, False, False, False, False, True])


@dataclass
class ModelRun:
    start: str
    end: str
    state: str = "triggered"
    attempt: int = 1


@dataclass
class ModelPipeline:
    connection: str
    data_model: str
    schedule: str
    is_active: bool
    is_draft: bool
    runs: dict[int, ModelRun] = field(default_factory=dict)

    @property
    def needs_slot(self) -> bool:
        return self.is_active and not self.is_draft

    @property
    def unfinished(self) -> int | None:
        return next((number for number, run in self.runs.items() if run.state not in {"success", "failed"}), None)

    @property
    def synced_until(self) -> str | None:
        return max((run.end for run in self.runs.values() if run.state == "success"), default=None)


class ApiMachine(RuleBasedStateMachine):
    """Every rule sends one request and compares the answer with what the model says must come."""

    plane: Any
    connection_body: Any
    data_model_body: Any
    numbers = itertools.count(1000)

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, dict[str, bool]] = {"connections": {}, "data-models": {}}
        self.pipelines: dict[str, ModelPipeline] = {}
        self.held: list[tuple[Run, ModelRun]] = []

    @initialize()
    def own_workspace(self) -> None:
        self.plane.client.headers.update(self.plane.headers())  # a fresh token: the clock runs on
        self.workspace = next(self.numbers)
        self.plane.services.workspaces.create(OPERATOR, id=self.workspace, name="M", org_id=1, account_id=2)
        self.feed = self.plane.services.feeds.create(OPERATOR, self.workspace, name="m").feed.id
        self.base = f"/platform/experimental/workspaces/{self.workspace}/inputs/warehouse"
        self.again = f"/platform/extensions/workspaces/{self.workspace}/pipelines"
        for kind in self.parts:  # else most sequences would end before they begin
            self.create_part(kind=kind, id_="a", active=True)
        for pick in range(2):
            self.create_pipeline(
                pick=pick, connection="a", data_model="a", schedule="on_demand", active=True, draft=False
            )

    @rule(kind=KINDS, id_=PARTS, active=MOSTLY)
    def create_part(self, kind: str, id_: str, active: bool) -> None:
        status, answer = self._ask("POST", kind, self._part_body(kind, id_, active))
        if self._agrees(status, answer, {"invalid_request"} if id_ in self.parts[kind] else set()):
            self.parts[kind][id_] = active

    @rule(kind=KINDS, id_=PARTS, active=MOSTLY)
    def replace_part(self, kind: str, id_: str, active: bool) -> None:
        body = self._part_body(kind, id_, active) | ({"password": "************"} if kind == "connections" else {})
        status, answer = self._ask("PUT", f"{kind}/{id_}", body)
        assert status == (200 if id_ in self.parts[kind] else 404), answer
        if status == 200:
            self.parts[kind][id_] = active

    @rule(kind=KINDS, id_=PARTS)
    def delete_part(self, kind: str, id_: str) -> None:
        users = {p.connection if kind == "connections" else p.data_model for p in self.pipelines.values()}
        status, answer = self._ask("DELETE", f"{kind}/{id_}")
        assert status == (404 if id_ not in self.parts[kind] else 400 if id_ in users else 204), answer
        if status == 400:
            assert answer["errors"][0]["code"] == "in_use"
        if status == 204:
            del self.parts[kind][id_]

    @rule(pick=CHANCE, connection=PARTS, data_model=PARTS, schedule=SCHEDULES, active=MOSTLY, draft=RARELY)
    def create_pipeline(
        self, pick: int, connection: str, data_model: str, schedule: str, active: bool, draft: bool
    ) -> None:
        id_ = self._free(pick)
        wanted = ModelPipeline(connection, data_model, schedule, active, draft)
        refusals = self._hindrances(wanted, others=self.pipelines)
        if id_ in self.pipelines:
            refusals.add("invalid_request")
        status, answer = self._ask("POST", "pipelines", self._pipeline_body(id_, wanted))
        if self._agrees(status, answer, refusals):
            self.pipelines[id_] = wanted

    @rule(pick=CHANCE, connection=PARTS, data_model=PARTS, schedule=SCHEDULES, active=MOSTLY, draft=RARELY)
    def replace_pipeline(
        self, pick: int, connection: str, data_model: str, schedule: str, active: bool, draft: bool
    ) -> None:
        id_ = self._known(pick)
        wanted = ModelPipeline(connection, data_model, schedule, active, draft)
        status, answer = self._ask("PUT", f"pipelines/{id_}", self._pipeline_body(id_, wanted))
        if id_ not in self.pipelines:
            assert (status, answer["errors"][0]["code"]) == (404, "not_found")
            return
        others = {other: pipeline for other, pipeline in self.pipelines.items() if other != id_}
        if self._agrees(status, answer, self._hindrances(wanted, others=others)):
            wanted.runs = self.pipelines[id_].runs
            self.pipelines[id_] = wanted

    @rule(pick=CHANCE)
    def delete_pipeline(self, pick: int) -> None:
        """A run that waits is cancelled with it; the holder of one that is being executed may still end it."""
        id_ = self._known(pick)
        status, answer = self._ask("DELETE", f"pipelines/{id_}")
        assert status == (204 if id_ in self.pipelines else 404), answer
        unfinished = self.pipelines.pop(id_).unfinished if status == 204 else None
        if unfinished is not None:
            with self.plane.database.read() as tx:
                run = runs.get(tx, unfinished)
            assert run.cancel_requested_on is not None
            assert (run.state is RunState.RUNNING) != (run.failure is not None)

    @rule(pick=CHANCE, seconds=st.integers(1, 500))
    def trigger(self, pick: int, seconds: int) -> None:
        id_ = self._known(pick)
        self.plane.clock.advance(timedelta(seconds=seconds))
        status, answer = self._ask("POST", f"pipelines/{id_}")
        if id_ not in self.pipelines:
            assert status == 404
            return
        pipeline = self.pipelines[id_]
        refusals = self._holds_back(pipeline)
        if pipeline.schedule != "on_demand":
            refusals.add("not_triggerable")
        if pipeline.unfinished is not None:
            refusals.add("busy")
        if self._agrees(status, answer, refusals):
            assert answer["status"] == "trigger_requested"
            end = format_instant(self.plane.clock.now())
            pipeline.runs[answer["pipeline_run_id"]] = ModelRun(pipeline.synced_until or START, end)

    @rule(pick=CHANCE, chance=CHANCE)
    def run_again(self, pick: int, chance: int) -> None:
        id_ = self._known(pick)
        pipeline = self.pipelines.get(id_)
        if pipeline is None or not pipeline.runs:
            assert self.plane.client.post(f"{self.again}/{id_}/runs/1/run-again").status_code == 404
            return
        failed = [number for number, run in pipeline.runs.items() if run.state == "failed"]
        number = failed[-1] if failed and chance < 80 else sorted(pipeline.runs)[chance % len(pipeline.runs)]
        run = pipeline.runs[number]
        made = self.plane.client.post(f"{self.again}/{id_}/runs/{number}/run-again")
        refusals = self._holds_back(pipeline)
        if pipeline.unfinished is not None:
            refusals.add("busy")
        if run.state != "failed" or (pipeline.synced_until is not None and pipeline.synced_until >= run.end):
            refusals.add("not_repeatable")
        if self._agrees(made.status_code, made.json(), refusals):
            run.state, run.attempt = "queued", run.attempt + 1

    @rule()
    def begin(self) -> None:
        """What the scheduler does: it takes the oldest run that waits, and leaves alone what is paused."""
        waiting = self._executable()
        with self.plane.database.write() as tx:
            claimed = runs.claim_next(tx, holder="m", now=self.plane.clock.now(), lease=timedelta(days=36_500))
        assert (None if claimed is None else claimed.id) == min(waiting, default=None)
        if claimed is not None:
            waiting[claimed.id].state = "running"
            self.held.append((claimed, waiting[claimed.id]))

    @precondition(lambda self: self.held)
    @rule(chance=CHANCE, success=st.booleans())
    def finish(self, chance: int, success: bool) -> None:
        claimed, run = self.held.pop(chance % len(self.held))
        state = RunState.SUCCESS if success else RunState.FAILED
        failure = None if success else RunFailure("warehouse_query", "The query was refused.")
        with self.plane.database.write() as tx:
            counts = RunCounts(extracted=1, changed=1)
            assert runs.finish(tx, claimed, state=state, counts=counts, failure=failure, now=self.plane.clock.now())
        run.state = state.value

    @rule(success=st.booleans())
    def finish_all(self, success: bool) -> None:
        while self.held or self._executable():
            self.begin()
            while self.held:
                self.finish(chance=0, success=success)

    @rule(pick=CHANCE, seconds=st.integers(1, 500), success=st.booleans())
    def run_through(self, pick: int, seconds: int, success: bool) -> None:
        self.trigger(pick=pick, seconds=seconds)
        self.finish_all(success=success)
        self.run_again(pick=pick, chance=0)
        self.read_status_and_runs(pick=pick)

    @rule()
    def lists_are_the_model(self) -> None:
        for kind, expected in self.parts.items():
            assert {one["id"]: one["is_active"] for one in self._list(kind)} == expected
        fields = ("connection_id", "data_model_id", "schedule_interval", "is_active", "is_draft")
        listed = {one["id"]: tuple(one[name] for name in fields) for one in self._list("pipelines")}
        assert listed == {
            id_: (p.connection, p.data_model, p.schedule, p.is_active, p.is_draft) for id_, p in self.pipelines.items()
        }
        assert sum(pipeline.needs_slot for pipeline in self.pipelines.values()) <= MOST_ACTIVE

    @rule(pick=CHANCE)
    def read_status_and_runs(self, pick: int) -> None:
        id_ = self._known(pick)
        status, answer = self._ask("GET", f"pipelines/{id_}/status")
        if id_ not in self.pipelines:
            assert status == 404
            return
        pipeline = self.pipelines[id_]
        assert (status, answer["is_active"], answer["is_draft"]) == (200, pipeline.is_active, pipeline.is_draft)
        assert answer["is_connection_active"] == self.parts["connections"][pipeline.connection]
        assert answer["synced_until"] == pipeline.synced_until
        _, page = self._ask("GET", f"pipelines/{id_}/status/runs?pageSize=1000")
        fields = ("data_interval_start", "data_interval_end", "pipeline_run_state", "attempt")
        listed = {one["pipeline_run_id"]: tuple(one[name] for name in fields) for one in page["items"]}
        assert listed == {n: (r.start, r.end, r.state, r.attempt) for n, r in pipeline.runs.items()}

    def teardown(self) -> None:
        """The last look. Leaves no run behind that another sequence's scheduler could take, whatever that look, or a step, has found."""
        try:
            self.lists_are_the_model()
            for pick in range(len(self.pipelines)):
                self.read_status_and_runs(pick=pick)
        finally:
            self._end_all_runs()

    def _end_all_runs(self) -> None:
        with self.plane.database.write() as tx:
            for claimed, _ in self.held:
                runs.finish(tx, claimed, state=RunState.SUCCESS, counts=None, failure=None, now=self.plane.clock.now())
            now = self.plane.clock.now()
            while (run := runs.claim_next(tx, holder="m", now=now, lease=timedelta(days=1))) is not None:
                runs.finish(tx, run, state=RunState.SUCCESS, counts=None, failure=None, now=now)

    def _executable(self) -> dict[int, ModelRun]:
        """The runs that wait and are not held back."""
        return {
            number: run
            for pipeline in self.pipelines.values()
            if not self._holds_back(pipeline)
            for number, run in pipeline.runs.items()
            if run.state in {"triggered", "queued"}
        }

    def _known(self, chance: int) -> str:
        """Nearly always the name of a pipeline that is there."""
        known = sorted(self.pipelines)
        return known[chance % len(known)] if known and chance < 95 else NAMES[chance % len(NAMES)]

    def _free(self, chance: int) -> str:
        """Mostly a name that is free."""
        free = sorted(set(NAMES) - self.pipelines.keys())
        return free[chance % len(free)] if free and chance < 85 else NAMES[chance % len(NAMES)]

    def _part_body(self, kind: str, id_: str, active: bool) -> dict[str, Any]:
        fields = {"id": id_, "workspace_id": self.workspace, "is_active": active}
        if kind == "connections":
            return self.connection_body(**fields)
        return self.data_model_body(**fields, load_timestamp_field_time_offset=0)

    def _hindrances(self, wanted: ModelPipeline, *, others: dict[str, ModelPipeline]) -> set[str]:
        refusals = set()
        if wanted.connection not in self.parts["connections"] or wanted.data_model not in self.parts["data-models"]:
            refusals.add("invalid_request")
        if wanted.needs_slot and sum(pipeline.needs_slot for pipeline in others.values()) >= MOST_ACTIVE:
            refusals.add("too_many_active_pipelines")
        return refusals

    def _holds_back(self, pipeline: ModelPipeline) -> set[str]:
        runs_now = (
            pipeline.needs_slot
            and self.parts["connections"][pipeline.connection]
            and self.parts["data-models"][pipeline.data_model]
        )
        return set() if runs_now else {"not_triggerable"}

    def _agrees(self, status: int, answer: dict[str, Any], refusals: set[str]) -> bool:
        """Whether the request did what it asked for; fails where the model says otherwise."""
        if refusals:
            assert (status, answer["errors"][0]["code"] in refusals) == (400, True), (answer, refusals)
            return False
        assert status == 200, answer
        return True

    def _pipeline_body(self, id_: str, wanted: ModelPipeline) -> dict[str, Any]:
        return {
            "id": id_,
            "name": id_,
            "workspace_id": self.workspace,
            "connection_id": wanted.connection,
            "data_model_id": wanted.data_model,
            "partner_feed_id": self.feed,
            "schedule_interval": wanted.schedule,
            "schedule_start_time": START,
            "environment": "development",
            "is_active": wanted.is_active,
            "is_draft": wanted.is_draft,
        }

    def _list(self, kind: str) -> list[dict[str, Any]]:
        status, answer = self._ask("GET", kind)
        assert status == 200
        return answer

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        answer = self.plane.client.request(method, f"{self.base}/{path}", json=body)
        return answer.status_code, answer.json() if answer.content else {}


def test_the_api_is_a_few_dictionaries(plane: Any, connection: Any, data_model: Any) -> None:
    def machine() -> ApiMachine:
        made = ApiMachine()
        made.plane, made.connection_body, made.data_model_body = plane, connection, data_model
        return made

    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks, database=None
        ),
    )
