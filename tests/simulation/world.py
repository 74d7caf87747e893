"""One play: a world drawn from a seed, misfortunes while time passes, then calm, then judgement."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from tests.simulation.chances import CALM, Chances, Luck, NthCall, draw
from tests.simulation.faults import ProcessClock
from tests.simulation.laws import Story, verdict
from tests.simulation.ledger import Ledger, Row
from tests.simulation.memory_stores import MemoryStores, apply_in_memory
from tests.simulation.operator import FEED, WORKSPACE, Person
from tests.simulation.process import Ground, Process
from tests.simulation.stage import IDLE, Actor, Stage
from tests.simulation.warehouse import Shop
from warehouse_sync.catalog import feeds, workspaces
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.domain.run import CANCELLED, WORKER_DIED
from warehouse_sync.domain.schedule import ScheduleInterval
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.outlook import PipelineOutlook
from warehouse_sync.sync.apply import apply_chunk

BEGINNING = datetime(2026, 1, 30, 22, 13, tzinfo=UTC)
_MOST_TURNS = 5000  # in one tick of misfortune
_ENDLESS = 50_000  # in one of calm, where days are caught up with
_CALM_TICKS = 200
_LEAST_CALM_TICKS = 2
_ENOUGH_ROWS = 10_000
_DANGEROUS = frozenset({"begun", "batch", "seal", "chunk", "chunk committed"})
"""Where a run is half done; there misfortune is four times as likely."""
_LAZINESS = 0.6
"""How often who waits for work does not even look for it in a tick; what makes work wakes it."""
_STEPS = (timedelta(hours=-1), timedelta(minutes=-5), timedelta(hours=1), timedelta(days=1))
_SCALES = (
    (timedelta(minutes=20), [ScheduleInterval.HOURLY, ScheduleInterval.HOURLY, ScheduleInterval.ON_DEMAND]),
    (timedelta(hours=7), [ScheduleInterval.DAILY, ScheduleInterval.DAILY, ScheduleInterval.ON_DEMAND]),
    (timedelta(days=2), [ScheduleInterval.WEEKLY, ScheduleInterval.WEEKLY, ScheduleInterval.ONCE]),
    (timedelta(days=9), [ScheduleInterval.MONTHLY, ScheduleInterval.MONTHLY, ScheduleInterval.ON_DEMAND]),
)


@dataclass(frozen=True)
class Result:
    """How a play ended.

    Attributes:
        wrongs: promises that were broken, one sentence each.
        digest: of everything that happened, for proving that a replay is the same play.
        trace: what happened, one line each.
        runs, chunks, crashes: how much happened.
    """

    seed: int
    wrongs: tuple[str, ...]
    digest: str
    trace: tuple[str, ...]
    runs: int
    chunks: int
    crashes: int


def play(seed: int, *, ticks: tuple[int, int], store: str = "memory", nth_call: NthCall | None = None) -> Result:
    """Plays a seed to its end.

    Args:
        ticks: between how many and how many ticks of misfortune there are.
        store: ``memory`` or ``duckdb``, the real profile store.
        nth_call: the only misfortune there is, in place of those that the seed wants.
    """
    with (
        TemporaryDirectory(dir=_folder(), prefix="whsync-sim-") as name,
        _World(seed, Path(name), store, ticks, nth_call) as world,
    ):
        return world.play()


class _World:
    def __init__(self, seed: int, folder: Path, store: str, ticks: tuple[int, int], nth_call: NthCall | None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.luck = Luck(self.rng)
        self.stage, self.ledger, self.trace = Stage(), Ledger(), list[str]()
        self.ticks = self.rng.randint(*ticks)
        tick, schedules = self.rng.choice(_SCALES)
        drawn = draw(self.rng)
        self.chances, self.nth_call = (CALM, nth_call) if nth_call else (drawn, None)
        self.database = _control_database().as_new()
        self.stores, apply = _stores(store, folder)
        self.shop = Shop(self.rng.choice([1, 2]))
        self.ground = Ground(
            folder=folder,
            database=self.database,
            stores=self.stores,
            apply=apply,
            shop=self.shop,
            stage=self.stage,
            ledger=self.ledger,
            luck=self.luck,
            tick=tick,
            max_rows=3 if self.rng.random() < 0.1 else _ENOUGH_ROWS,
            chunk_rows=self.rng.choice([1, 1, 2, 3]),
        )
        count = self.rng.choice([1, 1, 1, 2, 2, 3, 5])
        self.processes = [
            Process(f"s{number}", self.ground, self.rng.randint(1, 3 if count == 1 else 2), ProcessClock(BEGINNING))
            for number in range(1, count + 1)
        ]
        self.person = Person(self.rng, self.shop.tables, schedules, BEGINNING - 5 * tick, tick)
        self.now = BEGINNING
        self.unshown: list[Row] = []
        self.crashes = 0
        self.clock_was_ahead = False

    def __enter__(self) -> _World:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.crash(0)
        self.stores.close()
        self.database.close()

    # --- the play ------------------------------------------------------------------------------------------------------------------

    def play(self) -> Result:
        first = self.processes[0]
        first.boot(alone=True)
        self._until_idle(first.actors[0])
        self.person.set_up(first.services)
        self.luck.chances, self.luck.nth_call = self.chances, self.nth_call
        for _ in range(self.ticks):
            self._pass_time()
            self._misfortunes()
            self._turns(self.chances)
        self._calm_down()
        self._turns(CALM)  # a scheduler looks every few seconds: it sees what was put right before hours have passed
        for tick in range(1, _CALM_TICKS + 1):
            self._pass_time()
            self._turns(CALM)
            again = self.person.run_cancelled_again(self.processes[0].services)
            if tick >= _LEAST_CALM_TICKS and not again and not self._owes():
                break
        self.processes[0].runner.keep_house()
        return self._judge()

    def _owes(self) -> bool:
        """Whether something is still to be done, later, or somebody is away who may have it to do."""
        if any(actor.away_until > self.stage.tick for process in self.processes for actor in process.actors):
            return True
        with self.database.read() as tx:
            waiting = tx.exec_driver_sql(
                "SELECT count(*) FROM runs JOIN pipelines p ON p.key = pipeline_key WHERE state IN ('triggered', 'queued', 'running') "
                "OR (retry_on IS NOT NULL AND p.active_slot IS NOT NULL)"
            )
            if waiting.scalar_one():
                return True
        return any(_is_tried_again_later(shown) for shown in self._shown())

    def _shown(self) -> Sequence[PipelineOutlook]:
        return self.processes[0].services.pipelines.all_of(OPERATOR, WORKSPACE)

    def _calm_down(self) -> None:
        """All faults end, clocks are right, and everything is put right by a person. Either one process starts anew and is alone, or all
        go on as they stand, zombies and orphans too.
        """
        self.luck.chances, self.luck.nth_call = CALM, None
        if self.ground.max_rows < _ENOUGH_ROWS or self.rng.random() < 0.5 or not self._has_started(self.processes[0]):
            self.ground.max_rows = _ENOUGH_ROWS
            for process in self.processes:
                process.crash(0)
            self.processes = self.processes[:1]
            self._boot(self.processes[0])
            self._until_idle(self.processes[0].actors[0])
        for process in self.processes:
            process.clock.misread(timedelta(0))
            for actor in [
                actor for actor in process.actors if actor.once
            ]:  # whoever was about to do something does not
                actor.die()
                process.actors.remove(actor)
        process = self.processes[0]
        # Whoever puts things right does so after whatever began, not in the same instant.
        for each in self.processes:
            each.clock.advance(timedelta(seconds=1))
        self.now += timedelta(seconds=1)
        self.person.put_right(process.services)

    def _has_started(self, process: Process) -> bool:
        return process.lives and len(process.actors) > 1

    def _pass_time(self) -> None:
        self.stage.tick += 1
        self.now += self.ground.tick
        for process in self.processes:
            process.clock.advance(self.ground.tick)
            if process.boots_on is not None and process.boots_on <= self.stage.tick:
                self._boot(process)
        self._show_rows()

    def _boot(self, process: Process) -> None:
        alone = not any(other.lives for other in self.processes if other is not process)
        process.boot(alone=alone)
        self._note(f"{process.name} boots{' alone' if alone else ''}")

    def _misfortunes(self) -> None:
        chances, rng = self.chances, self.rng
        for process in self.processes:
            if rng.random() < chances.clock:
                self._misread(process)
        if rng.random() < chances.person:
            process = rng.choice(self.processes)
            if self._has_started(process):
                services = process.services
                process.actors.append(Actor(f"{process.name} person", lambda: self._act(services), once=True))

    def _act(self, services: Any) -> bool:
        try:
            self.person.act(services)
        except WarehouseSyncError as error:
            self._note(f"refused: {error.code}")
        except LookupError:
            self._note("refused: the driver")
        return False

    def _misread(self, process: Process) -> None:
        step = self.rng.choice([*_STEPS, timedelta(0), None])
        if step is None:
            process.clock.freeze()
        else:
            process.clock.misread(step)
            self.clock_was_ahead = self.clock_was_ahead or step > timedelta(0)
        self._note(f"{process.name} clock {step}")

    # --- whose turn it is ----------------------------------------------------------------------------------------------------------

    def _turns(self, chances: Chances) -> None:
        """Everybody who is there does what there is to do, in the order the seed wants."""
        idle = {actor for actor in self._present() if actor.is_lazy and self.rng.random() < _LAZINESS}
        for _ in range(_ENDLESS if chances is CALM else _MOST_TURNS):
            awake = [actor for actor in self._present() if actor not in idle]
            if not awake:
                return
            actor = self.rng.choice(awake)
            label = self.stage.play(actor)
            self._note(f"{actor.name}: {label}")
            if label == IDLE:
                self._finished(actor, idle)
            danger = 4 if label in _DANGEROUS else 1
            if self.luck.strikes(danger * chances.crash):
                self._crash(self._process_of(actor))
            elif label != IDLE and self.luck.strikes(danger * chances.stop):
                self._away(self._process_of(actor).actors)
            elif label != IDLE and self.luck.strikes(danger * chances.hold):
                self._away([actor])
        if chances is CALM:
            self.ledger.wrongs.append("R1: the play does not come to rest within a tick")

    def _away(self, actors: list[Actor]) -> None:
        """Nobody hears of them for up to four leases."""
        until = self.stage.tick + self.rng.randint(1, 8)
        for actor in actors:
            actor.away_until = until
        self._note(f"{', '.join(actor.name for actor in actors)} away until {until}")

    def _finished(self, actor: Actor, idle: set[Actor]) -> None:
        """A step has ended: what it did may give work to others, and those who act once leave."""
        if not actor.did_work:
            idle.add(actor)
        if actor.did_work or actor.once:
            idle.difference_update([other for other in idle if actor.name.split()[1] in other.wakes_after])
        if actor.once:
            for process in self.processes:
                process.actors = [other for other in process.actors if other is not actor]

    def _present(self) -> list[Actor]:
        everybody = (actor for process in self.processes for actor in process.actors)
        return [actor for actor in everybody if actor.away_until <= self.stage.tick]

    def _process_of(self, actor: Actor) -> Process:
        return next(process for process in self.processes if actor.name.startswith(f"{process.name} "))

    def _until_idle(self, actor: Actor) -> None:
        while self.stage.play(actor) != IDLE:
            pass

    def _crash(self, process: Process) -> None:
        process.crash(self.stage.tick + self.rng.choice([0, 1, 1, 3, 6]))
        self.crashes += 1
        self._note(f"{process.name} is killed")
        spools = sorted((self.ground.folder / "spool").glob("run-*/*"))
        if spools and self.luck.strikes(self.luck.chances.damage):
            self._damage(self.rng.choice(spools))

    def _damage(self, path: Path) -> None:
        content = bytearray(path.read_bytes())
        if content and self.rng.random() < 0.5:
            content[self.rng.randrange(len(content))] ^= 1
            path.write_bytes(content)
        else:
            path.unlink()
        self._note(f"{path.parent.name}/{path.name} is damaged")

    # --- rows ----------------------------------------------------------------------------------------------------------------------

    def _show_rows(self) -> None:
        """Rows that are stamped in the last tick, and of those some that show up later."""
        for _ in range(self.rng.choice([0, 1, 2, 3, 5])):
            self.unshown.append(self._row())
        for row in [row for row in self.unshown if row.shown_on <= self.now]:
            self.unshown.remove(row)
            self.ledger.rows[row.token] = row
            self.shop.show(row)

    def _row(self) -> Row:
        rng = self.rng
        stamp = self.now - rng.random() * self.ground.tick
        stamp = stamp.replace(microsecond=0) if rng.random() < 0.5 else stamp
        late = rng.randint(1, 6) * self.ground.tick if rng.random() < self.chances.late else timedelta(0)
        self.tokens = getattr(self, "tokens", 0) + 1
        return Row(
            token=self.tokens,
            table=rng.choice(self.shop.tables),
            stamp=None if rng.random() < 0.03 else stamp + (rng.random() < 0.05) * 3 * self.ground.tick,
            shown_on=self.now + late,
            customer_id=rng.choice(["a", "b", "c", "d", None]),
            email=rng.choice(["a@x", "B@x ", "c@x", None]),
            x=rng.randint(0, 2),
        )

    # --- the end -------------------------------------------------------------------------------------------------------------------

    def _note(self, line: str) -> None:
        self.trace.append(f"{self.stage.tick:4d} {line}")

    def _judge(self) -> Result:
        unexpected = [wrong for process in self.processes for wrong in process.unexpected]
        story = Story(self.database, self.stores, self.ledger, self.ground, self._shown(), now=self.now)
        wrongs = (*self.ledger.wrongs, *unexpected, *verdict(story))
        digest = hashlib.sha256("\n".join([*self.trace, story.text()]).encode()).hexdigest()
        return Result(
            self.seed,
            wrongs,
            digest,
            tuple(self.trace),
            runs=len(story.runs),
            chunks=len(self.ledger.commits),
            crashes=self.crashes,
        )


def _is_tried_again_later(shown: PipelineOutlook) -> bool:
    """Whether a pipeline waits for a failed run that the scheduler has patience with: it is tried once more after the interval's length."""
    for_good = {CANCELLED, WORKER_DIED}
    return any(
        one.blocks and one.run.failure is not None and one.run.failure.code not in for_good for one in shown.failed
    )


def _stores(kind: str, folder: Path) -> tuple[Any, Any]:
    if kind == "memory":
        return MemoryStores(), apply_in_memory
    return DuckDbStores(folder / "profiles", b"k" * 32, StoreLimits(memory_mb=256, threads=1)), apply_chunk


def _folder() -> str:
    """Where files cost least: durability is not what is tried here."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else gettempdir()


class _ControlDatabase:
    """The control database of all plays of this process, one after another. What was compiled for one serves those after it."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(dir=_folder(), prefix="whsync-sim-")
        self._path = Path(self._folder.name) / "control.db"
        self._database = open_database(f"sqlite:///{self._path}")
        _set_up(self._database)
        self._database.close()
        self._beginning = self._path.read_bytes()

    def as_new(self) -> Database:
        """With nothing in it that a play has left. The play before has closed it."""
        for file in self._path.parent.iterdir():
            file.unlink()
        self._path.write_bytes(self._beginning)
        return self._database


_control_database = cache(_ControlDatabase)


def _set_up(database: Database) -> None:
    """A workspace and a feed, and a note of every move of every run, and of every schedule of every pipeline."""
    with database.write() as tx:
        workspaces.create(tx, workspaces.Workspace(WORKSPACE, "Shop", 1, 1, BEGINNING))
        made = feeds.create(tx, feeds.NewFeed(WORKSPACE, "crm", "Snowflake", "unbound", False, b"k", b"s", BEGINNING))
        if made.id != FEED:
            raise AssertionError("the first feed has the first number")
        for statement in _NOTES:
            tx.exec_driver_sql(statement)


_MOVES = """
CREATE TABLE moves (run INTEGER, before TEXT, after TEXT, epoch INTEGER, attempt INTEGER, failure TEXT, retry_on TEXT)
"""
_SCHEDULES = """
CREATE TABLE schedules (pipeline INTEGER, place INTEGER, start TEXT, offset_seconds INTEGER, unfinished INTEGER, attempt INTEGER)
"""
_MOVE = """
CREATE TRIGGER moved AFTER UPDATE ON runs WHEN old.state <> new.state OR old.state = 'success' BEGIN
    INSERT INTO moves VALUES (new.id, old.state, new.state, new.epoch, new.attempt, new.failure_code, new.retry_on);
END
"""
_SCHEDULE = """
CREATE TRIGGER {name} AFTER {event} BEGIN
    INSERT INTO schedules
    SELECT p.key, (SELECT count(*) FROM moves), p.schedule_start, m.load_timestamp_offset_seconds, r.id, r.attempt
    FROM pipelines p
    JOIN data_models m ON m.key = p.data_model_key
    LEFT JOIN runs r ON r.pipeline_key = p.key AND r.state IN ('triggered', 'queued', 'running')
    WHERE {which} = new.key;
END
"""
_NOTES = (
    _MOVES,
    _SCHEDULES,
    _MOVE,
    _SCHEDULE.format(name="scheduled", event="INSERT ON pipelines", which="p.key"),
    _SCHEDULE.format(
        name="rescheduled",
        event="UPDATE ON pipelines WHEN old.schedule_interval <> new.schedule_interval OR old.schedule_start IS NOT new.schedule_start",
        which="p.key",
    ),
    _SCHEDULE.format(
        name="shifted",
        event="UPDATE ON data_models WHEN old.load_timestamp_offset_seconds <> new.load_timestamp_offset_seconds",
        which="m.key",
    ),
)
