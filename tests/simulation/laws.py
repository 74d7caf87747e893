"""What must hold when a play has ended, told from the ledger, the control database and the profiles; knows no code of the scheduler."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.oracle.one_row_at_a_time import Model, Person, Rules
from tests.simulation.ledger import Chunk, Ledger, Reading, Row
from tests.simulation.memory_stores import MemoryStores
from tests.simulation.process import Ground
from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.services.outlook import PipelineOutlook

LEGAL = {
    ("triggered", "queued"),
    ("queued", "running"),
    ("queued", "failed"),
    ("running", "success"),
    ("running", "failed"),
    ("running", "queued"),
    ("failed", "queued"),
}
STEPS = {
    "hourly": relativedelta(hours=1),
    "daily": relativedelta(days=1),
    "weekly": relativedelta(weeks=1),
    "monthly": relativedelta(months=1),
}


@dataclass(frozen=True)
class Tally:
    """What a recount finds of some rows."""

    extracted: int
    rejected: int
    created: int
    late: int = 0


class Story:
    """Everything that is left of a play."""

    def __init__(
        self,
        database: Any,
        stores: Any,
        ledger: Ledger,
        ground: Ground,
        shown: Sequence[PipelineOutlook],
        *,
        now: datetime,
    ) -> None:
        self.stores, self.ledger, self.ground, self.now = stores, ledger, ground, now
        self.shown = {outlook.pipeline.key: outlook for outlook in shown}
        with database.read() as tx:
            self.runs = [dict(row) for row in tx.exec_driver_sql("SELECT * FROM runs ORDER BY id").mappings()]
            self.moves = [dict(row) for row in tx.exec_driver_sql("SELECT * FROM moves").mappings()]
            self.schedules = [dict(row) for row in tx.exec_driver_sql("SELECT * FROM schedules").mappings()]
            subjects = tx.exec_driver_sql("SELECT subject FROM notices WHERE type = 'pipeline.run_failed' ORDER BY key")
            self.told = list(subjects.scalars())
            query = (
                "SELECT p.*, m.load_timestamp_offset_seconds AS offset_seconds FROM pipelines p "
                "JOIN data_models m ON m.key = p.data_model_key ORDER BY p.key"
            )
            self.pipelines = [dict(row) for row in tx.exec_driver_sql(query).mappings()]
        self.people, self.tallies = _replayed(ledger, self.runs)

    def text(self) -> str:
        """The same for the same play, to the letter."""
        readings = {run: [reading.tokens for reading in found] for run, found in self.ledger.readings.items()}
        chunks = [(chunk.run.run_id, chunk.run.epoch, chunk.number, chunk.tokens) for chunk in self.ledger.commits]
        return repr((self.runs, self.moves, self.schedules, self.pipelines, sorted(readings.items()), chunks))

    def schedules_of(self, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
        """Every schedule and offset that a pipeline has had, how many moves there had been, and the run that was not finished then."""
        return [schedule for schedule in self.schedules if schedule["pipeline"] == pipeline["key"]]

    def successes(self, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
        """The successful runs of a pipeline, as their intervals follow each other."""
        found = [
            run
            for run in self.runs
            if run["pipeline_key"] == pipeline["key"]
            and run["state"] == "success"
            and run["run_kind"] in {"scheduled", "manual"}
        ]
        return sorted(found, key=lambda run: (run["interval_start"], run["interval_end"], run["id"]))


def verdict(story: Story) -> list[str]:
    """Every broken promise, in a sentence."""
    laws = (
        _moves,
        _ends,
        _dates,
        _tiling,
        _telling,
        _completeness,
        _whole_runs,
        _comparisons,
        _counts,
        _profiles,
        _spools,
        _notices,
        _surprises,
    )
    return [wrong for law in laws for wrong in law(story)]


def _moves(story: Story) -> Iterator[str]:
    for move in story.moves:
        if (move["before"], move["after"]) not in LEGAL:
            yield f"I6: run {move['run']} went from {move['before']} to {move['after']}"


def _ends(story: Story) -> Iterator[str]:
    for run in story.runs:
        if run["state"] not in {"success", "failed"}:
            yield f"R1: run {run['id']} is stuck: {run['state']}"
        if (run["state"] == "failed") != bool(run["failure_code"] and run["failure_message"]):
            yield f"I10: run {run['id']} is {run['state']} and says {run['failure_code']}"


def _dates(story: Story) -> Iterator[str]:
    seen: set[tuple[int, str]] = set()
    for run in story.runs:
        if run["run_kind"] != "scheduled":
            continue
        date = run["pipeline_key"], run["logical_date"]
        if date in seen:
            yield f"I4: pipeline {date[0]} has two scheduled runs of {date[1]}"
        seen.add(date)


def _tiling(story: Story) -> Iterator[str]:
    for pipeline in story.pipelines:
        before = None
        for run in story.successes(pipeline):
            end = None if before is None else before["interval_end"]
            if end is not None and run["interval_start"] != end and not _may_leap(story, pipeline, before, run):
                yield f"I3: pipeline {pipeline['key']} read until {end} and then from {run['interval_start']}"
            if end is None or run["interval_end"] >= end:
                before = run


def _may_leap(story: Story, pipeline: dict[str, Any], before: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether what lies between two successful runs, one by its interval the next of the other, may have been left out."""
    return (
        run["interval_start"] == run["interval_end"]
        or _was_passed(story, pipeline, before["interval_end"], run["interval_start"])
        or _was_under_way(story, pipeline, run)
        or _began(story, pipeline, run)
        # ``once`` reads up to the pipeline's creation. A run that an earlier schedule had begun later than that, and that failed, may be
        # tried again afterwards; what lies between was in neither schedule.
        or (_is_once(before) and run["id"] < before["id"])
    )


def _is_once(run: dict[str, Any]) -> bool:
    return moment(run["interval_start"]) == moment(datetime.min.isoformat())


def _was_passed(story: Story, pipeline: dict[str, Any], start: str, end: str) -> bool:
    """Whether a pipeline may go on behind failed intervals, and what lies between two moments are such."""
    for run in sorted(_given_up(story, pipeline), key=lambda run: run["interval_start"]):
        if start == end:
            break  # what failed from here on was read since, by the run that begins here
        if run["interval_start"] <= start < run["interval_end"]:
            start = run["interval_end"]
    # Intervals of different schedules overlap: of one that failed, another may have a part.
    return start == end or (start > end and len(story.schedules_of(pipeline)) > 1)


def _was_under_way(story: Story, pipeline: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether the schedule was changed during the execution of the first run, or of one that was run again, and reading went on with it."""
    if run["attempt"] == 1 and not _was_first(story, pipeline, run):
        return False
    changes = story.schedules_of(pipeline)
    return any((change["unfinished"], change["attempt"]) == (run["id"], run["attempt"]) for change in changes)


def _began(story: Story, pipeline: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether reading began with a run, at the start of the schedule of its time.

    If a run of an earlier interval was successful later, it had failed before; the schedule was another then.
    """
    if not _was_first(story, pipeline, run):
        return False
    tried = (
        place for place, move in enumerate(story.moves) if (move["run"], move["attempt"]) == (run["id"], run["attempt"])
    )
    place = next(tried)
    schedule = [schedule for schedule in story.schedules_of(pipeline) if schedule["place"] <= place][-1]
    if schedule["start"] is None:
        return False
    begins = moment(schedule["start"]) - timedelta(seconds=schedule["offset_seconds"])
    return moment(run["interval_start"]) == begins


def _was_first(story: Story, pipeline: dict[str, Any], run: dict[str, Any]) -> bool:
    ids = {run["id"] for run in story.successes(pipeline)}
    return bool(
        next(move["run"] for move in story.moves if move["after"] == "success" and move["run"] in ids) == run["id"]
    )


def _telling(story: Story) -> Iterator[str]:
    """What lies behind and was not read is told: as an interval that failed, while its run can be run again, or else as one that was
    skipped.
    """
    for pipeline in story.pipelines:
        shown = story.shown.get(pipeline["key"])
        if shown is None:  # it is deleted
            continue
        done, failed = story.successes(pipeline), _repeatable(story, pipeline)
        told = [one.run.id for one in shown.failed]
        if told != [run["id"] for run in failed][: len(told)] or len(told) < min(len(failed), 20):
            yield f"I3: pipeline {pipeline['key']} tells of the failed runs {told}, not of {[run['id'] for run in failed]}"
        goes_on_from = shown.next_intervals[0].interval.start if shown.next_intervals else _read_to(done)
        begins = _beginning(story, pipeline)
        gaps = list(_between([*done, *failed], _read_again(story, pipeline), begins, goes_on_from))
        last = gaps[-1] if gaps else None
        skipped = None if shown.skipped is None else (shown.skipped.start, shown.skipped.end)
        starts_earlier = (
            skipped is not None and begins is not None and skipped[0] < begins
        )  # than any run, as its schedule does now
        if skipped != last and not (starts_earlier and skipped is not None and last in {None, (begins, skipped[1])}):
            yield f"I3: pipeline {pipeline['key']} tells of {skipped} as skipped, not of {gaps}"


def _beginning(story: Story, pipeline: dict[str, Any]) -> datetime | None:
    """Where the earliest interval of a schedule begins, if it is the earliest of all; it may have failed."""
    kinds = {"scheduled", "manual"}
    runs = (run for run in story.runs if run["pipeline_key"] == pipeline["key"] and run["run_kind"] in kinds)
    first = min(runs, key=lambda run: (run["interval_start"], run["id"]), default=None)
    return None if first is None or first["run_kind"] != "scheduled" else moment(first["interval_start"])


def _repeatable(story: Story, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    """The scheduled runs that failed and of whose rows no other has read any."""
    failed = (run for run in story.runs if run["pipeline_key"] == pipeline["key"] and run["state"] == "failed")
    done = story.successes(pipeline)
    free = [
        run for run in failed if run["run_kind"] == "scheduled" and not any(_overlaps(run, other) for other in done)
    ]
    return sorted(free, key=lambda run: (run["interval_start"], run["id"]))


def _overlaps(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["interval_start"] < other["interval_end"] and other["interval_start"] < one["interval_end"])


def _read_to(done: list[dict[str, Any]]) -> datetime:
    return max((moment(run["interval_end"]) for run in done), default=datetime.min.replace(tzinfo=UTC))


def _read_again(story: Story, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {"resync", "backfill"}
    runs = (run for run in story.runs if run["pipeline_key"] == pipeline["key"] and run["state"] == "success")
    return [run for run in runs if run["run_kind"] in kinds]


def _between(
    runs: list[dict[str, Any]], again: list[dict[str, Any]], begins: datetime | None, goes_on_from: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches that none of these runs has, and that none has read again as a whole."""
    end = begins
    for run in sorted(runs, key=lambda run: (run["interval_start"], run["interval_end"])):
        start = moment(run["interval_start"])
        if end is not None and end < start <= goes_on_from and not _is_within(end, start, again):
            yield end, start
        end = max(end or start, moment(run["interval_end"]))


def _is_within(start: datetime, end: datetime, runs: list[dict[str, Any]]) -> bool:
    return any(moment(run["interval_start"]) <= start and end <= moment(run["interval_end"]) for run in runs)


def _given_up(story: Story, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    """The scheduled runs that failed and that the pipeline's policy lets later ones pass."""
    if pipeline["on_failed_interval"] != "continue":
        return []
    failed = (run for run in story.runs if run["pipeline_key"] == pipeline["key"] and run["state"] == "failed")
    return [run for run in failed if run["run_kind"] == "scheduled" and run["retry_on"] is None]


def _completeness(story: Story) -> Iterator[str]:
    """After calm, every interval that has ended is read, or has failed for good where that may be passed."""
    for pipeline in story.pipelines:
        step = STEPS.get(pipeline["schedule_interval"])
        if pipeline["deleted_on"] is not None or step is None:
            continue
        passed = [*story.successes(pipeline), *_given_up(story, pipeline)]
        ends = [moment(run["interval_end"]) for run in passed]
        anchor = moment(pipeline["schedule_start"])
        read_to = max(ends) + timedelta(seconds=pipeline["offset_seconds"]) if ends else anchor
        number = 0
        while anchor + number * step <= read_to:
            number += 1
        if anchor + number * step <= story.now:
            yield f"I3: pipeline {pipeline['key']} read until {read_to} only; it is {story.now}"


def _whole_runs(story: Story) -> Iterator[str]:
    """What a successful run applied is what one reading gave it, in order, and that is what its interval held."""
    for run in story.runs:
        if run["state"] != "success":
            continue
        chunks = story.ledger.chunks_of(run["id"])
        numbers = [chunk.number for chunk in chunks]
        if numbers != list(range(len(chunks))):
            yield f"I2: run {run['id']} committed the chunks {numbers}"
        readings = story.ledger.readings.get(run["id"], [])
        if not readings and run["interval_start"] == run["interval_end"]:
            continue
        if not any(_is_whole(story, run, reading, chunks) for reading in readings):
            applied = [chunk.fetched for chunk in chunks]
            yield f"I1: run {run['id']} applied {applied}; its readings were {[r.tokens for r in readings]}"


def _is_whole(story: Story, run: dict[str, Any], reading: Reading, chunks: list[Chunk]) -> bool:
    start, end = _reads_from(story, run, chunks), moment(run["interval_end"])
    rows = [story.ledger.rows[token] for token in reading.visible]
    held = {row.token for row in rows if _is_read(row, reading.variant) and row.stamp and start <= row.stamp < end}
    if held != set(reading.tokens) or any(chunk.variant != reading.variant for chunk in chunks):
        return False
    size = story.ground.chunk_rows
    order = list(reading.tokens)
    if len(order) > size:
        order.sort(key=lambda token: story.ledger.rows[token].stamp or story.now)
    return [chunk.fetched for chunk in chunks] == [tuple(order[at : at + size]) for at in range(0, len(order), size)]


def _reads_from(story: Story, run: dict[str, Any], chunks: list[Chunk]) -> datetime:
    """Where a run begins to read: its interval, what it looks back at, and the interval that it looks for late rows in."""
    start = moment(run["interval_start"])
    if run["run_kind"] not in {"scheduled", "manual"} or start == moment(datetime.min.isoformat()):
        return start
    [pipeline] = [one for one in story.pipelines if one["key"] == run["pipeline_key"]]
    begins = start - timedelta(seconds=pipeline["lookback_seconds"])
    told = chunks[0].comparison if chunks else None
    if told is None or told.previous is None:
        return begins
    [previous] = [one for one in story.runs if one["id"] == told.previous]
    return min(begins, moment(previous["interval_start"]))


def _comparisons(story: Story) -> Iterator[str]:
    """Late rows are looked for in the interval before, where that was read by a run of the same pipeline, and nowhere else."""
    runs = {run["id"]: run for run in story.runs}
    repairing = {pipeline["key"] for pipeline in story.pipelines if pipeline["repairs_late_rows"]}
    for chunk in story.ledger.commits:
        run, told = runs[chunk.run.run_id], chunk.comparison
        if (told is not None) != (run["pipeline_key"] in repairing and run["run_kind"] in {"scheduled", "manual"}):
            yield f"R23: run {run['id']} looked for late rows, or did not"
        if told is None or told.previous is None:
            continue
        before = runs[told.previous]
        if (before["pipeline_key"], before["interval_end"]) != (run["pipeline_key"], run["interval_start"]):
            yield f"R23: run {run['id']} was compared with run {before['id']}"


def _is_read(row: Row, variant: int) -> bool:
    return variant == 0 or row.x != 1


def _counts(story: Story) -> Iterator[str]:
    for run in story.runs:
        if run["state"] != "success":
            continue
        counts = json.loads(run["counts"])
        told = Tally(counts["extracted"], counts["rejected"], counts["profiles_created"], counts["late"])
        found = story.tallies.get(run["id"], Tally(0, 0, 0))
        if told != found:
            yield f"I9: run {run['id']} says {told}; a recount finds {found}"
        mapped = counts["changed"] + counts["unchanged"] + counts["superseded"]
        if mapped != told.extracted - told.rejected:
            yield f"I9: run {run['id']} mapped {mapped} rows of {told}"


def _profiles(story: Story) -> Iterator[str]:
    for (workspace, environment), expected in story.people.items():
        wanted = {number: _shown(expected, person) for number, person in expected.people.items()}
        found = _stored(story, workspace, environment)
        if found != wanted:
            yield f"I8: the profiles of {environment} are {found}, not {wanted}"


def _shown(model: Model, person: Person) -> tuple[dict[str, str], dict[str, object]]:
    """A person's identities, and the attributes of the newest row: here all rows have the same names."""
    newest = max(person.rows.values(), key=lambda row: row[0], default=(None, {}))
    return model.current_identities(person.number), newest[1]


def _stored(story: Story, workspace: int, environment: Environment) -> dict[int, Any]:
    if isinstance(story.stores, MemoryStores):
        model = story.stores.people(workspace, environment)
        return {number: _shown(model, person) for number, person in model.people.items()}
    reader, codec, normal = DuckDbReader(story.stores), story.stores.codec(workspace), Model(Rules()).normal
    people = {}
    for number in range(1, reader.profile_count(workspace, environment) + 1):
        profile = reader.profile(workspace, codec.encode(number, environment))
        if profile is None:
            continue
        identities = {i.identity_type.value: normal(i.identity_type.value, i.value) for i in profile.identities}
        people[number] = identities, {attribute.name: attribute.value for attribute in profile.attributes}
    return people


def _spools(story: Story) -> Iterator[str]:
    left = sorted(path.name for path in (story.ground.folder / "spool").glob("run-*"))
    if left:
        yield f"R20: these spools are left: {left}"


def _notices(story: Story) -> Iterator[str]:
    """A run that failed for good is told, once, and no other is."""
    for_good = (
        move
        for move in story.moves
        if move["after"] == "failed" and move["retry_on"] is None and move["failure"] != "cancelled"
    )
    expected = [f"run {move['run']} of epoch {move['epoch']} failed" for move in for_good]
    if sorted(expected) != sorted(story.told):
        yield f"I10: {sorted(story.told)} was told, but {sorted(expected)} happened"


def _surprises(story: Story) -> Iterator[str]:
    """Nothing is an internal error but what no adapter may raise."""
    met = sum(move["after"] == "failed" and move["failure"] == "internal_error" for move in story.moves)
    if met > story.ledger.surprises:
        yield f"I10: {met} runs met an internal error; the driver's surprises were {story.ledger.surprises}"


def moment(text: str) -> datetime:
    """What SQLite keeps of an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _replayed(
    ledger: Ledger, runs: list[dict[str, Any]]
) -> tuple[dict[tuple[int, Environment], Model], dict[int, Tally]]:
    """All committed chunks once more, one row at a time; and what each run counts since it last started over."""
    people: dict[tuple[int, Environment], Model] = defaultdict(lambda: Model(Rules()))
    tallies: dict[int, Tally] = {}
    for place, chunk in enumerate(ledger.commits):
        model = people[chunk.run.workspace_id, chunk.run.environment]
        known = len(model.people)
        rows = sorted((ledger.rows[token] for token in chunk.tokens), key=lambda row: row.stamp or datetime.max)
        placed = [model.apply(_as_oracle_row(row, chunk.variant), str(chunk.data_model_key)) for row in rows]
        if place < ledger.since.get(chunk.run.run_id, 0):
            continue
        before = tallies.get(chunk.run.run_id, Tally(0, 0, 0))
        tallies[chunk.run.run_id] = Tally(
            before.extracted + len(rows),
            before.rejected + placed.count(None),
            before.created + len(model.people) - known,
            before.late + chunk.late,
        )
    return dict(people), tallies


def _as_oracle_row(row: Row, variant: int) -> dict[str, object]:
    return {
        "identities": {"customer_id": row.customer_id, "email": row.email},
        "time": row.stamp,
        "attributes": {"token": row.token, "x": row.x, "note": f"v{variant}"},
    }
