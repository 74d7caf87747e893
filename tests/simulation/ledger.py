"""What an observer of the play writes down: what warehouses gave, which chunks committed, who held which run. The product never sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from warehouse_sync.domain.run import RunKey


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a warehouse. ``stamp`` is its load timestamp, None for NULL; ``shown_on`` when a reader could first see it."""

    token: int
    table: str
    stamp: datetime | None
    shown_on: datetime
    customer_id: str | None
    email: str | None
    x: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one conversation gave for a run: all rows that its query returned, in order, and how the query was written."""

    tokens: tuple[int, ...]
    visible: tuple[int, ...]
    """Every row of the table that was there, whatever its timestamp."""
    table: str
    variant: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is about to be committed.

    Attributes:
        fetched: the rows of the spool's chunk; ``tokens``: those of them that are applied.
        comparison: how the run looks for late rows; None if it does not.
        late: how many of ``tokens`` are late.
    """

    run: RunKey
    number: int
    fetched: tuple[int, ...]
    data_model_key: int
    variant: int
    comparison: Comparison | None = None
    tokens: tuple[int, ...] = ()
    late: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """With which run's rows those of a chunk are compared, and where those of either run begin; no bound is None."""

    previous: int | None
    own_from: datetime | None
    earlier_from: datetime | None

    def is_own(self, row: Row) -> bool:
        return self.own_from is None or (row.stamp is not None and row.stamp >= self.own_from)

    def is_earlier(self, row: Row) -> bool:
        is_within = self.earlier_from is None or (row.stamp is not None and row.stamp >= self.earlier_from)
        return self.previous is not None and not self.is_own(row) and is_within


@dataclass
class Ledger:
    """The whole record of one play.

    Attributes:
        rows: every row by its token.
        readings: of each run, in order.
        commits: chunks in the order in which they were committed.
        since: how many chunks were committed when a run last started over.
        newest: the greatest epoch that began each run.
        seen: what tells rows of each run's own interval apart, of those that look for late rows.
        surprises: errors thrown at the product that no warehouse may raise.
        wrongs: what was seen to break a promise while it happened.
    """

    rows: dict[int, Row] = field(default_factory=dict)
    readings: dict[int, list[Reading]] = field(default_factory=dict)
    commits: list[Chunk] = field(default_factory=list)
    since: dict[int, int] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)
    seen: dict[int, set[tuple[object, ...]]] = field(default_factory=dict)
    surprises: int = 0
    wrongs: list[str] = field(default_factory=list)
    _pending: dict[tuple[int, int, int], Chunk] = field(default_factory=dict)

    def began(self, run: RunKey, *, start_over: bool) -> None:
        if run.epoch < self.newest.get(run.run_id, 0):
            self.wrongs.append(f"I5: run {run.run_id} was begun by epoch {run.epoch}, which is not the newest")
        self.newest[run.run_id] = run.epoch
        if start_over:
            self.since[run.run_id] = len(self.commits)
            self.seen.pop(run.run_id, None)

    def applying(self, chunk: Chunk) -> None:
        self._pending[chunk.run.run_id, chunk.run.epoch, chunk.number] = chunk

    def committed(self, run: RunKey, number: int) -> None:
        if run.epoch != self.newest.get(run.run_id):
            self.wrongs.append(
                f"I5: run {run.run_id}, epoch {run.epoch}, committed chunk {number} after a newer holder"
            )
        self.commits.append(self._sifted(self._pending.pop((run.run_id, run.epoch, number))))

    def _sifted(self, chunk: Chunk) -> Chunk:
        """A chunk without the rows that the previous run has read, and with it remembered which are its own run's."""
        told = chunk.comparison
        if told is None:
            return replace(chunk, tokens=chunk.fetched)
        rows = [self.rows[token] for token in chunk.fetched]
        self.seen.setdefault(chunk.run.run_id, set()).update(_mark(row) for row in rows if told.is_own(row))
        before = self.seen.get(told.previous or 0, set())
        applied = [row for row in rows if not (told.is_earlier(row) and _mark(row) in before)]
        return replace(
            chunk, tokens=tuple(row.token for row in applied), late=sum(told.is_earlier(row) for row in applied)
        )

    def chunks_of(self, run_id: int) -> list[Chunk]:
        """What a run committed since it last started over."""
        return [chunk for chunk in self.commits[self.since.get(run_id, 0) :] if chunk.run.run_id == run_id]


def _mark(row: Row) -> tuple[object, ...]:
    return row.customer_id, row.email, row.stamp
