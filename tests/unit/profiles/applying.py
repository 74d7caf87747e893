"""Runs of a few rows through the real apply, on a real store in a folder of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType, timestamp_class
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.profiles.compaction import Pace
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.protocol import DroppedValues, Profile, ProfileAttribute, Rejects
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.apply import ApplyPlan, apply_chunk
from warehouse_sync.sync.mapping import plan_mapping
from warehouse_sync.sync.records import RecordPlan
from warehouse_sync.warehouses.arrow import column_kinds

WORKSPACE = 5328
START = datetime(2023, 2, 13, 10, tzinfo=UTC)
STAMP = LoadTimestamp("t", LoadTimestampType.TIMESTAMP_NTZ)
DEVELOPMENT = Environment.DEVELOPMENT


def table(rows: list[dict[str, Any]], **types: pa.DataType | pa.Field) -> pa.Table:
    """Rows as an Arrow table; ``t`` is the load timestamp, in seconds after ``START``, 0 if not given. Types default to text."""
    names = list(dict.fromkeys(["t", *(name for row in rows for name in row), *types]))
    fields, columns = [], []
    for name in names:
        if name == "t" and "t" not in types:
            moments = [(START + timedelta(seconds=row.get("t", 0))).replace(tzinfo=None) for row in rows]
            fields.append(pa.field("t", pa.timestamp("us")))
            columns.append(pa.array(moments, pa.timestamp("us")))
            continue
        given = types.get(name, pa.string())
        fields.append(given.with_name(name) if isinstance(given, pa.Field) else pa.field(name, given))
        columns.append(pa.array([row.get(name) for row in rows], fields[-1].type))
    return pa.table(columns, schema=pa.schema(fields))


class Home:
    """A store, and runs numbered from 1."""

    def __init__(
        self,
        folder: Path | DuckDbStores,
        rules: IdentityRules | None = None,
        pace: Pace | None = None,
        *,
        workspace: int = WORKSPACE,
    ) -> None:
        self.rules = rules or IdentityRules()
        self.workspace = workspace
        limits = StoreLimits(memory_mb=256, threads=1, pace=pace or Pace())
        self.stores = folder if isinstance(folder, DuckDbStores) else DuckDbStores(folder, b"k" * 32, limits)
        self.reader = DuckDbReader(self.stores)
        self.runs = 0

    def key(self, run: int, epoch: int = 1, environment: Environment = DEVELOPMENT) -> RunKey:
        return RunKey(run, epoch, self.workspace, environment)

    def plan(self, run: RunKey, rows: pa.Table, *, model: int = 7, stamp: LoadTimestamp = STAMP) -> ApplyPlan:
        columns = column_kinds(rows.schema)
        mapping = plan_mapping(columns, stamp, priority=self.rules.priority, plain_timestamp_is_instant=False)
        kind = timestamp_class(stamp.declared, plain_timestamp_is_instant=False)
        return ApplyPlan(run, model, RecordPlan(columns, mapping, stamp, kind), self.rules)

    def apply(
        self,
        rows: pa.Table,
        *,
        model: int = 7,
        chunk_rows: int | None = None,
        stamp: LoadTimestamp = STAMP,
        start_over: bool = False,
    ) -> RunCounts:
        """One run of all the rows, applied a minute after the last."""
        self.runs += 1
        run = self.key(self.runs)
        self.stores.begin(run, start_over=start_over)
        total, size = RunCounts(), chunk_rows or max(1, rows.num_rows)
        for number, first in enumerate(range(0, rows.num_rows, size)):
            plan = self.plan(run, rows, model=model, stamp=stamp)
            total += apply_chunk(self.stores, plan, number, rows.slice(first, size), now=self.now)
        return total

    def sync(self, *rows: dict[str, Any], **options: Any) -> RunCounts:
        """One run of rows of text."""
        return self.apply(table(list(rows)), **options)

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=self.runs)

    def mpid(self, number: int, environment: Environment = DEVELOPMENT) -> int:
        return self.stores.codec(self.workspace).encode(number, environment)

    def profile(self, number: int) -> Profile:
        found = self.reader.profile(self.workspace, self.mpid(number))
        assert found is not None
        return found

    def attributes(self, number: int = 1) -> dict[str, ProfileAttribute]:
        return {attribute.name: attribute for attribute in self.profile(number).attributes}

    def values(self, number: int = 1) -> dict[str, Any]:
        return {name: attribute.value for name, attribute in self.attributes(number).items()}

    def texts(self, number: int = 1) -> dict[str, Any]:
        return {name: attribute.text for name, attribute in self.attributes(number).items()}

    def identities(self, number: int) -> dict[str, str]:
        return {found.identity_type.value: found.value for found in self.profile(number).identities}

    def holders(self, identity_type: IdentityType, value: str) -> list[int]:
        """Numbers of the profiles that hold an identity."""
        found = self.reader.find(self.workspace, DEVELOPMENT, identity_type, value, self.rules)
        return sorted(number for mpid in found for number, _ in [self.stores.codec(self.workspace).decode(mpid)])

    def holders_of_emails(self, *values: str) -> list[int]:
        """The one profile of each e-mail."""
        return [number for value in values for number in self.holders(IdentityType.EMAIL, value)]

    def count(self) -> int:
        return self.reader.profile_count(self.workspace, DEVELOPMENT)

    def rejects(self) -> dict[str, Rejects]:
        return {found.reason: found for found in self.reader.rejects(self.workspace, DEVELOPMENT, self.runs)}

    def dropped(self) -> tuple[DroppedValues, ...]:
        return self.reader.dropped_values(self.workspace, DEVELOPMENT, self.runs)

    def state(self) -> list[tuple[Any, ...]]:
        """All that is known of every profile, for comparing."""
        return [
            (number, self.identities(number), self.texts(number), self.profile(number).last_stored_on)
            for number in range(1, self.count() + 1)
        ]
