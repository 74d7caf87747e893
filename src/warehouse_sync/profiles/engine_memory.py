"""How much of the store's memory is left for the engine's buffers.

The engine counts its buffers against its limit, but not what it remembers of each column of each row group that it stores: where its blocks
are, its smallest and greatest value. That grows with the rows that are stored; for the same limit to mean the same memory, however many
there are, the buffers get what is left of it.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Final

import duckdb

ROW_GROUP_ROWS: Final = 122_880
"""How many rows the engine stores together, if it is given as many at a time."""

_COLUMN_BYTES: Final = 6_500
"""By how much the memory of a service beside the buffers was seen to grow with each column of a row group: by 2.7 bytes for each stored row
of 20 attributes and two identities, up to 40 million rows."""

_STEP_MB: Final = 4
"""The engine also looks for what it can give back when it is told its limit, so it is told of larger changes only."""


def buffers_mb(memory_mb: int, structure_bytes: int) -> int:
    """What buffers may take of a store's memory, in MB: at least half of it, or a large store would find no room to work in."""
    steps = math.ceil(structure_bytes / (_STEP_MB * 1_000_000))
    return max(memory_mb // 2, memory_mb - steps * _STEP_MB)


class EngineMemory:
    """Tells an engine how much memory its buffers may take. For one thread at a time.

    Args:
        memory_mb: of buffers and structure together. In MB, as the engine understands it.
    """

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._told_mb = memory_mb

    @property
    def setting(self) -> str:
        """The limit as the engine was last told it."""
        return f"{self._told_mb}MB"

    def share(self, engine: duckdb.DuckDBPyConnection) -> None:
        """Gives the buffers what the attached files leave of the memory.

        Where that fails, for other work needs them, they keep what they have until the next time.
        """
        with suppress(duckdb.Error):
            due = buffers_mb(self._memory_mb, structure_bytes(engine))
            if due != self._told_mb:
                engine.execute(f"SET memory_limit = '{due}MB'")
                self._told_mb = due


def structure_bytes(engine: duckdb.DuckDBPyConnection) -> int:
    """About how much an engine remembers of the tables of all files attached to it, beside its buffers, in bytes."""
    [(columns,)] = engine.execute(
        f"""SELECT coalesce(sum(ceil(estimated_size / {ROW_GROUP_ROWS}) * column_count), 0)::BIGINT
            FROM duckdb_tables() WHERE NOT temporary"""
    ).fetchall()
    return int(columns) * _COLUMN_BYTES
