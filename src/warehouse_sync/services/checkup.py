"""A check-up of a home: what is wrong with it or with what it reaches, and what to do. Changes nothing and makes nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import duckdb
import sqlalchemy as sa

from warehouse_sync.catalog import connections, home_facts, workspaces
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.catalog.schema import audit_log, runs
from warehouse_sync.domain.connection import Connection
from warehouse_sync.errors import WarehouseError, WarehouseSyncError
from warehouse_sync.home import Home
from warehouse_sync.profiles import schema as store_schema
from warehouse_sync.security.vault import Vault
from warehouse_sync.services.warehouse_ports import ConnectionTest
from warehouse_sync.webhook.receiver import Receiver, Unreachable, judged_addresses

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
_MIB: Final = 1 << 20


class Mark(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at, in a word or two.
        mark: whether somebody must act.
        message: what was found.
        remedy: what to do; None if nothing.
    """

    check: str
    mark: Mark
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class DiskNeeds:
    """What must be free on the home's disk, in bytes: below ``least`` no run can fetch; below ``comfortable`` a large one cannot."""

    least: int
    comfortable: int


def check_folder(home: Home) -> Iterator[Finding]:
    """Whether the home is there, usable by this user, and closed to others."""
    folder = home.folder
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        yield Finding(
            "home",
            Mark.PROBLEM,
            f"There is no home {folder}.",
            "Make it by the first `warehouse-sync workspace create`, or name another --home.",
        )
        return
    except OSError as error:
        yield Finding("home", Mark.PROBLEM, f"The home {folder} cannot be looked at: {error.strerror}.", _AS_OWNER)
        return
    unusable = [
        path for path in (folder, folder / "control.db", folder / "keys") if path.exists() and not _is_usable(path)
    ]
    if not stat.S_ISDIR(mode) or unusable:
        wrong = folder if not stat.S_ISDIR(mode) else unusable[0]
        yield Finding("home", Mark.PROBLEM, f"{wrong} cannot be read and written by this user.", _AS_OWNER)
        return
    if mode & 0o077:
        yield Finding("home", Mark.WARNING, f"Other users may look into {folder}.", f"chmod 700 {folder}")
        return
    yield Finding("home", Mark.OK, f"{folder} is usable, and closed to others.")


_AS_OWNER: Final = "Run the command as the user that runs the service, or give the files back to that user with chown."


def check_disk(home: Home, needs: DiskNeeds) -> Finding:
    """Whether a run can fetch rows."""
    free = shutil.disk_usage(home.folder).free
    shown = f"{free // _MIB:,} MiB are free on the home's disk"
    if free < needs.least:
        least = needs.least // _MIB
        return Finding(
            "disk",
            Mark.PROBLEM,
            f"{shown}; a run needs at least {least:,} to remain.",
            "Free some, or lower WAREHOUSE_SYNC_SPOOL_FREE_MB. Old history goes with a smaller WAREHOUSE_SYNC_HISTORY_DAYS.",
        )
    if free < needs.comfortable:
        return Finding(
            "disk",
            Mark.WARNING,
            f"{shown}; one run's rows may take up to {(needs.comfortable - needs.least) // _MIB:,}.",
            "Free some, or set WAREHOUSE_SYNC_SPOOL_LIMIT_MB to what there is.",
        )
    return Finding("disk", Mark.OK, f"{shown}.")


def check_keys(tx: Transaction, vault: Vault) -> Finding:
    """Whether the master key opens what was sealed."""
    sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
    if sentinel is None:
        return Finding("keys", Mark.OK, "Nothing was sealed yet.")
    try:
        vault.check_sentinel(sentinel)
    except WarehouseSyncError as error:
        return Finding(
            "keys",
            Mark.PROBLEM,
            error.message,
            "Restore the folder `keys` from its backup, or correct WAREHOUSE_SYNC_MASTER_KEY.",
        )
    return Finding("keys", Mark.OK, "The master key opens the stored secrets.")


def check_clock(tx: Transaction, now: datetime, server_time: datetime | None) -> Finding:
    """Whether this machine's clock agrees with what was written before, and with the service's, if that was asked."""
    latest = max((moment for moment in _moments(tx) if moment is not None), default=None)
    if latest is not None and latest - now > CLOCK_TOLERANCE:
        return _skewed(f"The clock is {latest - now} behind the latest entry of the control database.")
    if server_time is not None and abs(server_time - now) > CLOCK_TOLERANCE:
        return _skewed(f"The clock differs by {abs(server_time - now)} from that of the service.")
    return Finding("clock", Mark.OK, "The clock is not behind what was written before.")


def _skewed(message: str) -> Finding:
    remedy = "Set the clock and let it follow a time server: intervals begin and end by it, and runs wait until a late one has caught up."
    return Finding("clock", Mark.PROBLEM, message, remedy)


def _moments(tx: Transaction) -> Iterator[datetime | None]:
    for column in (audit_log.c.at, runs.c.created_on, runs.c.started_on, runs.c.finished_on):
        yield tx.execute(sa.select(sa.func.max(column))).scalar_one()


def check_stores(home: Home, *, is_served: bool) -> Iterator[Finding]:
    """Whether the profile stores can be opened. A running service holds them, and would have said so."""
    files = sorted(home.profiles.glob("*.duckdb"))
    if not files:
        yield Finding("profile stores", Mark.OK, "There is none yet.")
        return
    if is_served:
        yield Finding("profile stores", Mark.OK, f"The running service holds {len(files)}.")
        return
    for file in files:
        yield _check_store(file)


def _check_store(file: Path) -> Finding:
    try:
        with closing(duckdb.connect(str(file), read_only=True)) as store:
            [(version,)] = store.execute("SELECT version FROM store_version").fetchall()
    except duckdb.Error as error:
        reason = str(error).split("\n", maxsplit=1)[0][:200]
        return Finding(
            "profile stores", Mark.PROBLEM, f"{file.name} cannot be opened: {reason}", "Restore it from a backup."
        )
    if version > store_schema.VERSION:
        return Finding(
            "profile stores",
            Mark.PROBLEM,
            f"{file.name} was written by a newer version.",
            "Install that version again.",
        )
    return Finding("profile stores", Mark.OK, f"{file.name} opens.")


def check_webhook(receiver: Receiver) -> Finding:
    """Whether the egress policy lets notices out. Sends nothing."""
    try:
        judged_addresses(receiver)
    except Unreachable as error:
        return Finding("webhook", Mark.PROBLEM, str(error), _TRY_WEBHOOK)
    return Finding("webhook", Mark.OK, f"Notices may go to {receiver.host}.", _TRY_WEBHOOK)


_TRY_WEBHOOK: Final = "Try it: warehouse-sync webhook test."


def check_connections(database: Database, vault: Vault, test: ConnectionTest) -> Iterator[Finding]:
    """Logs in to every active connection; slow."""
    with database.read() as tx:
        found = [
            connection
            for workspace in workspaces.all_of(tx)
            for connection in connections.all_of(tx, workspace.id)
            if connection.is_active
        ]
    for connection in found:
        yield _check_connection(database, vault, connection, test)


def _check_connection(database: Database, vault: Vault, connection: Connection, test: ConnectionTest) -> Finding:
    name = f"connection {connection.workspace_id}/{connection.id}"
    try:
        with database.read() as tx:
            address = connections.opened(tx, connection, vault).address
        accepted = test.check(address)
    except WarehouseError as error:
        remedy = "Mend that step; docs/errors.md explains each. It is a plain log-in: the service would fail in the same way."
        return Finding(name, Mark.PROBLEM, f"Step {error.step}: {error.message}", remedy)
    except WarehouseSyncError as error:
        return Finding(
            name, Mark.PROBLEM, error.message, "Enter its secrets again, or restore the keys that sealed them."
        )
    return Finding(name, Mark.OK, f"{connection.address.type} lets us in{f' with {accepted}' if accepted else ''}.")


def _is_usable(path: Path) -> bool:
    wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, wanted, effective_ids=True)
