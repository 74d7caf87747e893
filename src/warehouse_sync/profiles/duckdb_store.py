"""The profile store on DuckDB: one file per workspace and environment, one engine for all of them.

Every scope is attached to one engine, so that one memory limit and one thread count hold for all. A scope has one writer at a time; readers
see the last committed state and never wait.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from warehouse_sync.disk import sync_folder
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.run import RunCounts, RunKey
from warehouse_sync.errors import LeaseLostError, StoreError
from warehouse_sync.profiles import schema
from warehouse_sync.profiles.compaction import Pace, take_step
from warehouse_sync.profiles.engine_memory import EngineMemory
from warehouse_sync.profiles.mpid import MpidCodec
from warehouse_sync.profiles.protocol import RunProgress
from warehouse_sync.profiles.row_memory import RowMemory
from warehouse_sync.profiles.store_format import bring_up_to_date, make_tables
from warehouse_sync.profiles.tombstones import KEY_VARIABLE
from warehouse_sync.profiles.versions import data_models_in
from warehouse_sync.profiles.writer_lock import StillFiles, WriterLock

Scope = tuple[int, Environment]

_LOG_BYTES_LIMIT: Final = 256 << 20
"""At most so much log is read again when a store is opened."""

_MUCH_LOG_BYTES: Final = 8 << 20

_PATIENCE_AT_THE_END: Final = 5.0
"""Longest wait in seconds for somebody who copies a file, before it is closed all the same."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What the engine may use.

    Attributes:
        memory_mb: memory of the engine, in MB: what it remembers of the stored tables, and its buffers. What needs more is spilled to
            disk below the store's folder.
        threads: at most as many as the machine has cores.
        pace: of compaction.
    """

    memory_mb: int = 1024
    threads: int | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True, eq=False)
class _OpenScope:
    name: str
    codec: MpidCodec
    writer: WriterLock
    readers: list[duckdb.DuckDBPyConnection] = field(default_factory=list)


class DuckDbStores:
    """Implements ``ProfileStores``: all profile stores of one home.

    Args:
        folder: where the files are; made if absent. Only one process may hold it: the caller owns the home's lock.
        mpid_key: the home's key for MPIDs.
        limits: what the engine may use.

    Raises:
        StoreError: a file cannot be opened, is damaged, or was written by a newer version.
    """

    def __init__(self, folder: Path, mpid_key: bytes, limits: StoreLimits | None = None) -> None:
        self._folder = folder
        self._mpid_key = mpid_key
        self._limits = limits or StoreLimits()
        self._lock = threading.Lock()
        self._scopes: dict[Scope, _OpenScope] = {}
        self._memory = EngineMemory(self._limits.memory_mb)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._engine = self._start_engine()

    def close(self) -> None:
        """Closes every file; what was committed is on disk."""
        with self._lock, ExitStack() as still:
            for scope in self._scopes:  # the engine brings logs into the files, which somebody may be copying
                with suppress(StoreError, TimeoutError):
                    still.enter_context(closing(StillFiles(self._path(*scope), patience=_PATIENCE_AT_THE_END)))
            self._scopes.clear()
            self._engine.close()

    # --- writing -------------------------------------------------------------------------------------------------------------------

    def begin(self, run: RunKey, *, start_over: bool, memory: RowMemory | None = None) -> RunProgress:
        counts = ", ".join(schema.COUNT_COLUMNS)
        zeros = ", ".join("0" for _ in schema.COUNT_COLUMNS)
        reset = ", ".join(f"{name} = 0" for name in ("chunks", *schema.COUNT_COLUMNS))
        with self._writing(run.workspace_id, run.environment) as connection:
            known = _one(connection, "SELECT epoch, chunks FROM run_progress WHERE run = ?", [run.run_id])
            if known is None:
                connection.execute(
                    f"""INSERT INTO run_progress (run, epoch, chunks, first_profile, {counts}, types)
                        SELECT ?, ?, 0, next_profile, {zeros}, 0 FROM counters""",
                    [run.run_id, run.epoch],
                )
            elif known[0] > run.epoch:
                raise LeaseLostError(f"Run {run.run_id} has a newer holder.")
            else:
                connection.execute("UPDATE run_progress SET epoch = ? WHERE run = ?", [run.epoch, run.run_id])
            if start_over or (known is not None and not known[1]):  # a run that was undone may have its spool still
                connection.execute(f"UPDATE run_progress SET {reset} WHERE run = ?", [run.run_id])
                for table in ("reject_counts", "reject_samples", "drop_counts", "row_digests"):
                    connection.execute(f"DELETE FROM {table} WHERE run = ?", [run.run_id])
            if start_over:
                keeps = memory is not None
                connection.execute(
                    "UPDATE run_progress SET keeps_digests = ?, reading = epoch WHERE run = ?", [keeps, run.run_id]
                )
            if memory is not None and memory.previous_run_id is not None:
                _forget_rows_before(connection, memory.pipeline_key, memory.previous_run_id, kept=run.run_id)
            return _progress(connection, run.run_id) or RunProgress(0, RunCounts())

    def remembers_rows(self, workspace_id: int, environment: Environment, run_id: int) -> bool:
        with self.reading(workspace_id, environment) as opened:
            if opened is None:
                return False
            connection, _ = opened
            row = _one(connection, "SELECT keeps_digests FROM run_progress WHERE run = ?", [run_id])
            return row is not None and bool(row[0])

    @contextmanager
    def chunk(self, run: RunKey, number: int, *, now: datetime) -> Iterator[DuckDbChunk]:
        with self._writing(run.workspace_id, run.environment) as connection:
            _set_key(connection, self._tombstone_key(run.workspace_id))
            chunk = DuckDbChunk(connection, run, number, now, self._scope(run.workspace_id, run.environment).codec)
            yield chunk
            if not chunk.is_checkpointed:
                raise RuntimeError("a chunk must end with a checkpoint")
        self._share_memory()

    @contextmanager
    def comparing(self, run: RunKey, *, now: datetime) -> Iterator[DuckDbChunk]:
        scope = self._scope(run.workspace_id, run.environment)
        with (
            self._engine_errors(scope, "could not be read", "store_unusable"),
            self._connect(scope) as connection,
            _transaction(connection),
        ):
            _set_key(connection, self._tombstone_key(run.workspace_id))
            yield DuckDbChunk(connection, run, 0, now, scope.codec)

    @contextmanager
    def compaction_step(self, workspace_id: int, environment: Environment) -> Iterator[bool]:
        with self._writing(workspace_id, environment) as connection:
            yield take_step(Sql(connection), self._limits.pace)

    def fold_log(self, workspace_id: int, environment: Environment) -> None:
        log = self._path(workspace_id, environment).with_suffix(".duckdb.wal")
        if not log.exists() or log.stat().st_size < _MUCH_LOG_BYTES:
            return
        scope = self._scope(workspace_id, environment)
        with (
            scope.writer.held(),
            self._engine_errors(scope, "could not write", "store_write_failed"),
            self._connect(scope) as connection,
        ):
            connection.execute(f"CHECKPOINT {scope.name}")

    def forget_history(self, before: datetime) -> int:
        total = 0
        for scope in self.scopes():
            forgotten = self._forget_history(scope, before)
            if forgotten:
                self._drop_silent_attributes(scope)
            total += forgotten
        return total

    def _drop_silent_attributes(self, scope: Scope) -> None:
        """Renamed and retyped attributes leave a column behind; once no version is left that says something there, it goes."""
        with self._writing(*scope) as connection:
            for model in data_models_in(connection):
                for number in _silent_attributes(connection, model):
                    connection.execute(f"ALTER TABLE {schema.values_table(model)} DROP COLUMN a_{number}")
                    connection.execute(f"DELETE FROM attributes WHERE data_model = {model} AND number = {number}")
                    connection.execute("UPDATE counters SET next_seq = next_seq + 1")  # readers know the attributes

    def _forget_history(self, scope: Scope, before: datetime) -> int:
        moment = before.astimezone(UTC).replace(tzinfo=None)
        with self._writing(*scope) as connection:
            old = "(SELECT run FROM run_progress WHERE applied_on < ?)"
            # What an identity went through is kept as long as any part of it: undoing a run needs the part before.
            connection.execute(
                f"""DELETE FROM moved WHERE h IN (
                        SELECT h FROM moved GROUP BY h HAVING bool_and(taken_run IN {old}))""",
                [moment],
            )
            connection.execute(f"DELETE FROM kept_apart WHERE run IN {old}", [moment])
            connection.execute("UPDATE counters SET history_since = greatest(history_since, $1)", [moment])
            forgotten = 0
            for model in data_models_in(connection):
                forgotten += _forget_versions(connection, model, moment)
            _forget_rows(connection, moment)
            return forgotten

    def forget_reject_samples(self, before: datetime) -> int:
        return sum(self._forget_reject_samples(scope, before) for scope in self.scopes())

    def _forget_reject_samples(self, scope: Scope, before: datetime) -> int:
        old = "DELETE FROM reject_samples WHERE run IN (SELECT run FROM run_progress WHERE applied_on < ?)"
        with self._writing(*scope) as connection:
            [(removed,)] = connection.execute(old, [before.astimezone(UTC).replace(tzinfo=None)]).fetchall()
            return int(removed)

    def scopes(self) -> list[Scope]:
        return [
            (int(workspace), Environment(environment))
            for workspace, _, environment in (
                path.stem.partition("-") for path in sorted(self._folder.glob("*.duckdb"))
            )
            if workspace.isdigit() and environment in set(Environment)
        ]

    def highest_numbers(self, workspace_id: int, environment: Environment) -> tuple[int, int, int]:
        """The greatest numbers that a scope's store knows: of a run, of a data model, of a pipeline; 0 where it knows none.

        Raises:
            StoreError: the store cannot be read.
        """
        with self.reading(workspace_id, environment) as opened:
            if opened is None:
                return 0, 0, 0
            connection, _ = opened
            run, pipeline = connection.execute(
                """SELECT (SELECT coalesce(max(run), 0) FROM run_progress), (SELECT coalesce(max(pipeline), 0) FROM row_digests)"""
            ).fetchall()[0]
            return run, max(data_models_in(connection), default=0), pipeline

    @contextmanager
    def _writing(self, workspace_id: int, environment: Environment) -> Iterator[duckdb.DuckDBPyConnection]:
        scope = self._scope(workspace_id, environment)
        with (
            scope.writer.held(),
            self._engine_errors(scope, "could not write", "store_write_failed"),
            self._connect(scope) as connection,
            _transaction(connection),
        ):
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def erasing(self, workspace_id: int, environment: Environment) -> Iterator[duckdb.DuckDBPyConnection | None]:
        """A transaction of a scope's writer that can make tombstones, committed at the end; None if the scope has no store yet."""
        if not self._exists(workspace_id, environment):
            yield None
            return
        with self._writing(workspace_id, environment) as connection:
            _set_key(connection, self._tombstone_key(workspace_id))
            yield connection

    # --- reading -------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(
        self, workspace_id: int, environment: Environment
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, MpidCodec] | None]:
        """A connection that sees one committed state, with the scope's MPID codec; None if the scope has no store yet."""
        if not self._exists(workspace_id, environment):
            yield None
            return
        scope = self._scope(workspace_id, environment)
        with (
            self._engine_errors(scope, "could not be read", "store_unusable"),
            self._lent_reader(scope) as connection,
            _transaction(connection),
        ):
            yield connection, scope.codec

    @contextmanager
    def _lent_reader(self, scope: _OpenScope) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one reader at a time, used again by others: to make one takes as long as to look up a profile."""
        try:
            connection = scope.readers.pop()
        except IndexError:
            connection = self._connect(scope)
        try:
            yield connection
        except BaseException:  # also when an iterator is closed before its end: nobody knows what the connection was at
            connection.close()
            raise
        scope.readers.append(connection)

    def codec(self, workspace_id: int) -> MpidCodec:
        """The MPIDs of a workspace."""
        return MpidCodec(self._mpid_key, workspace_id)

    # --- the engine and its files --------------------------------------------------------------------------------------------------

    def _start_engine(self) -> duckdb.DuckDBPyConnection:
        spill = self._folder / "spill"
        spill.mkdir(mode=0o700, exist_ok=True)
        config: dict[str, Any] = {
            "memory_limit": self._memory.setting,
            "temp_directory": str(spill),
            # Bringing the log into the file costs more the more often it is done; ``fold_log`` does it when nobody waits for it.
            "checkpoint_threshold": f"{_LOG_BYTES_LIMIT}B",
            "python_enable_replacements": False,  # relations are registered; a name must not find a Python variable
            "autoinstall_known_extensions": False,
        }
        if self._limits.threads:
            config["threads"] = self._limits.threads
        engine = duckdb.connect(":memory:", config=config)
        engine.execute("SET TimeZone = 'UTC'")
        return engine

    def _recover(self, scope: _OpenScope) -> None:
        """Lets go of a file that the engine has given up, or of the engine, so that the next use reads what was committed (promise I2).

        The engine gives up a file whose checkpoint failed, on a full disk say, and refuses all work on it until it is attached anew.
        """
        with self._lock:
            if scope not in self._scopes.values() or self._works(f"SELECT next_seq FROM {scope.name}.counters"):
                return
            self._scopes = {key: other for key, other in self._scopes.items() if other is not scope}
            self._let_go(scope.name)
            if not self._works("SELECT 1"):
                with suppress(duckdb.Error):
                    self._engine.close()
                self._engine = self._start_engine()
                self._scopes.clear()

    def _works(self, query: str) -> bool:
        try:
            with self._engine.cursor() as connection:
                connection.execute(query).fetchall()
        except duckdb.Error:
            return False
        return True

    def _exists(self, workspace_id: int, environment: Environment) -> bool:
        return (workspace_id, environment) in self._scopes or self._path(workspace_id, environment).exists()

    def _tombstone_key(self, workspace_id: int) -> str:
        return hmac.digest(self._mpid_key, f"tombstone/{workspace_id}".encode(), hashlib.sha256).hex()

    def _path(self, workspace_id: int, environment: Environment) -> Path:
        return self._folder / f"{workspace_id}-{environment}.duckdb"

    def _scope(self, workspace_id: int, environment: Environment) -> _OpenScope:
        with self._lock:
            key = (workspace_id, environment)
            if key not in self._scopes:
                name = f"w{workspace_id}_{environment}"
                path = self._path(workspace_id, environment)
                with closing(StillFiles(path)):
                    self._open_file(path, name)
                self._scopes[key] = _OpenScope(name, self.codec(workspace_id), WriterLock(path))
                self._memory.share(self._engine)
            return self._scopes[key]

    def _share_memory(self) -> None:
        with self._lock:
            self._memory.share(self._engine)

    def _open_file(self, path: Path, name: str) -> None:
        if not path.exists():
            self._make_file(path, name)
        with self._attached(path, name, "cannot be opened", "store_damaged") as connection:
            bring_up_to_date(connection, path.name)
        path.chmod(0o600)

    def _make_file(self, path: Path, name: str) -> None:
        """Makes a store, under a name of its own until it is whole: nobody could open the part of one that a full disk has left."""
        new = path.with_name(f"{path.name}.new")
        try:
            for left in (new, new.with_name(f"{new.name}.wal")):
                left.unlink(missing_ok=True)
            with self._attached(new, name, "cannot be made", "store_write_failed") as connection:
                make_tables(connection)
                connection.execute("CHECKPOINT")
            self._let_go(name)
            new.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise StoreError(
                f"The profile store {path.name} cannot be made: {error.strerror}.", code="store_write_failed"
            ) from error

    @contextmanager
    def _attached(self, path: Path, name: str, failure: str, code: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a file that stays attached, unless the block fails.

        Raises:
            StoreError: the engine failed, with ``code`` and a sentence that says ``failure``.
        """
        try:
            quoted = str(path).replace("'", "''")
            self._engine.execute(f"ATTACH '{quoted}' AS {name}")
            with self._engine.cursor() as connection:
                connection.execute(f"USE {name}")
                yield connection
        except duckdb.Error as error:
            self._let_go(name)
            raise StoreError(f"The profile store {path.name} {failure}: {_first_line(error)}", code=code) from error
        except StoreError:
            self._let_go(name)
            raise

    def _let_go(self, name: str) -> None:
        """Detaches a file that cannot be used, so that the next use meets the same reason and not a name that is taken."""
        with suppress(duckdb.Error):
            self._engine.execute(f"DETACH {name}")

    @contextmanager
    def _engine_errors(self, scope: _OpenScope, failure: str, code: str) -> Iterator[None]:
        """Lets go of what the engine has given up.

        Raises:
            StoreError: the engine failed, with ``code`` and a sentence that says ``failure``.
        """
        try:
            yield
        except duckdb.Error as error:
            self._recover(scope)
            raise StoreError(f"The profile store {failure}: {_first_line(error)}", code=code) from error

    def _connect(self, scope: _OpenScope) -> duckdb.DuckDBPyConnection:
        """A new connection whose tables are a scope's."""
        with self._lock:
            connection = self._engine.cursor()
        connection.execute(f"USE {scope.name}")
        connection.execute("SET TimeZone = 'UTC'")
        return connection


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction, which is rolled back unless the block commits it."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")


class Sql:
    """Implements ``Relations`` on a connection with an open transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def register(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)


class DuckDbChunk(Sql):
    """Implements ``ChunkTransaction``."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, run: RunKey, number: int, now: datetime, codec: MpidCodec
    ) -> None:
        super().__init__(connection)
        self._run = run
        self._number = number
        self._now = now
        self.codec = codec
        self.is_checkpointed = False
        counters = _one(connection, "SELECT next_profile, next_seq FROM counters", [])
        progress = _one(connection, "SELECT first_profile FROM run_progress WHERE run = ?", [run.run_id])
        if counters is None or progress is None:
            raise LeaseLostError(f"Run {run.run_id} was not begun.")
        self.next_profile: int = counters[0]
        self.first_seq: int = counters[1]
        self._first_profile: int = progress[0]

    def profiles_of_mpids(self, mpids: Sequence[int | None]) -> pa.Array:
        given = np.array([-1 if mpid is None else mpid for mpid in mpids], dtype=np.int64)
        numbers = self.codec.decode_many(given, self._run.environment)
        return pa.array(numbers, pa.int64(), mask=(numbers <= 0) | (numbers >= self._first_profile))

    def mpid(self, profile: int) -> int:
        return self.codec.encode(profile, self._run.environment)

    def write_rejects(self, reason: str, rows: int, samples: list[tuple[int, str]]) -> None:
        self._connection.execute("INSERT INTO reject_counts VALUES (?, ?, ?)", [self._run.run_id, reason, rows])
        for order, row in samples:
            self._connection.execute(
                "INSERT INTO reject_samples VALUES (?, ?, ?, ?)", [self._run.run_id, reason, order, row]
            )

    def write_dropped(self, attribute: str, reason: str, values: int) -> None:
        self._connection.execute(
            "INSERT INTO drop_counts VALUES (?, ?, ?, ?)", [self._run.run_id, attribute, reason, values]
        )

    def checkpoint(self, counts: RunCounts, *, types: int, places: int | None = None) -> None:
        added = ", ".join(f"{name} = {name} + ?" for name in schema.COUNT_COLUMNS)
        now = self._now.astimezone(UTC).replace(tzinfo=None)
        moved = self._connection.execute(
            f"""UPDATE run_progress SET chunks = chunks + 1, applied_on = ?, types = types | ?, {added}
                WHERE run = ? AND epoch = ? AND chunks = ? RETURNING extracted""",
            [
                now,
                types,
                *(getattr(counts, name) for name in schema.COUNT_COLUMNS),
                self._run.run_id,
                self._run.epoch,
                self._number,
            ],
        ).fetchall()
        if not moved:
            raise LeaseLostError(f"Run {self._run.run_id} has a newer holder, or chunk {self._number} is not the next.")
        # At least by one: it is also by this number that readers tell one committed state from another.
        next_seq = self.first_seq + max(1, counts.extracted if places is None else places)
        self._connection.execute(
            "UPDATE counters SET next_profile = ?, next_seq = ?",
            [self.next_profile + counts.profiles_created, next_seq],
        )
        [(extracted,)] = moved
        self._connection.execute(
            "INSERT INTO applied VALUES (?, ?, ?, ?, ?, NULL)",
            [self.first_seq, next_seq, self._run.run_id, extracted - counts.extracted, now],
        )
        self.is_checkpointed = True


def _forget_versions(connection: duckdb.DuckDBPyConnection, model: int, before: datetime) -> int:
    """Removes the versions of a data model that were replaced before a moment, with what they said; returns how many."""
    history, values = schema.history_table(model), schema.values_table(model)
    old = "replaced_by IN (SELECT run FROM run_progress WHERE applied_on < ?)"
    connection.execute(
        f"""DELETE FROM {values} USING {history} past WHERE {values}.seq = past.seq AND past.{old}
            AND past.seq NOT IN (SELECT seq FROM {schema.current_table(model)} UNION ALL SELECT seq FROM {history} WHERE NOT {old})""",
        [before, before],
    )
    [(removed,)] = connection.execute(f"DELETE FROM {history} WHERE {old}", [before]).fetchall()
    return int(removed)


def _silent_attributes(connection: duckdb.DuckDBPyConnection, model: int) -> list[int]:
    """The numbers of a data model's attributes that no version has a value of."""
    named = connection.execute(f"SELECT number FROM attributes WHERE data_model = {model} ORDER BY number").fetchall()
    numbers = [number for (number,) in named]
    if not numbers:
        return []
    counts = ", ".join(f"count(a_{number})" for number in numbers)
    [said] = connection.execute(f"SELECT {counts} FROM {schema.values_table(model)}").fetchall()
    return [number for number, count in zip(numbers, said, strict=True) if not count]


def _progress(connection: duckdb.DuckDBPyConnection, run_id: int) -> RunProgress | None:
    names = ", ".join(("chunks", "reading", *schema.COUNT_COLUMNS))
    row = _one(connection, f"SELECT {names} FROM run_progress WHERE run = ?", [run_id])
    if row is None:
        return None
    chunks, reading, *counted = row
    return RunProgress(chunks, RunCounts(**dict(zip(schema.COUNT_COLUMNS, counted, strict=True))), reading)


def read_progress(connection: duckdb.DuckDBPyConnection, run_id: int) -> RunProgress | None:
    """How far a run has come, as a reader sees it."""
    return _progress(connection, run_id)


def _forget_rows_before(connection: duckdb.DuckDBPyConnection, pipeline: int, run: int, *, kept: int) -> None:
    """Of the runs of a pipeline that later ones have passed, but for one: it was made before the run that it follows, and is run again.

    One that failed in between may still be run again, after one of these: it has to know that there is nothing left to compare with, or
    all rows would look late to it.
    """
    earlier = "pipeline = ? AND run < ? AND run <> ?"
    passed = f"run IN (SELECT DISTINCT run FROM row_digests WHERE {earlier})"
    connection.execute(
        f"UPDATE run_progress SET keeps_digests = false WHERE keeps_digests AND {passed}", [pipeline, run, kept]
    )
    connection.execute(f"DELETE FROM row_digests WHERE {earlier}", [pipeline, run, kept])


def _forget_rows(connection: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    """Of pipelines that are gone or look for late rows no more; a run that old and still the latest is not comparable any more."""
    old = "run IN (SELECT run FROM run_progress WHERE applied_on < ? AND keeps_digests)"
    connection.execute(f"DELETE FROM row_digests WHERE {old}", [moment])
    connection.execute("UPDATE run_progress SET keeps_digests = false WHERE applied_on < ? AND keeps_digests", [moment])


def _one(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    """The first row of a query. Reads all of it: the engine refuses new work while a result is unread."""
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


def _set_key(connection: duckdb.DuckDBPyConnection, key: str) -> None:
    """Gives a connection the key of tombstones, for as long as it lives."""
    connection.execute(f"SET VARIABLE {KEY_VARIABLE} = ?", [key])


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:300]
