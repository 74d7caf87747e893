"""Rows that were not there when their interval was read: looked for by the run of the next interval (lesson L8).

The run reads the interval before its own once more. Rows that were there then are left aside; the others are late, and are applied like
its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.domain.interval import Interval
from warehouse_sync.identity.fingerprints import text_sql
from warehouse_sync.profiles.merge import digest_sql
from warehouse_sync.profiles.protocol import ChunkTransaction
from warehouse_sync.profiles.row_memory import RowMemory, remember, seen_before
from warehouse_sync.sync.load_timestamps import shown_timestamps
from warehouse_sync.sync.records import RecordPlan, storable

_STAMP_NUMBER = -1
"""Stands for the load timestamp among the numbers of the columns that are digested."""


@dataclass(frozen=True, slots=True)
class LateRowRepair:
    """That a run shall look for late rows.

    Attributes:
        memory: where it looks, and leaves what the next run needs.
        previous: the interval before its own, if one was read.
        previous_rows: how many rows that held.
        previous_probe: what the previous run asked its warehouse for columns with: rows of another query are not comparable.
    """

    memory: RowMemory
    previous: Interval | None = None
    previous_rows: int = 0
    previous_probe: str | None = None

    def without_previous(self) -> LateRowRepair:
        """The same for a run that can compare with no other: it only remembers its own rows."""
        return LateRowRepair(RowMemory(self.memory.pipeline_key, None))


@dataclass(frozen=True, slots=True)
class LateRowPlan:
    """How the rows of a spool are told apart, by their load timestamps as the column shows them.

    Attributes:
        memory: as ``LateRowRepair.memory``; without a previous run nothing is looked for, and only remembered.
        own_from: the run's own rows begin here; None if it has no lower bound.
        earlier_from: those of the previous run begin here; None if it had no lower bound.
    """

    memory: RowMemory
    own_from: datetime | None
    earlier_from: datetime | None


def without_seen(
    chunk: ChunkTransaction, table: pa.Table, records: RecordPlan, plan: LateRowPlan, *, run: int
) -> tuple[pa.Table, int]:
    """Remembers the run's own rows of a chunk, and leaves aside those that the previous run has read.

    Returns:
        The rows to apply, and how many of these are late.
    """
    shown = shown_timestamps(
        table.column(records.columns.index(records.mapping.load_timestamp)), records.timestamp_class
    )
    is_own = _not_before(shown, plan.own_from)
    looks = plan.memory.previous_run_id is not None
    is_earlier = ~is_own & _not_before(shown, plan.earlier_from) if looks else np.zeros(table.num_rows, dtype=bool)
    whose = {"stamp": shown, "is_own": pa.array(is_own), "is_earlier": pa.array(is_earlier)}
    _stage_arrived(chunk, table, records, whose)
    remember(chunk, plan.memory, run=run)
    if not is_earlier.any():
        return table, 0
    stays = np.ones(table.num_rows, dtype=bool)
    stays[seen_before(chunk, plan.memory)] = False
    return table.filter(pa.array(stays)), int((stays & is_earlier).sum())


def _not_before(shown: pa.ChunkedArray, bound: datetime | None) -> npt.NDArray[np.bool_]:
    if bound is None:
        return np.ones(len(shown), dtype=bool)
    compared: npt.NDArray[np.bool_] = pc.greater_equal(shown, pa.scalar(bound, pa.timestamp("us"))).to_numpy()
    return compared


def _stage_arrived(
    chunk: ChunkTransaction, table: pa.Table, records: RecordPlan, whose: Mapping[str, pa.Array | pa.ChunkedArray]
) -> None:
    """Makes ``arrived``: of each row its place, its digest, and whose it is."""
    columns = [identity.column for identity in records.mapping.identities]
    columns += [] if records.mapping.mpid is None else [records.mapping.mpid]
    places = [records.columns.index(column) for column in columns]
    rows = storable(table.select(places).rename_columns([f"i_{number}" for number in range(len(places))]))
    for name, values in {"place": pa.array(np.arange(table.num_rows)), **whose}.items():
        rows = rows.append_column(name, values)
    chunk.register("arrived_rows", rows)
    cells = [(number, text_sql(f"i_{number}", column.kind)) for number, column in enumerate(columns)]
    digest = digest_sql([*cells, (_STAMP_NUMBER, "stamp")])
    chunk.execute(f"CREATE TEMP VIEW arrived AS SELECT place, {digest} AS digest, is_own, is_earlier FROM arrived_rows")
