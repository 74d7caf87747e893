"""Compares what was read once more with what the profiles hold of it, and puts back what they lack if that is wanted.

First all chunks are compared, which changes nothing. Then each has a transaction of its own, as in any run: what was found is noted there,
together with the checkpoint and, in a repair, the rows that were not found. A run that dies on the way compares again, and goes on at the
first chunk that is not committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.identity import TYPE_CODES
from warehouse_sync.domain.run import CANCELLED, RunCounts
from warehouse_sync.errors import RunError
from warehouse_sync.identity.fingerprints import build_keyed, carried_types
from warehouse_sync.profiles.comparison import COMPARED, KINDS, Comparison, compare
from warehouse_sync.profiles.protocol import ChunkTransaction, ProfileStores
from warehouse_sync.sync.apply import ApplyPlan, apply_rows
from warehouse_sync.sync.records import sample_texts, stage_records

_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a chunk.

    Attributes:
        kinds: of each row 0 if it was found, else one more than its number in ``KINDS``.
        rejected: rows that cannot reach a profile, by reason.
    """

    kinds: npt.NDArray[np.uint8]
    rejected: dict[str, int]


def find_differences(
    stores: ProfileStores, plan: ApplyPlan, chunks: Iterable[pa.Table], cancelled: Callable[[], bool], *, now: datetime
) -> list[Finding]:
    """Compares the rows of all chunks; changes nothing.

    Raises:
        RunError: ``cancelled``.
        StoreError: the store cannot be read.
    """
    findings: list[Finding] = []
    ties: list[list[tuple[int, int]]] = []
    told: list[npt.NDArray[np.int64]] = []
    for table in chunks:
        if cancelled():
            raise RunError("The run was cancelled.", code=CANCELLED)
        compared = _compare(stores, plan, table, now=now)
        kinds = np.zeros(table.num_rows, dtype=np.uint8)
        for place, kind in compared.findings:
            kinds[place] = kind + 1
        findings.append(Finding(kinds, compared.rejected))
        ties.append(compared.ties)
        told.append(np.array(compared.told, dtype=np.int64))
    for finding, of_chunk in zip(findings, ties, strict=True):
        if of_chunk:  # a row of the same time in another chunk may have told what the profile says
            places, profiles = np.array(of_chunk, dtype=np.int64).T
            finding.kinds[places[np.isin(profiles, np.concatenate(told))]] = 0
    return findings


def settle_chunk(
    stores: ProfileStores,
    plan: ApplyPlan,
    number: int,
    table: pa.Table,
    finding: Finding,
    *,
    repairs: bool,
    now: datetime,
) -> RunCounts:
    """Notes what was found of a chunk, and applies the rows that were not found if that is wanted; returns what it counted.

    Raises:
        LeaseLostError: a newer holder has the run; nothing was written.
        StoreError: the store failed; whether the chunk is committed, only the store's progress tells.
    """
    with stores.chunk(plan.run, number, now=now) as chunk:
        _note(chunk, table, finding)
        wanted = table.filter(pa.array(finding.kinds > 0)) if repairs else table.slice(0, 0)
        if wanted.num_rows:
            counts = apply_rows(chunk, plan, wanted, mends=True)
            chunk.checkpoint(counts, types=carried_types(chunk))
        else:
            # Of what it only looked at, a repair counts nothing: its rows are those that it puts back.
            counts = RunCounts() if repairs else _looked_at(chunk, table, finding)
            chunk.checkpoint(counts, types=0, places=1)
        crashpoint("chunk_before_commit")
    crashpoint("chunk_after_commit")
    return counts


def _compare(stores: ProfileStores, plan: ApplyPlan, table: pa.Table, *, now: datetime) -> Comparison:
    records = plan.records
    with stores.comparing(plan.run, now=now) as chunk:
        attributes = stage_records(chunk, table, records)
        build_keyed(chunk, "staged", records.identity_sources, plan.rules, direct=records.mapping.mpid is not None)
        return compare(
            chunk,
            data_model_key=plan.data_model_key,
            attributes=attributes,
            lookup_codes=plan.lookup_codes,
            immutable_codes=[TYPE_CODES[immutable] for immutable in plan.rules.immutable],
        )


def _note(chunk: ChunkTransaction, table: pa.Table, finding: Finding) -> None:
    chunk.write_rejects(COMPARED, table.num_rows, [])
    for number, kind in enumerate(KINDS):
        places = np.flatnonzero(finding.kinds == number + 1)
        if len(places):
            texts = sample_texts(table.take(pa.array(places[:_SAMPLES], pa.int64())))
            samples = [(chunk.first_seq + int(place), text) for place, text in zip(places, texts, strict=False)]
            chunk.write_rejects(kind, len(places), samples)


def _looked_at(chunk: ChunkTransaction, table: pa.Table, finding: Finding) -> RunCounts:
    for reason, rows in finding.rejected.items():
        chunk.write_rejects(reason, rows, [])
    rejected = sum(finding.rejected.values())
    return RunCounts(extracted=table.num_rows, rejected=rejected, unchanged=table.num_rows - rejected)
