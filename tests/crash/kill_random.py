"""R1: the real service killed at any moment, again and again, while runs go on. Nothing is lost, twice, stuck or miscounted.

Three pipelines read two streams of rows into two pools of profiles; new rows come all the time, and an operator cancels runs, reads
ranges again, and compares them with the profiles, where nothing may be found. A life of the service ends by a kill of the service,
sometimes while it starts, or goes on after a kill of the child that fetches. After some kills the service is left in peace. When all is
read, the files of the home are compared with a recount of the streams.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from tests.crash.report import Outcome
from tests.crash.stage import Stage, create_connection, create_data_model, create_pipeline, wait_until
from tests.fixtures.service import WORKSPACE, RunningService, clean_environment, prepare_home
from tests.fixtures.warm_process import WarmProcess
from tests.oracle import files_of_a_home as files
from tests.oracle import stream
from warehouse_sync.client import ApiError, is_finished

KILLS_PER_HOME: Final = 60
_SECONDS_PER_HOME: Final = 400.0
_PER_SECOND: Final = 6
_PIPELINES: Final = {"one": ("m-a", "development"), "two": ("m-b", "development"), "three": ("m-a", "production")}
_MODELS: Final = {"m-a": (1, "a"), "m-b": (2, "b")}  # surrogate key in the store, and the stream
_SETTINGS: Final = {"chunk_rows": "40", "runs_at_once": "2", "lease_seconds": "5"}
_IN_PEACE: Final = 90.0
_OPERATES: Final = 0.4  # how often an operator does something, in each round of triggers
_FAILURES: Final = frozenset({None, "worker_died", "cancelled"})
_AT_START: Final = 0.1  # share of the kills that come while the service starts
_OF_A_CHILD: Final = 0.15


@dataclass(slots=True)
class _Home:
    """One home under fire."""

    stage: Stage
    draw: random.Random
    start: datetime
    streams: dict[str, list[stream.StreamRow]]
    run_seconds: float = 1.0
    hit: Counter[str] = field(default_factory=Counter)
    comparisons: int = 0

    def furnish(self) -> None:
        """Makes the pipelines, and finds out how long a run takes here and now."""
        with self.stage.serving(**_SETTINGS) as service:
            create_connection(service, "c", "shop.duckdb")
            for model, (_, table) in _MODELS.items():
                create_data_model(service, model, f"SELECT * FROM {table}")
            for name, (model, environment) in _PIPELINES.items():
                create_pipeline(
                    service,
                    self.stage.access,
                    name,
                    data_model_id=model,
                    environment=environment,
                    schedule_start_time=_text(self.start),
                )
            began = time.monotonic()
            service.run("one")
            self.run_seconds = time.monotonic() - began

    def life(self) -> None:
        """One life of the service, with one death in it or at its end."""
        if self.draw.random() < _AT_START:
            self._kill_at_start()
            return
        moment = min(self.draw.expovariate(1 / self.run_seconds), 4 * self.run_seconds)
        with self.stage.serving(**_SETTINGS) as service:
            self._keep_busy(service, moment)
            if self.draw.random() < _OF_A_CHILD and self._kill_child(service):
                self._keep_busy(
                    service, self.draw.random() * self.run_seconds
                )  # and the service is killed, too, uncounted
                service.process.kill()
                service.wait_for_death()
                return
            service.process.kill()
            assert service.wait_for_death() == -signal.SIGKILL, "".join(service.log)
        self.hit[self._phase()] += 1

    def _kill_at_start(self) -> None:
        settings = {**_SETTINGS, "duckdb_root": str(self.stage.folder), "spool_free_mb": "0"}
        environment = {f"WAREHOUSE_SYNC_{name.upper()}": text for name, text in settings.items()}
        process = WarmProcess(["serve", "--home", str(self.stage.home), "--port", "0"], clean_environment(environment))
        time.sleep(self.draw.random() * 0.5)
        process.kill()
        process.wait(20)
        process.stdout.close()
        self.hit["a start"] += 1

    def _kill_child(self, service: RunningService) -> bool:
        with suppress(psutil.Error):
            for child in psutil.Process(service.process.pid).children():
                child.kill()
                self.hit["a child"] += 1
                return True
        return False

    def _phase(self) -> str:
        """What the service was at, as its spools tell."""
        spools = self.stage.spools
        if any((spool / "manifest.json").exists() for spool in spools):
            return "an apply"
        return "a fetch" if spools else "what comes before and after"

    def _keep_busy(self, service: RunningService, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            if self.draw.random() < _OPERATES:
                with suppress(ApiError, TimeoutError):  # it is busy, most often
                    self._operate(service)
            for pipeline in _PIPELINES:
                with suppress(ApiError):
                    service.workspace.trigger(pipeline)
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.3))

    def _operate(self, service: RunningService) -> None:
        """What an operator may do at any time: stop a run, read a range again, or everything, or compare it with the profiles."""
        pipeline = self.draw.choice(list(_PIPELINES))
        path = _path(pipeline)
        verb = self.draw.choice(("cancel", "backfill", "resync", "verify", "repair"))
        if verb == "resync":
            service.client.call("POST", f"{path}/resync")
        elif verb in {"verify", "repair"}:
            wait_until(lambda: all(is_finished(run) for run in _latest_runs(service, pipeline)), 2)
            service.client.call("POST", f"{path}/verify", body={"repair": verb == "repair"})
        elif verb == "backfill":
            first = self.start + timedelta(seconds=self.draw.randrange(20))
            last = first + timedelta(seconds=self.draw.randint(1, 20))
            service.client.call("POST", f"{path}/backfill", body={"start_time": _text(first), "end_time": _text(last)})
        else:
            for run in _latest_runs(service, pipeline):
                if not is_finished(run):
                    service.client.call("POST", f"{path}/runs/{run['pipeline_run_id']}/cancel")

    def settle(self) -> None:
        """In peace, every pipeline reads what is left, and is compared with the warehouse."""
        with self.stage.serving(**_SETTINGS) as service:
            for pipeline in _PIPELINES:
                self._finish(service, pipeline)
                run = service.run(pipeline)
                assert run["pipeline_run_state"] == "success", run
                made = service.client.call("POST", f"{_path(pipeline)}/verify", body={})
                compared = service.wait_for_run(pipeline, made["pipeline_run_id"], seconds=_IN_PEACE)
                assert compared["pipeline_run_state"] == "success", compared

    def _finish(self, service: RunningService, pipeline: str) -> None:
        """No run is stuck: what an earlier life began comes to an end by itself."""

        def is_done() -> bool:
            return all(is_finished(run) for run in _latest_runs(service, pipeline))

        wait_until(is_done, _IN_PEACE)

    def findings(self) -> list[str]:
        """All that is wrong with the files of the home."""
        runs = files.runs_of(self.stage.home)
        found = files.damage_of(self.stage.home)
        found += [f"run {run.id} is stuck, {run.state}" for run in runs if run.state not in {"success", "failed"}]
        found += [f"run {run.id} failed: {run.message}" for run in runs if run.failure not in _FAILURES]
        retried = {f"run-{run.id}" for run in runs if run.will_be_retried}
        found += [f"a spool is left: {spool.name}" for spool in self.stage.spools if spool.name not in retried]
        for name, (model, _) in _PIPELINES.items():
            own = [run for run in runs if run.pipeline == name]
            rows = self.streams[_MODELS[model][1]]
            found += [f"{name}: {what}" for what in (*stream.wrong_intervals(own), *stream.wrong_counts(rows, own))]
        for environment in ("development", "production"):
            found += [f"{environment}: {what}" for what in self._wrong_store(environment, runs)]
        return found

    def _wrong_store(self, environment: str, runs: list[files.StoredRun]) -> list[str]:
        store = self.stage.home / "profiles" / f"{WORKSPACE}-{environment}.duckdb"
        found, stored = [], files.tokens(store)
        rows: dict[int, list[stream.StreamRow]] = {}
        ends: dict[int, datetime] = {}
        for name, (model, of) in _PIPELINES.items():
            if of == environment:
                key, table = _MODELS[model]
                own = [run for run in runs if run.pipeline == name and run.state == "success"]
                rows[key], ends[key] = self.streams[table], max(stream.moment(run.end) for run in own)
                found += stream.wrong_tokens(rows[key], own, stored.get(key, Counter()))
        if files.people(store) != stream.people_of(rows, ends):
            found.append("the profiles are not those of the model")
        comparing = {
            run.id for run in runs if run.kind in files.COMPARING and _PIPELINES[run.pipeline][1] == environment
        }
        self.comparisons += sum(run.id in comparing and run.state == "success" for run in runs)
        for run, wrong in files.differences(store, comparing).items():
            found.append(f"run {run} compared and found {wrong}")
        applied, counted = files.rows_applied(store, comparing)
        if applied != counted:
            found.append(f"{applied} rows were applied, the runs counted {counted}")
        return found


def _path(pipeline: str) -> str:
    return f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/{pipeline}"


def _latest_runs(service: RunningService, pipeline: str) -> list[dict[str, Any]]:
    """A pipeline's runs of every kind, as many as one answer holds."""
    found: list[dict[str, Any]] = service.workspace.get(f"pipelines/{pipeline}/status/runs", pageSize=1000)["items"]
    return found


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def batch(prepared: Stage, folder: Path, kills: int, seed: int) -> tuple[list[str], Counter[str], int]:
    """Kills a service on a home of its own some times; returns what is wrong then, what the kills hit, and how often it compared."""
    draw = random.Random(seed)
    stage = prepared.copy(folder)
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(seconds=5)
    length = {"start": start, "seconds": int(_SECONDS_PER_HOME + _IN_PEACE * 2), "per_second": _PER_SECOND}
    streams = {name: stream.make_stream(name, draw, **length) for name in ("a", "b")}
    stream.write_streams(stage.folder / "shop.duckdb", streams)
    home = _Home(stage, draw, start, streams)
    end = time.monotonic() + _SECONDS_PER_HOME
    home.furnish()
    while home.hit.total() < kills and time.monotonic() < end:
        home.life()
    try:
        home.settle()
        found = home.findings()
    except (AssertionError, TimeoutError, ApiError) as error:
        found = [f"in peace: {str(error)[:500]}"]
    return found, home.hit, home.comparisons


def campaign(trials: int, seed: int) -> Outcome:
    """About ``trials`` kills, in homes of at most ``KILLS_PER_HOME``. Every home has a seed of its own."""
    failures: list[str] = []
    hit: Counter[str] = Counter()
    compared = 0
    with TemporaryDirectory(prefix="kill-random-") as folder:
        prepared = Stage(Path(folder) / "prepared", prepare_home(Path(folder) / "prepared" / "home"))
        number = 0
        while hit.total() < trials:
            place = Path(folder) / str(number)
            found, these, comparisons = batch(prepared, place, min(KILLS_PER_HOME, trials - hit.total()), seed + number)
            failures += [f"seed {seed + number}: {what}" for what in found]
            hit += these
            compared += comparisons
            number += 1
            shutil.rmtree(place)
    told = ", ".join(f"{k} {n}" for k, n in hit.most_common())
    return Outcome(hit.total(), failures, f"in {number} homes, which were compared {compared} times; hit: {told}")
