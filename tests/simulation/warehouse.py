"""A warehouse in memory that answers the product's own SQL, and misbehaves as the seed wants.

Rows appear while time passes. Everything that a conversation gave is in the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from tests.simulation.chances import CALM, Luck
from tests.simulation.faults import AtOnce
from tests.simulation.ledger import Ledger, Reading, Row
from tests.simulation.stage import Stage
from warehouse_sync.domain.connection import Connection, WarehouseAddress
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.domain.pipeline import NO_BUDGET, WarehouseBudget
from warehouse_sync.errors import RunError, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.sync.execution import check_data_model
from warehouse_sync.sync.spool import SpoolRequest, SpoolWriter
from warehouse_sync.sync.spool_manifest import Manifest
from warehouse_sync.sync.worker import Progress
from warehouse_sync.sync.worker_messages import WORKER_DIED
from warehouse_sync.warehouses.arrow import normal_schema, normalise

VARIANTS = (
    "SELECT ts AS updated_at, customer_id, email, token, x, 'v0' AS note FROM {table}",
    "SELECT ts AS updated_at, customer_id, email, token, x, 'v1' AS note FROM {table} WHERE x <> 1",
)
"""How a data model may be written; the second leaves some rows out."""

_RUN = re.compile(r"run=(\d+)")
_TABLE = re.compile(r"\bt\d+\b")
_FAULTS = (
    WarehouseError("Lost.", fault=WarehouseFault.DROPPED, step=WarehouseStep.FETCH),
    WarehouseError("Lost.", fault=WarehouseFault.DROPPED, step=WarehouseStep.FETCH),
    WarehouseError("Silent.", fault=WarehouseFault.TIMED_OUT, step=WarehouseStep.FETCH),
    WarehouseError("Other columns.", fault=WarehouseFault.PROTOCOL, step=WarehouseStep.FETCH),
    WarehouseError("Away.", fault=WarehouseFault.UNREACHABLE, step=WarehouseStep.REACH),
    WarehouseError("Refused.", fault=WarehouseFault.CREDENTIALS, step=WarehouseStep.LOGIN),
    WarehouseError("No such table.", fault=WarehouseFault.QUERY, step=WarehouseStep.QUERY),
    RunError("The child died.", code=WORKER_DIED, transient=True),
    LookupError("Something nobody expects from a driver."),
)


@cache
def _session() -> duckdb.DuckDBPyConnection:
    """That of all plays of this process, one after another; each makes its tables anew."""
    session = duckdb.connect(":memory:", config={"threads": 1})
    session.execute("SET TimeZone = 'UTC'")
    return session


@cache
def _schema(sql: str) -> pa.Schema:
    """The columns of a query. They are the same in every play."""
    return _session().sql(sql).to_arrow_table().schema


class Shop:
    """The warehouse itself: tables, and the rows that can be seen now."""

    def __init__(self, tables: int) -> None:
        self._session = _session()
        self.tables = [f"t{number}" for number in range(1, tables + 1)]
        self._shown: dict[str, list[Row]] = {table: [] for table in self.tables}
        self._new: list[Row] = []
        for table in self.tables:
            self._session.execute(
                f"CREATE OR REPLACE TABLE {table} (ts TIMESTAMP, customer_id VARCHAR, email VARCHAR, token BIGINT, x BIGINT)"
            )

    def show(self, row: Row) -> None:
        """From now on readers see the row."""
        self._shown[row.table].append(row)
        self._new.append(row)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query. Fetched like this they take a quarter of the time that Arrow takes for so few."""
        self._fill_all()
        return self._session.execute(sql).fetchall()

    def tokens(self, table: str) -> tuple[int, ...]:
        return tuple(row.token for row in self._shown[table])

    def _fill_all(self) -> None:
        for table in {row.table for row in self._new}:
            self._fill(table, [row for row in self._new if row.table == table])
        self._new.clear()

    def _fill(self, table: str, rows: list[Row]) -> None:
        """All rows that readers have not asked for yet, in one statement: one for each would take longer than a play's other readings."""
        values = [
            (
                None if row.stamp is None else row.stamp.astimezone(UTC).replace(tzinfo=None),
                row.customer_id,
                row.email,
                row.token,
                row.x,
            )
            for row in rows
        ]
        marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(values))
        self._session.execute(f"INSERT INTO {table} VALUES {marks}", [value for row in values for value in row])


class Worker:
    """Stands where the product has its ``WarehouseWorker``."""

    def __init__(self, shop: Shop, *, stage: Stage, ledger: Ledger, luck: Luck) -> None:
        self.shop, self.stage, self.ledger, self.luck = shop, stage, ledger, luck

    @contextmanager
    def conversation(
        self,
        address: WarehouseAddress,
        query_tag: str,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        budget: WarehouseBudget = NO_BUDGET,
    ) -> Iterator[Talk]:
        self.stage.boundary("open")
        yield Talk(self, query_tag, cancelled)

    def check(self, address: WarehouseAddress, query_tag: str = "check") -> None:
        self.stage.boundary("check")
        Talk(self, query_tag, lambda: False).stumble("check")

    def probe(self, address: WarehouseAddress, sql: str, query_tag: str = "probe") -> pa.Schema:
        with self.conversation(address, query_tag) as talk:
            return talk.probe(sql)


class Probe:
    """Implements ``services.warehouse_ports.PipelineProbe``."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def check(self, connection: Connection, data_model: DataModel, priority: tuple[IdentityType, ...]) -> None:
        worker: object = self._worker
        check_data_model(worker, connection.address, data_model, priority=priority, max_columns=100)


class Talk:
    """One conversation. At most one thing goes wrong in it."""

    bytes_scanned: int | None = None

    def __init__(self, worker: Worker, query_tag: str, cancelled: Callable[[], bool]) -> None:
        self._worker = worker
        found = _RUN.search(query_tag)
        self._run = int(found.group(1)) if found else None
        self._cancelled = cancelled
        luck = worker.luck
        places = ["check", "probe", "count", "fetch"]
        self._fault_at = luck.rng.choice(places) if luck.strikes(luck.chances.warehouse) else ""
        self._schema: pa.Schema | None = None

    def probe(self, sql: str) -> pa.Schema:
        self._listen("probe")
        self._schema = normal_schema(_schema(sql))
        return self._schema

    def count(self, sql: str) -> int:
        self._listen("count")
        [(rows,)] = self._worker.shop.ask(sql)
        self._note(sql, ())
        lies = self._fault_at == "count" and rows > 0 and self._worker.luck.chances is not CALM
        return self._worker.luck.rng.choice([1, rows, 10**9]) if lies else rows

    def fetch(self, sql: str, request: SpoolRequest, on_progress: Callable[[Progress], None]) -> Manifest:
        if self._schema is None:
            raise AssertionError("probe before fetching")
        self._listen("query")
        names = self._schema.names
        found = [dict(zip(names, row, strict=True)) for row in self._worker.shop.ask(sql)]
        rows = pa.Table.from_pylist(found, schema=self._schema)
        self._note(sql, tuple(rows.column("token").to_pylist()))
        with SpoolWriter(request, self._schema, AtOnce) as writer:
            last = self._worker.luck.rng.randint(0, rows.num_rows) if self._fault_at == "fetch" else -1
            for number, batch in enumerate(rows.to_batches(max_chunksize=self._worker.luck.rng.randint(1, 3))):
                self._listen("batch")
                if number == last:
                    self.stumble("fetch")
                writer.write(normalise(batch, self._schema))
                on_progress(Progress("fetch", writer.rows, writer.size))
            self._listen("seal")
            return writer.seal()

    def stumble(self, where: str) -> None:
        """Fails if the seed wants that here."""
        if self._fault_at != where or self._worker.luck.chances is CALM:
            return
        error = self._worker.luck.rng.choice(_FAULTS)
        self._worker.ledger.surprises += isinstance(error, LookupError)
        raise error

    def _listen(self, label: str) -> None:
        worker = self._worker
        if worker.luck.strikes(worker.luck.chances.stall):
            worker.stage.wait(worker.luck.rng.randint(1, 5), f"{label} stalls")
        else:
            worker.stage.boundary(label)
        if self._cancelled():
            raise RunError("The run was cancelled.", code="cancelled")
        self.stumble(label)

    def _note(self, sql: str, tokens: tuple[int, ...]) -> None:
        if self._run is None:
            return
        found = _TABLE.search(sql)
        if found is None:
            raise AssertionError(f"no table in {sql}")
        visible = self._worker.shop.tokens(found.group())
        reading = Reading(tokens, visible, found.group(), int("'v1'" in sql))
        self._worker.ledger.readings.setdefault(self._run, []).append(reading)
