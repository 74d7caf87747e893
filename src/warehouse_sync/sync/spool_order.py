"""Puts the rows of a spool into the order of their load timestamps, in the memory of one chunk.

Each run (a part as it was written) is already in order. The ranks at which the output is cut are found first, by a binary search over the
values of the key that runs for all cuts at once; then every output chunk is a slice of each run, gathered and sorted by itself.
Rows with equal keys keep the order in which the warehouse gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.errors import RunError

Keys = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int64]
_MAPPED_AT_ONCE: Final = 8


def sort_keys(column: pa.ChunkedArray, name: str) -> Keys:
    """The load timestamps of some rows as whole numbers in the same order.

    Raises:
        RunError: a row has no load timestamp, or one that is no time and no 64-bit number.
    """
    if column.null_count:
        raise RunError(
            f"The warehouse returned a row whose load timestamp {name} is NULL although the query excludes them.",
            code="load_timestamp_missing",
        )
    try:
        if pa.types.is_date32(column.type):
            column = column.cast(pa.int32())
        numbers = column.cast(pa.int64()).combine_chunks()
    except pa.ArrowException as error:
        raise RunError(
            f"The load timestamp {name} holds a value that is neither a time nor a 64-bit integer. Cast it in the query.",
            code="load_timestamp_unusable",
        ) from error
    keys: Keys = np.array(numbers)  # a copy: a view would hold the warehouse's whole batch in memory
    return keys


def is_sorted(keys: Keys) -> bool:
    return bool(np.all(keys[:-1] <= keys[1:]))


def stable_order(keys: Keys) -> Positions:
    """The positions of the rows in order; equal keys stay as they are."""
    return np.asarray(np.argsort(keys, kind="stable"), np.int64)


def merged(
    runs: Sequence[Keys], chunk_rows: int, read: Callable[[int], pa.Table], key_column: str
) -> Iterator[pa.Table]:
    """The rows of all runs as one sequence in order, in tables of ``chunk_rows`` rows.

    Args:
        runs: the keys of each run, ascending.
        read: the rows of the run with that number, cheap to ask for again and again.
        key_column: its load-timestamp column.
    """
    total = sum(len(run) for run in runs)
    ranks = np.arange(chunk_rows, total, chunk_rows, dtype=np.int64)
    cuts = _cuts(runs, ranks)
    starts = [0] * len(runs)
    for ends in [*cuts, [len(run) for run in runs]]:
        pieces = (
            read(number).slice(start, end - start)
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
            if end > start
        )
        table = _gathered(pieces)
        order = stable_order(sort_keys(table.column(key_column), key_column))
        yield table.take(pa.array(order))
        starts = ends


def _gathered(pieces: Iterator[pa.Table]) -> pa.Table:
    """The rows of all pieces in memory of our own, a few pieces at a time: while a file is mapped, what the system reads of it, and it may
    read far more than is looked at, counts as our memory.
    """
    groups = []
    while group := list(islice(pieces, _MAPPED_AT_ONCE)):
        groups.append(pa.concat_tables(group).combine_chunks())
        del group
    return pa.concat_tables(groups)


def _cuts(runs: Sequence[Keys], ranks: Positions) -> list[list[int]]:
    """For each rank, how many rows of each run come before it."""
    if not len(ranks):
        return []
    values = _values_at(runs, ranks)
    below = np.stack([np.searchsorted(run, values, side="left") for run in runs])
    not_above = np.stack([np.searchsorted(run, values, side="right") for run in runs])
    missing = ranks - below.sum(
        axis=0
    )  # rows equal to the value that still belong before the cut: taken from the first runs
    before_run = np.cumsum(not_above - below, axis=0) - (not_above - below)
    taken = np.clip(missing - before_run, 0, not_above - below)
    cuts: list[list[int]] = (below + taken).T.tolist()
    return cuts


def _values_at(runs: Sequence[Keys], ranks: Positions) -> Keys:
    """The key of the last row before each rank: the smallest value that at least ``rank`` rows do not exceed."""
    low = np.full(len(ranks), min(int(run[0]) for run in runs), np.int64)
    high = np.full(len(ranks), max(int(run[-1]) for run in runs), np.int64)
    while np.any(low < high):
        middle = _middle(low, high)
        counts = _total(np.searchsorted(run, middle, side="right") for run in runs)
        enough = counts >= ranks
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return high


def _middle(low: Keys, high: Keys) -> Keys:
    """The floor of the mean, without the overflow of ``low + high``."""
    mean: Keys = (low >> 1) + (high >> 1) + (low & high & 1)
    return mean


def _total(counts: Iterator[Any]) -> Positions:
    total: Positions = np.sum(list(counts), axis=0)
    return total


def names_equal(schema: pa.Schema, name: str) -> bool:
    """Whether ``name`` is exactly one column of ``schema``."""
    return len(schema.get_all_field_indices(name)) == 1


def cell_bytes(batch: pa.RecordBatch) -> int:
    """The size of the largest text or binary value in a batch."""
    sizes = [
        pc.max(pc.binary_length(column)).as_py() or 0
        for column in batch.columns
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type)
    ]
    return max(sizes, default=0)
