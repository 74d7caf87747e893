"""Reads a DuckDB file below the operator's folder, sealed off from everything else on the machine.

DuckDB has no privileges of its own, so the sandbox is made of its settings: read-only, no access to files or network, settings
locked, memory, threads and spill limited. Types of warehouse that hold other people's data need more than that: this one is for
files the operator trusts.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.arrow import decimal_field, json_field, normal_schema, normalise
from warehouse_sync.warehouses.faults import fault, parameter
from warehouse_sync.warehouses.policy import WarehousePolicy

_BATCH_ROWS: Final = 65_536
_SHOWN_CHARACTERS: Final = 100
_CODE: Final = re.compile(r"^([A-Za-z ]+) Error:")
_FAULT_OF_CODE: Final = {
    "interrupt": WarehouseFault.TIMED_OUT,
    "permission": WarehouseFault.PERMISSION,
    "connection": WarehouseFault.DROPPED,
    "io": WarehouseFault.DROPPED,
    "internal": WarehouseFault.PROTOCOL,
    "fatal": WarehouseFault.PROTOCOL,
}
_SENTENCES: Final = {
    WarehouseFault.QUERY: "DuckDB refused the query.",
    WarehouseFault.PERMISSION: "DuckDB does not allow this: a warehouse is read-only and sees no other files.",
    WarehouseFault.DROPPED: "The DuckDB file could not be read to the end. Check the disk and whether the file was replaced.",
    WarehouseFault.PROTOCOL: "DuckDB failed inside. Check the file with DuckDB's own tools.",
    WarehouseFault.TIMED_OUT: "The query was stopped: it passed the statement timeout. Make it cheaper, or raise the timeout.",
}


def open_warehouse(address: WarehouseAddress, policy: WarehousePolicy, *, query_tag: str) -> DuckDBWarehouse:
    """A conversation with the DuckDB file at an address. ``query_tag`` has nowhere to go here."""
    del query_tag
    return DuckDBWarehouse(address, policy)


class DuckDBWarehouse:
    """One read-only session on one DuckDB file; see ``warehouses/protocol.py``."""

    bytes_scanned: int | None = None

    def __init__(self, address: WarehouseAddress, policy: WarehousePolicy) -> None:
        self._path = locate(parameter(address, "database"), policy)
        self._policy = policy
        self._session: duckdb.DuckDBPyConnection | None = None
        self._spill: Path | None = None

    def check(self) -> None:
        with self._translated(WarehouseStep.DATABASE), self._time_limit() as session:
            session.sql("SELECT 1").fetchall()

    def probe(self, sql: str) -> pa.Schema:
        with self._translated(WarehouseStep.QUERY), self._time_limit() as session:
            return _rows(_relation(session, sql)).schema

    def count(self, sql: str) -> int:
        with self._translated(WarehouseStep.QUERY), self._time_limit() as session:
            rows = _relation(session, sql).fetchall()
        return int(rows[0][0])

    def fetch(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._translated(WarehouseStep.FETCH), self._time_limit() as session:
            rows = _rows(_relation(session, sql))
            # Not session.execute(sql): that holds the whole result in memory before the first batch comes.
            with closing(rows.relation.to_arrow_reader(_BATCH_ROWS)) as reader:
                for batch in reader:
                    yield normalise(batch, rows.schema)

    def cancel(self) -> None:
        if self._session is not None:
            self._session.interrupt()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._spill is not None:
            shutil.rmtree(self._spill, ignore_errors=True)
            self._spill = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._session is None:
            self._spill = Path(tempfile.mkdtemp(prefix="duckdb-"))
            self._session = duckdb.connect(str(self._path), read_only=True, config=self._sandbox(self._spill))
            self._session.execute("SET TimeZone = 'UTC'")
            self._session.execute("SET lock_configuration = true")  # last: nothing can be set after it
        return self._session

    def _sandbox(self, spill: Path) -> dict[str, str | bool | int | float | list[str]]:
        return {
            "enable_external_access": "false",
            "python_enable_replacements": "false",  # a table name must not find a Python variable
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": f"{self._policy.memory_limit_mb}MB",
            "threads": str(self._policy.threads),
            "temp_directory": str(spill),
            "max_temp_directory_size": f"{self._policy.temp_limit_mb}MB",
        }

    @contextmanager
    def _time_limit(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The session, interrupted when the statement takes too long: DuckDB has no statement timeout of its own."""
        session = self._open()
        timer = threading.Timer(self._policy.statement_timeout_seconds, session.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield session
        finally:
            timer.cancel()

    @contextmanager
    def _translated(self, step: WarehouseStep) -> Iterator[None]:
        try:
            yield
        except WarehouseError:
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            opened = self._session is not None
            raise (_query_fault(error, step) if opened else _open_fault(error)) from error


def locate(database: str, policy: WarehousePolicy) -> Path:
    """The file that a ``database`` field names.

    Raises:
        WarehouseError: there is no folder of warehouses; the name leads out of it or to one of our own stores; no such file.
    """
    if policy.duckdb_root is None:
        raise fault(
            WarehouseFault.EGRESS_DENIED,
            WarehouseStep.CONFIGURE,
            "DuckDB warehouses are switched off here. The operator can name their folder in the setting "
            "WAREHOUSE_SYNC_DUCKDB_ROOT.",
            field="database",
        )
    root = Path(policy.duckdb_root).resolve()
    name = Path(database)
    if "\x00" in database or ":" in database or name.is_absolute() or ".." in name.parts:
        raise _outside()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise _outside()
    try:
        ours, is_there = _is_ours(path, policy.duckdb_refused), path.is_file()
    except OSError:  # e.g. a name that is too long for the file system
        ours, is_there = False, False
    if ours:
        raise fault(
            WarehouseFault.EGRESS_DENIED,
            WarehouseStep.CONFIGURE,
            "This file belongs to the service itself and is never a warehouse.",
            field="database",
        )
    if not is_there:
        raise fault(
            WarehouseFault.MISCONFIGURED,
            WarehouseStep.DATABASE,
            f"There is no DuckDB file {database[:_SHOWN_CHARACTERS]} in the operator's folder of warehouses. Check database.",
            field="database",
        )
    return path


def _is_ours(path: Path, refused: Iterable[str]) -> bool:
    for entry in refused:
        own = Path(entry).resolve()
        if path.is_relative_to(own):
            return True
        if path.exists() and own.is_file() and path.samefile(own):  # another name of the same file
            return True
    return False


def _outside() -> WarehouseError:
    return fault(
        WarehouseFault.EGRESS_DENIED,
        WarehouseStep.CONFIGURE,
        "database must name a file inside the operator's folder of DuckDB warehouses, like shop.duckdb: no absolute path, no "
        '".." and no link that leads out.',
        field="database",
    )


def _relation(session: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    statements = session.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise fault(
            WarehouseFault.QUERY, WarehouseStep.QUERY, "Only one SELECT can be sent to a warehouse, and nothing else."
        )
    return session.sql(sql)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A relation, read in a way that loses nothing, and the normal schema of what comes."""

    relation: duckdb.DuckDBPyRelation
    schema: pa.Schema


def _rows(relation: duckdb.DuckDBPyRelation) -> _Rows:
    """Types that Arrow cannot hold are read as text; Arrow does not tell JSON from text, DuckDB does."""
    kinds = [str(kind) for kind in relation.types]
    if not _AS_TEXT.isdisjoint(kinds):
        names = [_quoted(name) for name in relation.columns]
        selected = (
            f"{name}::VARCHAR AS {name}" if kind in _AS_TEXT else name for name, kind in zip(names, kinds, strict=True)
        )
        relation = relation.project(", ".join(selected))
    with closing(relation.limit(0).to_arrow_reader(1)) as reader:
        fields = normal_schema(reader.schema)
    return _Rows(relation, pa.schema([_field(field, kind) for field, kind in zip(fields, kinds, strict=True)]))


def _field(field: pa.Field, kind: str) -> pa.Field:
    if kind == "JSON":
        return json_field(field.name)
    return decimal_field(field.name) if kind in _LONG_NUMBERS else field


_LONG_NUMBERS: Final = frozenset({"HUGEINT", "UHUGEINT", "BIGNUM"})
"""Whole numbers of more digits than Arrow's exact numbers have."""

_AS_TEXT: Final = _LONG_NUMBERS | {"TIME WITH TIME ZONE", "BIT"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _query_fault(error: Exception, step: WarehouseStep) -> WarehouseError:
    text = str(error)
    found = _CODE.match(text)  # errors that pass through Arrow keep nothing of DuckDB but this prefix
    code = found.group(1).lower() if found else ""
    if code == "out of memory":
        return fault(
            WarehouseFault.QUERY,
            step,
            "The query needs more memory or temporary space than DuckDB may use here. Make it smaller, or ask the operator to "
            "raise the memory limit.",
        )
    kind = _FAULT_OF_CODE.get(code, WarehouseFault.QUERY if code else WarehouseFault.PROTOCOL)
    if "read-only mode" in text or "configuration has been locked" in text:
        kind = WarehouseFault.PERMISSION
    return fault(kind, step, _SENTENCES[kind], text=text)


def _open_fault(error: Exception) -> WarehouseError:
    if "Could not set lock" in str(error):  # DuckDB has one code for all that can go wrong with a file
        return fault(
            WarehouseFault.UNREACHABLE,
            WarehouseStep.DATABASE,
            "Another process has the DuckDB file open for writing. Let it finish, then try again.",
        )
    return fault(
        WarehouseFault.MISCONFIGURED,
        WarehouseStep.DATABASE,
        "The file cannot be opened as a DuckDB database of this version. Check database, and that the service may read the file.",
        field="database",
    )
