"""Applies one chunk of a run's spool: map, resolve, merge, count, checkpoint, in one transaction of the profile store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.identity import TYPE_CODES, IdentityRules
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.identity.fingerprints import build_keyed, carried_types
from warehouse_sync.identity.resolution import resolve
from warehouse_sync.profiles.comparison import mend
from warehouse_sync.profiles.merge import merge_records, write_identities
from warehouse_sync.profiles.protocol import ChunkTransaction, ProfileStores
from warehouse_sync.sync.late_rows import LateRowPlan, without_seen
from warehouse_sync.sync.records import RecordPlan, stage_records, write_dropped, write_rejects


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """What the apply must know of a run beyond its rows. ``late``: how late rows are found, if they are looked for."""

    run: RunKey
    data_model_key: int
    records: RecordPlan
    rules: IdentityRules
    late: LateRowPlan | None = None

    @property
    def lookup_codes(self) -> list[int]:
        """The type codes of the identities that the rows carry and that profiles are looked up by."""
        carried = [source.identity_type for source in self.records.identity_sources]
        return [TYPE_CODES[identity_type] for identity_type in carried if identity_type in self.rules.priority]


def apply_chunk(stores: ProfileStores, plan: ApplyPlan, number: int, table: pa.Table, *, now: datetime) -> RunCounts:
    """Applies chunk ``number`` and returns what it counted.

    Raises:
        LeaseLostError: a newer holder has the run; nothing was written.
        StoreError: the store failed; whether the chunk is committed, only the store's progress tells.
    """
    with stores.chunk(plan.run, number, now=now) as chunk:
        counts = apply_rows(chunk, plan, table)
        chunk.checkpoint(counts, types=carried_types(chunk))
        crashpoint("chunk_before_commit")
    crashpoint("chunk_after_commit")
    return counts


def apply_rows(chunk: ChunkTransaction, plan: ApplyPlan, table: pa.Table, *, mends: bool = False) -> RunCounts:
    """Applies rows within the open transaction of a chunk and returns what it counted.

    Args:
        mends: do not trust what was noted of the versions that the rows are compared with.
    """
    run, rules, records = plan.run.run_id, plan.rules, plan.records
    late = 0
    if plan.late is not None:
        table, late = without_seen(chunk, table, records, plan.late, run=run)
    attributes = stage_records(chunk, table, records)
    build_keyed(chunk, "staged", records.identity_sources, rules, direct=records.mapping.mpid is not None)
    rejected = write_rejects(chunk, table)
    if mends:
        mend(chunk, data_model_key=plan.data_model_key, lookup_codes=plan.lookup_codes)
    resolution = resolve(
        chunk,
        rules,
        [source.identity_type for source in records.identity_sources],
        first_seq=chunk.first_seq,
        next_profile=chunk.next_profile,
    )
    lookup_types = ", ".join(str(TYPE_CODES[identity_type]) for identity_type in rules.priority)
    orphaned = write_identities(chunk, run=run, lookup_types=lookup_types, first_seq=chunk.first_seq)
    merged = merge_records(
        chunk, data_model_key=plan.data_model_key, attributes=attributes, run=run, first_seq=chunk.first_seq
    )
    if merged.values_dropped:
        write_dropped(chunk, attributes)
    return RunCounts(
        extracted=table.num_rows,
        rejected=rejected,
        changed=merged.changed,
        unchanged=merged.unchanged,
        superseded=merged.superseded,
        values_dropped=merged.values_dropped,
        profiles_matched=table.num_rows - rejected - resolution.created,
        profiles_created=resolution.created,
        identity_conflicts=resolution.conflicts,
        profiles_orphaned=orphaned,
        late=late,
    )
