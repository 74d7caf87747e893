"""Compares what was read once more with what the profiles hold of it, and puts back what they lack if that is wanted.

First all chunks are compared, which changes nothing. Then each has a transaction of its own, as in any run: what was found is noted there,
together with the checkpoint and, in a repair, the rows that were not found. A run that dies on the way compares again, and goes on at the
first chunk that is not committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.identity import TYPE_CODES
from warehouse_sync.domain.run import CANCELLED, RunCounts, RunKey
from warehouse_sync.errors import RunError
from warehouse_sync.identity.fingerprints import build_keyed, carried_types
from warehouse_sync.profiles.comparison import COMPARED, KINDS, Comparison, compare, reached
from warehouse_sync.profiles.extra import EXTRA, Vouched, find_extra
from warehouse_sync.profiles.merge import AttributeColumn
from warehouse_sync.profiles.protocol import ChunkTransaction, ProfileStores
from warehouse_sync.sync.apply import ApplyPlan, apply_rows
from warehouse_sync.sync.load_timestamps import shown_timestamps
from warehouse_sync.sync.records import sample_texts, stage_records

_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a chunk.

    Attributes:
        kinds: of each row 0 if it was found, else one more than its number in ``KINDS``.
        rejected: rows that cannot reach a profile, by reason.
        compared: how many rows were compared, those included.
    """

    kinds: npt.NDArray[np.uint8]
    rejected: dict[str, int]
    compared: int


@dataclass(frozen=True, slots=True)
class ExtraSearch:
    """That a run also looks for what profiles say although no row says it any more. For that it reads all there is from where it begins.

    Attributes:
        data_model_key, load_timestamp: of whose rows, and what their load timestamp is called.
        runs: of the run's pipeline.
        since: where the run begins, in UTC and naive; None if it has no lower bound.
    """

    data_model_key: int
    load_timestamp: str
    runs: Sequence[int]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Which rows are compared, where more are read: those with a load timestamp before an end, as the column shows it.

    The others only tell that what they are about is still there.
    """

    end: datetime
    inclusive: bool

    def among(self, table: pa.Table, plan: ApplyPlan) -> npt.NDArray[np.bool_]:
        records = plan.records
        stamps = table.column(records.columns.index(records.mapping.load_timestamp))
        shown, end = shown_timestamps(stamps, records.timestamp_class), pa.scalar(self.end, pa.timestamp("us"))
        own: npt.NDArray[np.bool_] = (pc.less_equal if self.inclusive else pc.less)(shown, end).to_numpy()
        return own


class Vouchers:
    """What the rows of a run vouch for.

    Args:
        own: which of them are compared.
        profiles, first_seq: the numbers of the next profile and of the next row, as the comparing began.
    """

    def __init__(self, own: OwnRows | None, *, profiles: int, first_seq: int) -> None:
        self.own = own
        self.vouched = Vouched(profiles)
        self.before_seq = first_seq

    @classmethod
    def of(cls, stores: ProfileStores, run: RunKey, own: OwnRows | None, *, now: datetime) -> Vouchers:
        """Those of a run that begins to compare."""
        with stores.comparing(run, now=now) as chunk:
            return cls(own, profiles=chunk.next_profile, first_seq=chunk.first_seq)


def find_differences(
    stores: ProfileStores,
    plan: ApplyPlan,
    chunks: Iterable[pa.Table],
    cancelled: Callable[[], bool],
    *,
    now: datetime,
    vouchers: Vouchers | None = None,
) -> list[Finding]:
    """Compares the rows of all chunks; changes nothing.

    Args:
        vouchers: which rows are compared, and what is told which profiles the rows vouch for; None: all, and nothing.

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
        own = np.arange(table.num_rows)
        if vouchers is not None and vouchers.own is not None:
            is_own = vouchers.own.among(table, plan)
            _vouch(stores, plan, table.filter(pa.array(~is_own)), vouchers, now=now)
            own = np.flatnonzero(is_own)
        compared = _compare(stores, plan, table.take(pa.array(own)) if len(own) < table.num_rows else table, now=now)
        kinds = np.zeros(table.num_rows, dtype=np.uint8)
        for place, kind in compared.findings:
            kinds[own[place]] = kind + 1
        findings.append(Finding(kinds, compared.rejected, len(own)))
        ties.append([(int(own[place]), profile) for place, profile in compared.ties])
        told.append(np.array(compared.told, dtype=np.int64))
        if vouchers is not None:
            vouchers.vouched.add(compared.vouched)
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
            counts = RunCounts() if repairs else _looked_at(chunk, finding)
            chunk.checkpoint(counts, types=0, places=1)
        crashpoint("chunk_before_commit")
    crashpoint("chunk_after_commit")
    return counts


def settle_extra(
    stores: ProfileStores, run: RunKey, number: int, search: ExtraSearch, vouchers: Vouchers, *, now: datetime
) -> None:
    """Notes what profiles say and no row said, in a chunk of its own behind all others. It is left as it is.

    Raises:
        LeaseLostError, StoreError: as of :func:`settle_chunk`.
    """
    with stores.chunk(run, number, now=now) as chunk:
        found = find_extra(
            chunk,
            vouchers.vouched,
            data_model_key=search.data_model_key,
            load_timestamp=search.load_timestamp,
            runs=search.runs,
            since=search.since,
            before_seq=vouchers.before_seq,
        )
        chunk.write_rejects(
            EXTRA, found.count, [(chunk.first_seq + place, text) for place, text in enumerate(found.samples)]
        )
        chunk.checkpoint(RunCounts(), types=0, places=1)
        crashpoint("chunk_before_commit")
    crashpoint("chunk_after_commit")


def _vouch(stores: ProfileStores, plan: ApplyPlan, table: pa.Table, vouchers: Vouchers, *, now: datetime) -> None:
    """Rows that are not compared vouch for whomever they reach: what they say has not been read yet."""
    if not table.num_rows:
        return
    with stores.comparing(plan.run, now=now) as chunk:
        _stage(chunk, plan, table)
        vouchers.vouched.add(reached(chunk, lookup_codes=plan.lookup_codes))


def _stage(chunk: ChunkTransaction, plan: ApplyPlan, table: pa.Table) -> tuple[AttributeColumn, ...]:
    records = plan.records
    attributes = stage_records(chunk, table, records)
    build_keyed(chunk, "staged", records.identity_sources, plan.rules, direct=records.mapping.mpid is not None)
    return attributes


def _compare(stores: ProfileStores, plan: ApplyPlan, table: pa.Table, *, now: datetime) -> Comparison:
    with stores.comparing(plan.run, now=now) as chunk:
        return compare(
            chunk,
            data_model_key=plan.data_model_key,
            attributes=_stage(chunk, plan, table),
            lookup_codes=plan.lookup_codes,
            immutable_codes=[TYPE_CODES[immutable] for immutable in plan.rules.immutable],
        )


def _note(chunk: ChunkTransaction, table: pa.Table, finding: Finding) -> None:
    chunk.write_rejects(COMPARED, finding.compared, [])
    for number, kind in enumerate(KINDS):
        places = np.flatnonzero(finding.kinds == number + 1)
        if len(places):
            texts = sample_texts(table.take(pa.array(places[:_SAMPLES], pa.int64())))
            samples = [(chunk.first_seq + int(place), text) for place, text in zip(places, texts, strict=False)]
            chunk.write_rejects(kind, len(places), samples)


def _looked_at(chunk: ChunkTransaction, finding: Finding) -> RunCounts:
    for reason, rows in finding.rejected.items():
        chunk.write_rejects(reason, rows, [])
    rejected = sum(finding.rejected.values())
    return RunCounts(extracted=finding.compared, rejected=rejected, unchanged=finding.compared - rejected)
