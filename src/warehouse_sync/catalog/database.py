"""Opening the control database, and its two kinds of transaction."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.errors import StoreError

Transaction = sa.Connection
"""An open transaction of the control database. Every function of ``catalog/`` takes one first."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_SECONDS: Final = 15
_WAL_ATTEMPTS: Final = 40
_WAL_PAUSE_SECONDS: Final = 0.05
_WRITER_LOCK: Final = 0x77_68_73_79_6E_63  # any number that no other program takes as its advisory lock
_UNUSABLE: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
)


class Database:
    """The control database. Safe to share between threads; a transaction belongs to one thread.

    Keep transactions to milliseconds and do no other I/O inside: while one writes, nobody else can.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._begin = _BEGIN[engine.dialect.name]
        # SQLite has one writer. Its own waiting is by polling, which starves; threads of one process queue here instead.
        self._writer = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One committed state, for reading.

        Raises:
            StoreError: the database cannot be used now.
        """
        with _translated(), self._engine.connect() as connection, connection.begin():
            self._begin(connection, writes=False)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block, or rolls back if the block raises. Not to be nested.

        Raises:
            StoreError: the database cannot be used now. If the commit itself raised, whether it took effect is not known.
        """
        with _translated(), self._writer, self._engine.connect() as connection, connection.begin():
            self._begin(connection, writes=True)
            yield connection

    def copy_to(self, path: Path) -> None:
        """Writes one committed state to a new file, while others read and write. Only if it is a file itself.

        Raises:
            StoreError: the database cannot be read, or the copy cannot be written.
        """
        source = self._engine.raw_connection()
        try:
            with closing(sqlite3.connect(path)) as copy:
                _sqlite(source).backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # the copy is one file
        except sqlite3.Error as error:
            raise StoreError(f"The control database cannot be copied: {error}.", code="backup_failed") from error
        finally:
            source.close()

    def close(self) -> None:
        """Closes every connection; safe to call twice."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """Opens the control database at an SQLAlchemy URL, and brings it to this version first.

    Several processes may open it at the same moment: one migrates, the others wait.

    Raises:
        StoreError: ``store_too_new`` if a later version of the product wrote it; ``store_unusable`` if it cannot be opened.
    """
    engine = _engine(url)
    database = Database(engine)
    try:
        if engine.dialect.name == "sqlite":
            _use_write_ahead_log(engine)
        with database.write() as tx:
            _migrate(tx)
        crashpoint("control_database_ready")
    except BaseException:
        database.close()
        raise
    return database


@cache
def known_versions() -> tuple[str, ...]:
    """The versions of the control database that this program can bring up to its own, which is the first of them."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def url_of_home(home: Path) -> str:
    """The address of the control database that lies in a home: ``HOME/control.db``."""
    return sa.URL.create("sqlite", database=str(home / "control.db")).render_as_string()


def _engine(url: str) -> sa.Engine:
    address = _address(url)
    try:
        is_far = address.get_backend_name() != "sqlite"  # a file does not hang up
        engine = sa.create_engine(address, hide_parameters=True, pool_size=8, max_overflow=56, pool_pre_ping=is_far)
    except ImportError as error:
        raise StoreError(
            f"The Python driver {error.name} for the control database is not installed. For PostgreSQL: "
            'pip install "warehouse-sync[control-postgres]"'
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _address(url: str) -> sa.URL:
    """What a setting says; a PostgreSQL address that names no driver means the one we install."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError(
            "The address of the control database cannot be read. Write it like postgresql://USER:PASSWORD@HOST:5432/DATABASE."
        ) from None
    return address.set(drivername="postgresql+psycopg") if address.drivername == "postgresql" else address


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's listener
    connection.isolation_level = None  # the driver must not begin transactions by itself; ``_begin_sqlite`` does
    for setting in (f"busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: sa.Connection, *, writes: bool) -> None:
    # A transaction that reads first and writes later fails when another wrote in between; IMMEDIATE waits at the start instead.
    try:
        _sqlite(connection.connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    except sqlite3.Error as error:
        raise _unusable(error) from error


def _begin_postgres(connection: sa.Connection, *, writes: bool) -> None:
    """The same two kinds of transaction as in SQLite: a reader sees one state, writers come one after another."""
    if writes:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


# Called, not listened for: an engine with a listener looks for listeners before and after every statement.
_BEGIN: Final = {"sqlite": _begin_sqlite, "postgresql": _begin_postgres}


def _use_write_ahead_log(engine: sa.Engine) -> None:
    """The change to WAL does not wait for other processes that make it at the same moment, so we do."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            return _set_write_ahead_log(engine)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY or attempt == _WAL_ATTEMPTS - 1:
                raise _unusable(error) from error
        time.sleep(_WAL_PAUSE_SECONDS)
    return None


def _set_write_ahead_log(engine: sa.Engine) -> None:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _sqlite(connection: sa.PoolProxiedConnection) -> sqlite3.Connection:
    found = connection.driver_connection
    if not isinstance(found, sqlite3.Connection):
        raise TypeError("the control database is not a file")
    return found


def _migrate(tx: Transaction) -> None:
    known = known_versions()
    current = MigrationContext.configure(tx).get_current_revision()
    if current == known[0]:
        return
    if current is not None and current not in known:
        raise StoreError(
            f"The control database was written by a newer Warehouse Sync (database version {current}; this program knows up to "
            f"{known[0]}). Start that version or a later one.",
            code="store_too_new",
        )
    config = _config()
    config.attributes["connection"] = tx
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UNUSABLE as error:
        raise _unusable(error) from error
    except sa.exc.DBAPIError as error:
        # SQLite reports a damaged file with the plain class; its subclasses are mistakes of ours and stay what they are.
        if type(error) is not sa.exc.DatabaseError:
            raise
        raise _unusable(error) from error


def _unusable(error: Exception) -> StoreError:
    cause = getattr(error, "orig", None) or error
    return StoreError(
        f"The control database cannot be used now: {cause}. Check its disk and its server, then try again."
    )
