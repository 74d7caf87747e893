"""The home that a command works on: its settings, its keys and its control database, and nothing else of it.

These commands never take the home's lock, so they work while the service runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from warehouse_sync.catalog.database import Database, open_database, url_of_home
from warehouse_sync.cli.logins import VARIABLES
from warehouse_sync.clock import Clock, SystemClock
from warehouse_sync.home import Home as HomeFolder
from warehouse_sync.security.client_secrets import ClientSecretDigests
from warehouse_sync.security.keyring import Keyring, open_keyring
from warehouse_sync.settings import LoadedSettings, Settings, load_settings

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="WAREHOUSE_SYNC_HOME",
        help="Folder of the databases and keys; made if it is missing.",
        show_default="~/.warehouse-sync",
    ),
]


@dataclass(frozen=True, slots=True)
class Home:
    """An opened home."""

    settings: Settings
    keyring: Keyring
    database: Database
    digests: ClientSecretDigests
    clock: Clock


def settings_of(home: Path | None, **given: str | None) -> LoadedSettings:
    """The settings of the environment, with what the command line says instead; None says nothing.

    Raises:
        SettingsError: a variable or an option cannot be used.
    """
    options = {"home": None if home is None else str(home.absolute()), **given}
    said = {f"WAREHOUSE_SYNC_{name.upper()}": value for name, value in options.items() if value is not None}
    return load_settings({**os.environ, **said}, also_known=VARIABLES)


@contextmanager
def opened_home(folder: Path | None) -> Iterator[Home]:
    """Opens a home for the length of one command, and makes it first if need be.

    Raises:
        SettingsError, StoreError: it cannot be opened; the message says why.
    """
    loaded = settings_of(folder)
    for warning in loaded.warnings:
        typer.echo(warning, err=True)
    settings = loaded.settings
    HomeFolder(settings.home).make()
    keyring = open_keyring(settings.home, master_key=settings.master_key, master_key_file=settings.master_key_file)
    url = settings.database_url
    database = open_database(url_of_home(settings.home) if url is None else url.reveal())
    try:
        yield Home(settings, keyring, database, ClientSecretDigests(keyring.client_secrets), SystemClock())
    finally:
        database.close()
