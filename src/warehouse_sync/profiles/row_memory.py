"""What a run remembers of its rows, so that the next run of its pipeline can tell which were not there (lesson L8).

A row is remembered by a digest of its identities and its load timestamp: a count could not tell five rows that came late and five that
moved on from none.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse_sync.errors import RowsForgottenError
from warehouse_sync.profiles.relations import Relations


@dataclass(frozen=True, slots=True)
class RowMemory:
    """Whose memory it is.

    Attributes:
        pipeline_key: the pipeline; its runs alone look into it.
        previous_run_id: the run whose interval came before; None if none did.
    """

    pipeline_key: int
    previous_run_id: int | None


def remember(relations: Relations, memory: RowMemory, *, run: int) -> None:
    """Remembers the rows of ``arrived`` that are the run's own.

    Args:
        relations: the open transaction, with ``arrived (place, digest, is_own, is_earlier)``.
    """
    relations.execute(
        f"INSERT INTO row_digests SELECT {memory.pipeline_key}, {run}, digest FROM arrived WHERE is_own ORDER BY digest"
    )


def seen_before(relations: Relations, memory: RowMemory) -> list[int]:
    """The places of the rows of ``arrived`` that are the previous run's and that it remembers.

    Raises:
        RowsForgottenError: it remembers them no more, so that nothing tells which are late.
    """
    if not relations.rows(f"SELECT run FROM run_progress WHERE run = {memory.previous_run_id or 0} AND keeps_digests"):
        raise RowsForgottenError("What the run before has remembered of its rows is forgotten. Run this one again.")
    found = relations.rows(
        f"""SELECT place FROM arrived
            SEMI JOIN (SELECT h FROM row_digests WHERE pipeline = {memory.pipeline_key} AND run = {memory.previous_run_id or 0}) seen
            ON arrived.digest = seen.h
            WHERE is_earlier"""
    )
    return [place for (place,) in found]
