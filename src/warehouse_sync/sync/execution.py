"""One run, step by step: probe, count, fetch to a sealed spool, apply chunk by chunk (promises I1, I2, I7).

A run that dies while fetching starts over; one that dies while applying goes on from its sealed spool at the first chunk that is not
committed. What is committed, only the profile store knows.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.load_timestamp import ColumnBounds, column_bounds, timestamp_class
from warehouse_sync.domain.pipeline import NO_BUDGET, WarehouseBudget
from warehouse_sync.domain.run import CANCELLED, GeneratedSql, Run, RunCounts, RunKind, UnreadRows, WarehouseUse
from warehouse_sync.domain.timestamps import END
from warehouse_sync.errors import InvalidRequest, RowsForgottenError, RunError, StoreError, WarehouseSyncError
from warehouse_sync.profiles.protocol import ProfileStores
from warehouse_sync.sql import wrap
from warehouse_sync.sql.guard import CheckedQuery, check_query
from warehouse_sync.sync.apply import ApplyPlan, apply_chunk
from warehouse_sync.sync.late_rows import LateRowPlan, LateRowRepair
from warehouse_sync.sync.load_timestamps import shown_bound
from warehouse_sync.sync.mapping import plan_mapping
from warehouse_sync.sync.records import RecordPlan
from warehouse_sync.sync.spool import Spool, SpoolRequest, discard_spool, disk_thread, open_spool
from warehouse_sync.sync.spool_manifest import damaged
from warehouse_sync.sync.verification import (
    ExtraSearch,
    OwnRows,
    Vouchers,
    find_differences,
    settle_chunk,
    settle_extra,
)
from warehouse_sync.sync.worker import Conversation, Progress, WarehouseWorker
from warehouse_sync.warehouses.arrow import column_kinds
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

_TURN_SECONDS: Final = 0.005
"""A pause in which a writer that waits gets the store's lock: it is not handed out in the order of asking."""

_QUERIES_KEPT: Final = 8
"""Checked queries that are remembered, since run after run has the same. The tree of the longest one takes 6 MB."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """All that is needed to execute a run, as values.

    Attributes:
        run: the run, as its holder claimed it.
        address: the warehouse, with its secrets.
        data_model: the query and its load timestamp.
        rules: how rows find their profile.
        max_rows: more rows refuse the run before one is read.
        max_columns: more columns do too.
        lookback: how far before its interval the run reads once more.
        repair: how it looks for late rows; None if it does not.
        counts_unread: whether it counts the rows that no interval holds.
        budget: what each statement may take of the warehouse.
        pipeline_runs: of a run that compares and also looks for what the warehouse no longer has, the runs of its pipeline.
    """

    run: Run
    address: WarehouseAddress
    data_model: DataModel
    rules: IdentityRules
    max_rows: int
    max_columns: int
    lookback: timedelta = timedelta(0)
    repair: LateRowRepair | None = None
    counts_unread: bool = False
    budget: WarehouseBudget = NO_BUDGET
    pipeline_runs: tuple[int, ...] | None = None

    @property
    def counted(self) -> Interval:
        """What ``max_rows`` is for: the run's interval, and before it what is looked back at; all to the end, where that is looked at."""
        interval = self.run.data_interval.begun_earlier(self.lookback)
        return interval if self.pipeline_runs is None else Interval(interval.start, END)

    @property
    def reading(self) -> Interval:
        """What is read: also the interval before the run's own, where late rows are looked for there."""
        previous = None if self.repair is None else self.repair.previous
        if previous is None:
            return self.counted
        return Interval(min(previous.start, self.counted.start), self.counted.end)


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """What the operator grants every run.

    Attributes:
        chunk_rows: rows applied in one transaction.
        spool_bytes: disk for the fetched rows of one run.
        cell_bytes: the largest single value.
        free_bytes: disk that must stay free.
        between_inclusive: read with both ends included, for compatibility (decision D4).
    """

    chunk_rows: int
    spool_bytes: int
    cell_bytes: int
    free_bytes: int = 0
    between_inclusive: bool = False


class RunObserver(Protocol):
    """Whoever wants to know how far a run is. Called on the run's own thread."""

    def sql_generated(self, generated: GeneratedSql) -> None:
        """The texts that are sent to the warehouse, before the first row is read."""
        ...

    def unread_counted(self, unread: UnreadRows) -> None:
        """How many rows no interval holds, where the order wants to know."""
        ...

    def warehouse_used(self, use: WarehouseUse) -> None:
        """What reading took of the warehouse, whether it succeeded or not."""
        ...

    def rows_fetched(self, rows: int) -> None:
        """How many rows are in the spool so far."""
        ...

    def chunk_applied(self, counts: RunCounts, total_rows: int) -> None:
        """What all chunks committed so far have counted, of how many rows in all."""
        ...


class RunExecutor:
    """Executes runs. Safe to use from several threads, one run on each.

    Args:
        worker: speaks with warehouses, in child processes.
        stores: the profile stores.
        spools: folder of the spools; each run has its own below it.
        limits: what every run may use.
        clock: the time.
        apply: applies one chunk to the stores.
        disk: makes what reads a spool ahead.
    """

    def __init__(
        self,
        worker: WarehouseWorker,
        stores: ProfileStores,
        spools: Path,
        limits: ExecutionLimits,
        clock: Clock,
        *,
        apply: Callable[..., RunCounts] = apply_chunk,
        disk: Callable[[], Executor] = disk_thread,
    ) -> None:
        self._worker = worker
        self._stores = stores
        self._spools = spools
        self._limits = limits
        self._clock = clock
        self._apply = apply
        self._disk = disk

    def execute(self, order: RunOrder, observer: RunObserver, cancelled: Callable[[], bool]) -> RunCounts:
        """Does what is left to do of a run and returns what all of it counted.

        Args:
            order: the run.
            observer: told how far it is.
            cancelled: true when the run shall stop, or its holder lost it.

        Raises:
            WarehouseError, RunError, InvalidRequest: the run cannot succeed now; nothing past the last committed chunk was changed.
            LeaseLostError: a newer holder has the run.
            StoreError: the profile store failed; trying again tells what was committed.
        """
        try:
            return self._execute(self._comparable(order), observer, cancelled)
        except RowsForgottenError:  # all rows that are left would look late
            return self._execute(self._comparable(order), observer, cancelled)

    def _execute(self, order: RunOrder, observer: RunObserver, cancelled: Callable[[], bool]) -> RunCounts:
        spool = self._sealed_spool(order)
        # Without its spool a run starts over: to query again is not to resume, and its rows merge idempotently.
        memory = None if order.repair is None else order.repair.memory
        progress = self._stores.begin(order.run.key, start_over=spool is None, memory=memory)
        if spool is not None and spool.manifest.reading != progress.reading:
            # The chunks are of other rows: a holder that had lost the run sealed its own over those of the next one, or the store was put
            # back from a copy.
            spool, progress = None, self._stores.begin(order.run.key, start_over=True, memory=memory)
        crashpoint("epoch_raised")
        if spool is None:
            spool = self._fetch(order, observer, cancelled)
        search = _extra_search(order)
        if spool is None:
            if search is not None:
                self._settle_extra(order, search, self._vouchers(order, None), 0)
            return RunCounts()
        records = record_plan(order, spool.manifest.schema)
        plan = ApplyPlan(order.run.key, order.data_model.key, records, order.rules, _late_row_plan(order, records))
        vouchers = None if search is None else self._vouchers(order, records)
        apply = self._settling(order.run, plan, spool, cancelled, vouchers) if order.run.kind.compares else self._apply
        counts = progress.counts
        with closing(self._rows(order.run, spool, progress.chunks)) as tables:
            for number, rows in enumerate(tables, progress.chunks):
                if cancelled():
                    raise RunError("The run was cancelled.", code=CANCELLED)
                counts += apply(self._stores, plan, number, rows, now=self._clock.now())
                observer.chunk_applied(counts, spool.manifest.rows)
        chunks = len(spool.chunks())
        if search is not None and vouchers is not None and progress.chunks <= chunks:
            self._settle_extra(order, search, vouchers, chunks)
        crashpoint("last_chunk_applied")
        return counts

    def _vouchers(self, order: RunOrder, records: RecordPlan | None) -> Vouchers:
        own = None if records is None else _own_rows(order, records, inclusive=self._limits.between_inclusive)
        return Vouchers.of(self._stores, order.run.key, own, now=self._clock.now())

    def _settle_extra(self, order: RunOrder, search: ExtraSearch, vouchers: Vouchers, number: int) -> None:
        settle_extra(self._stores, order.run.key, number, search, vouchers, now=self._clock.now())

    def _settling(
        self, run: Run, plan: ApplyPlan, spool: Spool, cancelled: Callable[[], bool], vouchers: Vouchers | None
    ) -> Callable[..., RunCounts]:
        """Compares all chunks; returns what applies one of them."""
        with closing(self._rows(run, spool)) as tables:
            findings = find_differences(self._stores, plan, tables, cancelled, now=self._clock.now(), vouchers=vouchers)

        def settle(stores: ProfileStores, plan: ApplyPlan, number: int, rows: pa.Table, *, now: datetime) -> RunCounts:
            repairs = run.kind is RunKind.REPAIR
            return settle_chunk(stores, plan, number, rows, findings[number], repairs=repairs, now=now)

        return settle

    def discard(self, run_id: int) -> None:
        """Removes a run's spool: it is finished, or will start over."""
        discard_spool(self._directory(run_id))
        crashpoint("spool_removed")

    def tidy(self, workspace_id: int, environment: Environment, stop: Callable[[], bool]) -> int:
        """Puts what runs have appended to a profile store where look-ups find it soonest; returns how many steps it took.

        Each step is a short transaction of its own, and others have their turn between two; what ``stop`` leaves undone, the next call
        does.

        Raises:
            StoreError: the profile store failed; nothing that can be read has changed.
        """
        steps = 0
        while not stop() and self._take_step(workspace_id, environment):
            steps += 1
            time.sleep(_TURN_SECONDS)
        if not stop():
            self._stores.fold_log(workspace_id, environment)
            crashpoint("log_folded")
        return steps

    def _take_step(self, workspace_id: int, environment: Environment) -> bool:
        with self._stores.compaction_step(workspace_id, environment) as was_due:
            if was_due:
                crashpoint("compaction_before_commit")
        if was_due:
            crashpoint("compaction_after_commit")
        return was_due

    def stored_scopes(self) -> list[tuple[int, Environment]]:
        """The workspaces and environments that have a profile store."""
        return self._stores.scopes()

    def forget_history(self, before: datetime) -> int:
        """Removes replaced row versions that were replaced before a moment; returns how many (decision D31)."""
        return self._stores.forget_history(before)

    def forget_reject_samples(self, before: datetime) -> int:
        """Removes samples of rows that were refused before a moment; returns how many."""
        return self._stores.forget_reject_samples(before)

    def spooled(self) -> set[int]:
        """The runs that have a spool, sealed or not."""
        return {int(folder.name.removeprefix("run-")) for folder in self._spools.glob("run-*[0-9]")}

    def _directory(self, run_id: int) -> Path:
        return self._spools / f"run-{run_id}"

    def _comparable(self, order: RunOrder) -> RunOrder:
        """The order, without a look at the previous interval where its rows were not remembered, or were another query's."""
        repair, run = order.repair, order.run
        if repair is None or repair.memory.previous_run_id is None:
            return order
        _, probe = _checked(order)
        same_query = repair.previous_probe == probe
        if same_query and self._stores.remembers_rows(run.workspace_id, run.environment, repair.memory.previous_run_id):
            return order
        return replace(order, repair=repair.without_previous())

    def _sealed_spool(self, order: RunOrder) -> Spool | None:
        """What an earlier attempt has fetched, if it is whole and still what this order asks for."""
        directory = self._directory(order.run.id)
        try:
            spool = open_spool(directory)
        except StoreError:
            spool = None  # damaged: the rows are still in the warehouse
        if spool is not None and spool.manifest.origin == origin_of(order):
            return spool
        # Between two attempts a PUT may have given the pipeline another data model, or that one another query: rows of the old one must
        # not be written in the name of the new one.
        discard_spool(directory)
        return None

    def _rows(self, run: Run, spool: Spool, first: int = 0) -> Generator[pa.Table, None, None]:
        try:
            yield from spool.tables(first, self._disk)
        except StoreError:
            discard_spool(self._directory(run.id))  # the next attempt would meet the same damage
            raise

    def _fetch(self, order: RunOrder, observer: RunObserver, cancelled: Callable[[], bool]) -> Spool | None:
        """The sealed spool of the interval; None if the interval holds no rows."""
        if order.run.data_interval.is_empty:
            return None
        tag = f"warehouse-sync pipeline={order.run.pipeline_id} run={order.run.id}"
        with (
            self._worker.conversation(order.address, tag, cancelled=cancelled, budget=order.budget) as conversation,
            self._measured(conversation, observer) as arrived,
        ):
            sql, stamp = self._probe(order, conversation)
            observer.sql_generated(sql)
            crashpoint("probe_stored")
            rows = conversation.count(sql.count)
            if rows > order.max_rows:
                raise _too_many_rows(order.run, rows, order.max_rows)
            if sql.count_without_load_timestamp is not None and sql.count_in_future is not None:
                counted = [conversation.count(text) for text in (sql.count_without_load_timestamp, sql.count_in_future)]
                observer.unread_counted(UnreadRows(*counted))
            if rows == 0 and order.reading == order.counted:
                return None
            request = self._spool_request(order, stamp)
            arrived.append(conversation.fetch(sql.extract, request, lambda progress: _tell(observer, progress)).rows)
        crashpoint("fetch_complete")
        spool = open_spool(self._directory(order.run.id))
        if spool is None:  # rows were fetched: to go on without them would be a success that lost them
            raise damaged("it is gone")
        if spool.manifest.reading != order.run.epoch:
            raise damaged("another holder of this run has sealed its own")
        return spool

    @contextmanager
    def _measured(self, conversation: Conversation, observer: RunObserver) -> Iterator[list[int]]:
        """Tells the observer what a conversation took of the warehouse. Into the list go the numbers of rows that arrived."""
        began, arrived = self._clock.monotonic(), list[int]()

        def used() -> WarehouseUse:
            seconds = round(self._clock.monotonic() - began, 3)
            return WarehouseUse(seconds, sum(arrived), conversation.bytes_scanned)

        try:
            yield arrived
        except WarehouseSyncError:
            observer.warehouse_used(used())
            raise
        observer.warehouse_used(used())

    def _probe(self, order: RunOrder, conversation: Conversation) -> tuple[GeneratedSql, str]:
        query, probe = _checked(order)
        plan = record_plan(order, conversation.probe(probe))
        stamp = plan.mapping.load_timestamp.name
        return self._generated(order, query, probe, plan), stamp

    def _generated(self, order: RunOrder, query: CheckedQuery, probe: str, plan: RecordPlan) -> GeneratedSql:
        def bounds(interval: Interval) -> ColumnBounds:
            return column_bounds(interval, plan.timestamp_class, order.data_model.load_timestamp.tzinfo)

        stamp, inclusive = plan.mapping.load_timestamp.name, self._limits.between_inclusive
        now = self._clock.now()
        return GeneratedSql(
            probe=probe,
            count=wrap.count(query, stamp, bounds(order.counted), inclusive_end=inclusive),
            extract=wrap.extract(query, stamp, bounds(order.reading), inclusive_end=inclusive),
            count_without_load_timestamp=wrap.count_without(query, stamp) if order.counts_unread else None,
            count_in_future=wrap.count_from(query, stamp, bounds(Interval(now, now))) if order.counts_unread else None,
        )

    def _spool_request(self, order: RunOrder, stamp: str) -> SpoolRequest:
        return SpoolRequest(
            directory=self._directory(order.run.id),
            load_timestamp=stamp,
            max_rows=_most_fetched(order),
            chunk_rows=self._limits.chunk_rows,
            max_bytes=self._limits.spool_bytes,
            max_cell_bytes=self._limits.cell_bytes,
            min_free_bytes=self._limits.free_bytes,
            origin=origin_of(order),
            reading=order.run.epoch,
        )


def _checked(order: RunOrder) -> tuple[CheckedQuery, str]:
    """The order's query and the statement that probes it."""
    return _query_and_probe(order.data_model.sql_query, WAREHOUSE_TYPES[order.address.type].dialect)


@lru_cache(maxsize=_QUERIES_KEPT)
def _query_and_probe(text: str, dialect: str) -> tuple[CheckedQuery, str]:
    query = check_query(text, dialect)
    return query, wrap.probe(query)


def _most_fetched(order: RunOrder) -> int:
    """What is only compared is not limited as what is applied; still, nobody expects it to have grown past all measure."""
    repair = order.repair
    return order.max_rows if repair is None or repair.previous is None else 2 * (order.max_rows + repair.previous_rows)


def _extra_search(order: RunOrder) -> ExtraSearch | None:
    if order.pipeline_runs is None:
        return None
    interval, model = order.run.data_interval, order.data_model
    since = interval.start.astimezone(UTC).replace(tzinfo=None) if interval.has_lower_bound else None
    return ExtraSearch(model.key, model.load_timestamp.name, order.pipeline_runs, since)


def _own_rows(order: RunOrder, records: RecordPlan, *, inclusive: bool) -> OwnRows:
    bounds = column_bounds(order.run.data_interval, records.timestamp_class, order.data_model.load_timestamp.tzinfo)
    return OwnRows(shown_bound(bounds.upper, records.timestamp_class), inclusive)


def _late_row_plan(order: RunOrder, records: RecordPlan) -> LateRowPlan | None:
    if order.repair is None:
        return None

    def shown_start(interval: Interval | None) -> datetime | None:
        if interval is None:
            return None
        lower = column_bounds(interval, records.timestamp_class, order.data_model.load_timestamp.tzinfo).lower
        return None if lower is None else shown_bound(lower, records.timestamp_class)

    repair = order.repair
    return LateRowPlan(repair.memory, shown_start(order.run.data_interval), shown_start(repair.previous))


def origin_of(order: RunOrder) -> str:
    """A digest of all that decides which rows an order reads and what they mean, except for the warehouse's own data.

    What an order does not ask for is not in it, so that a spool of an earlier version, which knew nothing of it, is still of use.
    """
    model, repair = order.data_model, order.repair
    meaning: list[object] = [
        model.key,
        model.sql_query,
        model.load_timestamp.name,
        model.load_timestamp.declared,
        model.load_timestamp.zone,
        str(order.run.data_interval),
        order.address.type,
        sorted(order.address.parameters.items()),
    ]
    if order.reading != order.run.data_interval:
        meaning.append(str(order.reading))
    if repair is not None:
        meaning.append((repair.memory.pipeline_key, repair.memory.previous_run_id))
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()


def record_plan(order: RunOrder, schema: pa.Schema) -> RecordPlan:
    """How rows of a schema become records.

    Raises:
        InvalidRequest: they cannot; the sentence names columns and remedy.
    """
    kind = WAREHOUSE_TYPES[order.address.type]
    stamp = order.data_model.load_timestamp
    columns = column_kinds(schema)
    mapping = plan_mapping(
        columns,
        stamp,
        priority=order.rules.priority,
        plain_timestamp_is_instant=kind.plain_timestamp_is_instant,
        max_columns=order.max_columns,
    )
    instant = kind.plain_timestamp_is_instant
    return RecordPlan(columns, mapping, stamp, timestamp_class(stamp.declared, plain_timestamp_is_instant=instant))


def check_data_model(
    worker: WarehouseWorker,
    address: WarehouseAddress,
    data_model: DataModel,
    *,
    priority: Sequence[IdentityType],
    max_columns: int,
) -> None:
    """Runs the ``LIMIT 0`` probe of a data model on a warehouse and maps its columns; reads no rows.

    Raises:
        InvalidRequest: the query is not one read-only query in this warehouse's dialect, or its output cannot be mapped.
        WarehouseError: the warehouse refused the query or was not reached.
    """
    kind = WAREHOUSE_TYPES[address.type]
    _, probe = _query_and_probe(data_model.sql_query, kind.dialect)
    schema = worker.probe(address, probe, f"warehouse-sync probe data_model={data_model.id}")
    plan_mapping(
        column_kinds(schema),
        data_model.load_timestamp,
        priority=priority,
        plain_timestamp_is_instant=kind.plain_timestamp_is_instant,
        max_columns=max_columns,
    )


def _tell(observer: RunObserver, progress: Progress) -> None:
    observer.rows_fetched(progress.rows)


def _too_many_rows(run: Run, rows: int, limit: int) -> InvalidRequest:
    remedy = "Narrow the query, run more often, or ask the operator to raise the limit."
    if not run.kind.moves_progress:
        runs = "verifications" if run.kind.compares else "backfills"
        remedy = (
            f"Read it in at least {-(-rows // limit)} {runs}, each of a part of {run.data_interval} with fewer rows."
        )
    return InvalidRequest(
        f"The interval holds {rows:,} rows; one run of this pipeline may read at most {limit:,}. Nothing was changed. {remedy}",
        field="sql_query",
        code="too_many_records",
    )
