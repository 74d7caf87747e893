"""Finds what profiles say of a data model although no row of its warehouse says it any more. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse_sync.domain.identity import TYPE_OF_CODE
from warehouse_sync.profiles.protocol import ChunkTransaction
from warehouse_sync.profiles.schema import DATA_MODELS, current_table, newest_time, values_table

EXTRA: Final = "row_extra"
"""A profile says something of the data model that no row says, and no row that reaches it is as new or newer."""

_SLICE: Final = 1 << 20
_SAMPLES: Final = 20
_SAMPLE_CHARACTERS: Final = 256


class Vouched:
    """The profiles that some row speaks for: one bit for each that there is, however many rows there are.

    Args:
        profiles: the next profile's number; those from there on are not asked for.
    """

    def __init__(self, profiles: int) -> None:
        self.profiles = profiles
        self._bits = np.zeros(-(-profiles // 8), dtype=np.uint8)

    def add(self, profiles: Sequence[int]) -> None:
        """A row speaks for these."""
        numbers = np.array(profiles, dtype=np.int64)
        numbers = numbers[numbers < self.profiles]
        np.bitwise_or.at(self._bits, numbers >> 3, np.uint8(128) >> (numbers & 7).astype(np.uint8))

    def others(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """The numbers in ``[first, last)`` that no row speaks for; ``first`` is a multiple of 8."""
        last = min(last, self.profiles)
        bits = np.unpackbits(self._bits[first // 8 : -(-last // 8)])[: last - first]
        return first + np.flatnonzero(bits == 0)


@dataclass(frozen=True, slots=True)
class ExtraVersions:
    """What was found: how many profiles, and for the first of them what they say, as JSON objects of short texts."""

    count: int
    samples: tuple[str, ...]


def find_extra(
    chunk: ChunkTransaction,
    vouched: Vouched,
    *,
    data_model_key: int,
    load_timestamp: str,
    runs: Iterable[int],
    since: datetime | None,
    before_seq: int,
) -> ExtraVersions:
    """Finds profiles that no row speaks for and that say something of a data model.

    A profile that holds no identity is left out: its rows reach others since.

    Args:
        chunk: the open transaction.
        vouched: the profiles that a row speaks for.
        data_model_key, load_timestamp: whose rows they would be, and what its load timestamp is called.
        runs: only what one of these has set: what other pipelines have set comes from warehouses that nobody has read.
        since: only what has this load timestamp or a later one; None for whatever it has.
        before_seq: only what was set before.
    """
    if (data_model_key,) not in chunk.rows(DATA_MODELS):
        return ExtraVersions(0, ())
    current = current_table(data_model_key)
    begins = "" if since is None else f"AND {newest_time(current)} >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S.%f}'"
    chunk.register("own_runs", pa.table({"run": pa.array(list(runs), pa.int64())}))
    count, first_found = 0, list[tuple[int, int]]()
    for first in range(0, vouched.profiles, _SLICE):
        chunk.register("silent", pa.table({"profile": vouched.others(first, first + _SLICE)}))
        within = f"profile BETWEEN {first} AND {first + _SLICE - 1}"
        chunk.execute(
            f"""CREATE OR REPLACE TEMP TABLE extra AS
                SELECT profile, seq FROM {current} SEMI JOIN silent USING (profile) SEMI JOIN own_runs USING (run)
                SEMI JOIN (SELECT profile FROM identities WHERE {within}) USING (profile)
                WHERE {within} AND seq < {before_seq} {begins}"""
        )
        [(found,)] = chunk.rows("SELECT count(*) FROM extra")
        count += found
        if found and len(first_found) < _SAMPLES:
            left = _SAMPLES - len(first_found)
            first_found += chunk.rows(f"SELECT profile, seq FROM extra ORDER BY profile LIMIT {left}")
    said = (_said(chunk, data_model_key, load_timestamp, profile, seq) for profile, seq in first_found)
    samples = ({name: text[:_SAMPLE_CHARACTERS] for name, text in texts.items()} for texts in said)
    return ExtraVersions(count, tuple(json.dumps(sample) for sample in samples))


def _said(chunk: ChunkTransaction, data_model_key: int, load_timestamp: str, profile: int, seq: int) -> dict[str, str]:
    """What a profile says of a data model, as the row would look: its identities of today, the values, the load timestamp."""
    held = chunk.rows(f"SELECT type, value FROM identities WHERE profile = {profile} ORDER BY seq")
    named = chunk.rows(f"SELECT number, name FROM attributes WHERE data_model = {data_model_key} ORDER BY number")
    current = current_table(data_model_key)
    [(stamp,)] = chunk.rows(f"SELECT {newest_time(current)}::VARCHAR FROM {current} WHERE profile = {profile}")
    said = {"mpid": str(chunk.mpid(profile))}
    said |= {TYPE_OF_CODE[code].value: value for code, value in held}
    if named:
        cells = ", ".join(f"a_{number}::VARCHAR" for number, _ in named)
        for values in chunk.rows(f"SELECT {cells} FROM {values_table(data_model_key)} WHERE seq = {seq}"):
            said |= {name: value for (_, name), value in zip(named, values, strict=True) if value is not None}
    return said | {load_timestamp: stamp}
