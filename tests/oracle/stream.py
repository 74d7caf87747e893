"""A stream of rows that appear as time goes on, and a recount of what must have become of them. Shares no code with the product.

Every row exists from the start, with a load timestamp in the future: a run sees it when its interval has come. Times are UTC without saying
so. The store keeps of each person the newest row of every run, as current row or as replaced one, and keeps it once. Rows of a person are
``APART``, so that few rows share a run with a newer one of the same person, and nearly every row can be looked for.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from tests.oracle.files_of_a_home import StoredRun

APART: Final = 200
_NEW_PERSON: Final = 0.3
_OWN: Final = frozenset({"manual", "scheduled"})
_NOBODY: Final = 0.04
_WITHOUT_ID: Final = 0.3


@dataclass(frozen=True)
class StreamRow:
    token: str
    time: datetime
    customer_id: str | None
    email: str | None

    @property
    def has_identity(self) -> bool:
        return self.customer_id is not None or self.email is not None

    @property
    def person(self) -> str:
        return (self.customer_id or self.email or "").partition("@")[0]


def make_stream(name: str, draw: random.Random, *, start: datetime, seconds: int, per_second: int) -> list[StreamRow]:
    """Rows at random moments, in order. Some people are known by an e-mail only; the others come with both identities at first, later
    with both or with their customer id.

    Several streams tell of the same people and introduce them alike: it does not matter which is read first.
    """
    rows: list[StreamRow] = []
    latest: list[int] = []  # of each person, the number of the latest row
    for number in range(seconds * per_second):
        time = start + timedelta(microseconds=int((number + draw.random()) / per_second * 1e6))
        token = f"{name}-{number}"
        if draw.random() < _NOBODY:
            rows.append(StreamRow(token, time, None, None))
            continue
        person = draw.randrange(len(latest)) if latest else 0
        is_new = not latest or draw.random() < _NEW_PERSON or number - latest[person] <= APART
        if is_new:
            person = len(latest)
            latest.append(number)
        latest[person] = number
        customer_id, email = f"c-{person}", f"c-{person}@example.com"
        if random.Random(person).random() < _WITHOUT_ID:
            rows.append(StreamRow(token, time, None, email))
        else:
            rows.append(StreamRow(token, time, customer_id, email if is_new or draw.random() < 0.5 else None))
    return rows


def write_streams(shop: Path, streams: dict[str, Sequence[StreamRow]]) -> None:
    """A table for each, in the order of nothing in particular."""
    with duckdb.connect(str(shop)) as connection:
        for name, rows in streams.items():
            shuffled = random.Random(name).sample(list(rows), len(rows))
            table = pa.table(
                {
                    "token": pa.array([row.token for row in shuffled]),
                    "updated_at": pa.array([row.time for row in shuffled], pa.timestamp("us")),
                    "customer_id": pa.array([row.customer_id for row in shuffled], pa.string()),
                    "email": pa.array([row.email for row in shuffled], pa.string()),
                }
            )
            connection.register("given", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            connection.unregister("given")


def wrong_intervals(runs: Iterable[StoredRun]) -> list[str]:
    """Where the successful runs of a pipeline's own do not touch. Runs in the order of their intervals."""
    found, before = [], None
    for run in runs:
        if run.state != "success" or run.start == run.end or run.kind not in _OWN:
            continue
        if before is not None and before.end != run.start:
            found.append(f"run {run.id} begins at {run.start}, run {before.id} ended at {before.end}")
        before = run
    return found


def wrong_counts(rows: Sequence[StreamRow], runs: Iterable[StoredRun]) -> list[str]:
    """Successful runs that counted otherwise than a recount of their interval does."""
    found = []
    for run in runs:
        if run.state != "success":
            continue
        start, end = moment(run.start), moment(run.end)
        # A repair counts what it puts back, and here there is nothing.
        read = [row for row in rows if start <= row.time < end and run.kind != "repair"]
        counts = {
            "extracted": len(read),
            "rejected": sum(not row.has_identity for row in read),
        }
        said = {name: run.counts[name] for name in counts}
        mapped = run.counts["changed"] + run.counts["unchanged"] + run.counts["superseded"]
        if said != counts or mapped != counts["extracted"] - counts["rejected"]:
            found.append(f"run {run.id} counted {run.counts}; a recount finds {counts}")
    return found


def wrong_tokens(rows: Sequence[StreamRow], runs: Iterable[StoredRun], stored: Counter[str]) -> list[str]:
    """Rows lost, stored twice, or stored though they are not due; empty if none."""
    wanted: set[str] = set()
    due: set[str] = set()
    for run in runs:
        if run.state == "success":
            start, end = moment(run.start), moment(run.end)
            read = [row for row in rows if start <= row.time < end and row.has_identity]
            due.update(row.token for row in read)
            if run.kind in _OWN:  # others may come too late with a row that is replaced already
                wanted.update({row.person: row.token for row in read}.values())  # the newest is the last
    sets = {
        "lost": wanted - set(stored),
        "twice": {token for token, times in stored.items() if times > 1},
        "unexpected": set(stored) - due,
    }
    return [f"{len(tokens)} rows {name}, e.g. {sorted(tokens)[:3]}" for name, tokens in sets.items() if tokens]


def people_of(
    streams: dict[int, Sequence[StreamRow]], until: dict[int, datetime]
) -> Counter[tuple[frozenset[str], frozenset[tuple[int, str]]]]:
    """Every profile by its identities' values and, of each data model, the token of the newest row: as ``files.people`` tells them."""
    identities: dict[str, set[str]] = {}
    newest: dict[str, dict[int, str]] = {}
    for model, rows in streams.items():
        for row in rows:
            if row.time >= until[model] or not row.has_identity:
                continue
            values = [value for value in (row.customer_id, row.email) if value is not None]
            identities.setdefault(row.person, set()).update(values)
            newest.setdefault(row.person, {})[model] = row.token
    return Counter((frozenset(identities[person]), frozenset(newest[person].items())) for person in identities)


def moment(text: str) -> datetime:
    """A time as the control database holds it."""
    return datetime.fromisoformat(text)
