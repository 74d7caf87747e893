"""From a place in a scope's order of application to the run, the row and the time (relation ``applied`` of the store)."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime

import duckdb

from warehouse_sync.profiles.provenance import RowPlace

_Chunk = tuple[int, int, int, int, datetime, int | None]


class Ledger:
    """The committed chunks of a scope, as one transaction sees them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._chunks = connection.execute(
            "SELECT first_seq, next_seq, run, first_row, applied_on, undone_by FROM applied ORDER BY first_seq"
        ).fetchall()
        self._firsts = [chunk[0] for chunk in self._chunks]
        runs = connection.execute("SELECT run, applied_on FROM run_progress").fetchall()
        self._ends: dict[int, datetime | None] = dict(runs)
        self._undoing = {run for (run,) in connection.execute("SELECT undone_by FROM undone").fetchall()}

    def is_undo(self, run: int) -> bool:
        """Whether a run has undone another."""
        return run in self._undoing

    def is_undone(self, seq: int) -> bool:
        """Whether what was done at this ``seq`` has been undone."""
        chunk = self._chunk(seq)
        return chunk is not None and chunk[5] is not None

    def run_of(self, seq: int) -> int | None:
        """The run of a ``seq``; None if it was of a format that did not keep it."""
        chunk = self._chunk(seq)
        return None if chunk is None else chunk[2]

    def place(self, seq: int | None, run: int, load_timestamp: datetime | None) -> RowPlace:
        """The row with this ``seq`` of a run.

        Args:
            seq: None if it is not known.
            run: the run it is said to be of.
            load_timestamp: naive, in UTC; None if it is not known.
        """
        chunk = None if seq is None else self._chunk(seq)
        moment = None if load_timestamp is None else load_timestamp.replace(tzinfo=UTC)
        if seq is None or chunk is None:
            return RowPlace(run, None, moment, self.ended(run))
        first_seq, _, of_run, first_row, applied_on, _ = chunk
        return RowPlace(of_run, first_row + seq - first_seq + 1, moment, applied_on.replace(tzinfo=UTC))

    def ended(self, run: int) -> datetime | None:
        """When the last committed chunk of a run was committed."""
        moment = self._ends.get(run)
        return None if moment is None else moment.replace(tzinfo=UTC)

    def applied_on(self, seq: int | None, run: int) -> datetime | None:
        """When a change at this ``seq`` by a run was committed."""
        return self.place(seq, run, None).applied_on

    def _chunk(self, seq: int) -> _Chunk | None:
        found = bisect_right(self._firsts, seq) - 1
        if found < 0 or seq >= self._chunks[found][1]:
            return None
        chunk: _Chunk = self._chunks[found]
        return chunk
