"""R6: a warehouse fails before, inside, between and after the parts of a result. A failed attempt changes no profile and is seen in time;
the attempt after it gives what an undisturbed one gives.

The real connector in the real child process speaks with the local Snowflake through a proxy that breaks the conversation
(``tests/fixtures/fault_proxy.py``). ``make crash ONLY=R6`` lets every fault strike everywhere.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.crash.report import Outcome
from tests.fixtures.fault_proxy import FAULTS, FaultProxy, Strike, fault_proxy
from tests.fixtures.snowflake import SnowflakeEmulator, running_snowflake
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.audit import AuditStamp
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.run import GeneratedSql, Run, RunCounts, RunKey, RunKind, RunState, UnreadRows, WarehouseUse
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import RunError, WarehouseError
from warehouse_sync.profiles.duckdb_store import DuckDbStores, StoreLimits
from warehouse_sync.profiles.reader import DuckDbReader
from warehouse_sync.sync.execution import ExecutionLimits, RunExecutor, RunOrder
from warehouse_sync.sync.worker import Deadlines, WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.policy import SnowflakeEndpoint, WarehousePolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
PART_ROWS, PARTS = 20, 6
ROWS = PART_ROWS * (PARTS + 1)
TIMEOUT_SECONDS, PATIENT_SECONDS = 2, 60
SEEN_WITHIN_SECONDS = TIMEOUT_SECONDS + 5
AT_ONCE = 4
STRIKES = 5  # attempts to let a fault strike: on a busy machine the short timeout may do so first

LOGIN, PROBE, COUNT, FIRST_ROWS = range(4)
LAST_PART = FIRST_ROWS + PARTS
POSITIONS: tuple[tuple[int, float], ...] = (
    *((exchange, 0.0) for exchange in (LOGIN, PROBE, COUNT, FIRST_ROWS)),  # before the rows
    *((FIRST_ROWS + part, share) for part in range(PARTS + 1) for share in (0.3, 0.7)),  # inside
    *((FIRST_ROWS + part, 0.0) for part in range(1, PARTS + 1)),  # between
    (LAST_PART, 0.999),  # after all but the last bytes
)


class _Deaf:
    def sql_generated(self, generated: GeneratedSql) -> None: ...
    def unread_counted(self, unread: UnreadRows) -> None: ...
    def warehouse_used(self, use: WarehouseUse) -> None: ...
    def rows_fetched(self, rows: int) -> None: ...
    def chunk_applied(self, counts: RunCounts, total_rows: int) -> None: ...


@dataclass
class Stage:
    """A store of its own and a way of its own to the warehouse; one trial after the other.

    Attributes:
        hasty: executes attempts that must fail, with the short timeouts whose keeping is measured.
        patient: executes those that must succeed, however busy the machine is.
    """

    proxy: FaultProxy
    stores: DuckDbStores
    hasty: RunExecutor
    patient: RunExecutor

    def fail(self, number: int) -> None:
        self.hasty.execute(_order(number), _Deaf(), lambda: False)

    def succeed(self, number: int) -> RunCounts:
        return self.patient.execute(_order(number), _Deaf(), lambda: False)

    def state(self) -> str:
        """A digest of everything the store knows of profiles."""
        digest = hashlib.sha256()
        with self.stores.reading(1, Environment.PRODUCTION) as opened:
            if opened is None:
                return ""
            connection, _ = opened
            for (table,) in connection.execute("SHOW TABLES").fetchall():
                if table != "run_progress":
                    digest.update(repr(connection.execute(f'SELECT * FROM "{table}" ORDER BY ALL').fetchall()).encode())
        return digest.hexdigest()

    def profiles(self) -> dict[str, dict[str, str]]:
        reader, found = DuckDbReader(self.stores), {}
        for customer in range(ROWS):
            mpids = reader.find(1, Environment.PRODUCTION, IdentityType.CUSTOMER_ID, f"c-{customer}", IdentityRules())
            profile = reader.profile(1, mpids[0]) if len(mpids) == 1 else None
            if profile is not None:
                found[f"c-{customer}"] = {one.name: str(one.value) for one in profile.attributes}
        return found


def _order(number: int) -> RunOrder:
    sql = f"""SELECT SEQ4() AS n, 'c-' || SEQ4() AS customer_id, 'trial-{number}' AS mark,
              DATEADD('second', {number}, '2026-01-01 00:00:00'::TIMESTAMP_NTZ) AS ts FROM TABLE(GENERATOR(ROWCOUNT => {ROWS}))"""
    stamp = LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ)
    run = Run(
        id=number,
        pipeline_key=1,
        pipeline_id="p",
        workspace_id=1,
        environment=Environment.PRODUCTION,
        kind=RunKind.MANUAL,
        state=RunState.RUNNING,
        logical_date=START,
        data_interval=Interval(START, START + timedelta(days=1)),
        attempt=1,
        epoch=1,
        created_on=START,
        created_by="ann",
    )
    fields = {"source_account_id": "myorg-account", "warehouse": "w", "database": "shop", "role": "r", "user": "demo"}
    address = WarehouseAddress("snowflake", fields, {"password": Secret("demo-password")})
    model = DataModel(1, "m", 1, "m", sql, stamp, True, AuditStamp(START, "ann"))
    return RunOrder(run, address, model, IdentityRules(), max_rows=1000, max_columns=100)


def _oracle(number: int) -> dict[str, dict[str, str]]:
    return {f"c-{customer}": {"MARK": f"trial-{number}", "N": str(customer)} for customer in range(ROWS)}


def trial(stage: Stage, number: int, strikes: Sequence[Strike]) -> str | None:
    """One attempt for each strike, and one without; says what went wrong, if anything did."""
    for strike in strikes:
        if told := _failed_attempt(stage, number, strike):
            return f"{strike}: {told}"
    stage.proxy.heal()
    try:
        counts = stage.succeed(number)
    except (WarehouseError, RunError) as error:
        return f"after {strikes} the next attempt failed: {error}"
    if (counts.extracted, counts.rejected) != (ROWS, 0) or stage.profiles() != _oracle(number):
        return f"after {strikes} the next attempt gave something else: {counts}"
    return None


def _failed_attempt(stage: Stage, number: int, strike: Strike) -> str | None:
    for _ in range(STRIKES):
        told = _struck_attempt(stage, number, strike)
        if stage.proxy.struck_at is not None:
            return told
    return f"the attempt always failed before the fault could strike: the machine is too busy for {TIMEOUT_SECONDS} s"


def _struck_attempt(stage: Stage, number: int, strike: Strike) -> str | None:
    before = stage.state()
    stage.proxy.arm(strike)
    try:
        stage.fail(number)
    except WarehouseError:
        took = time.monotonic() - (stage.proxy.struck_at or 0)
    except RunError as error:
        return f"it was not told as a fault of the warehouse but as {error.code}"
    else:
        return "the attempt succeeded"
    if stage.state() != before:
        return "it changed profiles"
    return f"it was seen after {took:.1f} s" if took > SEEN_WITHIN_SECONDS else None


@contextmanager
def stages(folder: Path, server: SnowflakeEmulator, count: int) -> Iterator[SimpleQueue[Stage]]:
    """So many stages on one server, each in use by one trial at a time."""
    free: SimpleQueue[Stage] = SimpleQueue()
    opened: list[DuckDbStores] = []
    try:
        with _proxies(server, count) as proxies:
            for number, proxy in enumerate(proxies):
                stores = DuckDbStores(folder / f"profiles-{number}", b"k" * 32, StoreLimits(memory_mb=128, threads=1))
                opened.append(stores)
                free.put(_stage(folder / f"stage-{number}", proxy, stores))
            yield free
    finally:
        for stores in opened:
            stores.close()


@contextmanager
def _proxies(server: SnowflakeEmulator, count: int) -> Iterator[list[FaultProxy]]:
    if not count:
        yield []
        return
    with fault_proxy(server.port) as proxy, _proxies(server, count - 1) as others:
        yield [proxy, *others]


def _stage(folder: Path, proxy: FaultProxy, stores: DuckDbStores) -> Stage:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    stores.begin(RunKey(0, 1, 1, Environment.PRODUCTION), start_over=False)  # makes the store

    def executor(seconds: int) -> RunExecutor:
        policy = WarehousePolicy(
            snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", proxy.port, "http"),
            login_timeout_seconds=seconds,
            statement_timeout_seconds=seconds,
            network_timeout_seconds=seconds,
        )
        worker = WarehouseWorker(WorkerSettings(policy, scratch, grace_seconds=1, deadlines=Deadlines.above(policy)))
        limits = ExecutionLimits(chunk_rows=50, spool_bytes=1 << 30, cell_bytes=1 << 20)
        return RunExecutor(worker, stores, folder / "spool", limits, ManualClock(START))

    return Stage(proxy, stores, executor(TIMEOUT_SECONDS), executor(PATIENT_SECONDS))


def failures(folder: Path, trials: Sequence[Sequence[Strike]]) -> list[str]:
    """What goes wrong in trials; several run at the same time."""
    with (
        running_snowflake(chunk_rows=PART_ROWS, database="SHOP") as server,
        stages(folder, server, AT_ONCE) as free,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def one(numbered: tuple[int, Sequence[Strike]]) -> str | None:
            stage = free.get()
            try:
                return trial(stage, *numbered)
            finally:
                stage.proxy.heal()
                free.put(stage)

        return [told for told in pool.map(one, enumerate(trials, start=1)) if told]


EVERYWHERE = [Strike(fault, *position) for fault in FAULTS for position in POSITIONS]


def campaign(trials: int, seed: int) -> Outcome:
    """Each fault at each moment, in an order that the seed decides; one after the other from the start again if there are more trials."""
    shuffled = random.Random(seed).sample(EVERYWHERE, len(EVERYWHERE))
    strikes = [[shuffled[number % len(shuffled)]] for number in range(trials)]
    with TemporaryDirectory(prefix="warehouse-faults-") as folder:
        return Outcome(trials, failures(Path(folder), strikes))
