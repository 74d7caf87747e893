"""``warehouse-sync doctor``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from warehouse_sync.catalog.database import Database, open_database, url_of_home
from warehouse_sync.cli.home import HomeOption, settings_of
from warehouse_sync.cli.logins import find_login, logins_file
from warehouse_sync.cli.output import Output, OutputOption, show_many
from warehouse_sync.clock import SystemClock
from warehouse_sync.errors import SettingsError, WarehouseSyncError
from warehouse_sync.home import Home, is_held
from warehouse_sync.security.keyring import open_keyring
from warehouse_sync.security.vault import Vault

if TYPE_CHECKING:
    from warehouse_sync.services.checkup import Finding
    from warehouse_sync.settings import Settings

_MIB = 1 << 20
_SECONDS = 5


def doctor(
    *,
    home: HomeOption = None,
    connections: Annotated[
        bool, typer.Option("--connections/--no-connections", help="Log in to every warehouse.")
    ] = True,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check the home, its keys, the disk, the clock, the profile stores, the webhook and every connection, and say what to do.

    Works while the service runs. Changes nothing but this: like every command, it brings an older control database up to date. Exit code 1
    if somebody must act.
    """
    loaded = settings_of(home)
    found = list(_look(loaded.settings, with_connections=connections))
    rows = [{"check": f.check, "outcome": f.mark.value, "found": f.message, "remedy": f.remedy} for f in found]
    show_many(rows, ("check", "outcome", "found", "remedy"), output)
    if any(row["outcome"] == "problem" for row in rows):
        raise typer.Exit(1)


def _look(settings: Settings, *, with_connections: bool) -> Iterator[Finding]:
    from warehouse_sync.services import checkup  # noqa: PLC0415 - the other commands shall not load the engine

    home = Home(settings.home)
    folder = list(checkup.check_folder(home))
    yield from folder
    if any(finding.mark is checkup.Mark.PROBLEM for finding in folder):
        return
    needs = checkup.DiskNeeds(settings.spool_free_mb * _MIB, (settings.spool_free_mb + settings.spool_limit_mb) * _MIB)
    yield checkup.check_disk(home, needs)
    yield from checkup.check_stores(home, is_served=is_held(home))
    if settings.database_url is None and not (home.folder / "control.db").exists():
        yield checkup.Finding(
            "control database",
            checkup.Mark.WARNING,
            "There is none yet.",
            "Make a workspace: warehouse-sync workspace create.",
        )
        return
    yield from _look_inside(settings, with_connections=with_connections)


def _look_inside(settings: Settings, *, with_connections: bool) -> Iterator[Finding]:
    """What only the opened control database and the keys tell."""
    from warehouse_sync.bootstrap import warehouse_worker  # noqa: PLC0415 - as above
    from warehouse_sync.services import checkup  # noqa: PLC0415 - as above
    from warehouse_sync.webhook.receiver import receiver_of  # noqa: PLC0415 - as above

    try:
        database, vault = _open(settings)
    except WarehouseSyncError as error:
        yield checkup.Finding("control database", checkup.Mark.PROBLEM, error.message, "Do what the message says.")
        return
    with closing(database):
        with database.read() as tx:
            yield checkup.check_keys(tx, vault)
            yield checkup.check_clock(tx, SystemClock().now(), _server_time())
        receiver = receiver_of(settings)
        if receiver is not None:
            yield checkup.check_webhook(receiver)
        if with_connections:
            with tempfile.TemporaryDirectory(prefix="warehouse-sync-doctor-") as scratch:
                yield from checkup.check_connections(database, vault, warehouse_worker(settings, Path(scratch)))


def _open(settings: Settings) -> tuple[Database, Vault]:
    keyring = open_keyring(settings.home, master_key=settings.master_key, master_key_file=settings.master_key_file)
    url = settings.database_url
    return open_database(url_of_home(settings.home) if url is None else url.reveal()), Vault(keyring.master)


def _server_time() -> datetime | None:
    """What time the service has that this user has logged in to; None if there is none or it does not answer."""
    try:
        login = find_login(logins_file(), os.environ, None)
        answer = httpx.get(f"{login.url}/health", timeout=_SECONDS)
        return parsedate_to_datetime(answer.headers["Date"])
    except (SettingsError, httpx.HTTPError, KeyError, ValueError):
        return None
