"""``warehouse-sync backup`` and ``restore``."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse_sync.catalog.database import open_database, url_of_home
from warehouse_sync.cli.home import HomeOption, settings_of
from warehouse_sync.cli.output import Output, OutputOption, show_one
from warehouse_sync.clock import SystemClock
from warehouse_sync.errors import StoreError
from warehouse_sync.home import Home

if TYPE_CHECKING:
    from warehouse_sync.services.backup_manifest import Manifest
    from warehouse_sync.settings import Settings


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; a folder that does not exist yet.")],
    *,
    home: HomeOption = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Save the keys, too: who reads the backup can then open all passwords.")
    ] = False,
    without_control_database: Annotated[
        bool,
        typer.Option("--without-control-database", help="Save all but a control database that is on a server."),
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Save a home as it is at this moment, while its service runs or not.

    The service goes on; runs and deletions of profiles wait as long as it takes to copy the profile stores.
    """
    from warehouse_sync.services.backup import back_up  # noqa: PLC0415 - the other commands shall not load the engine

    settings = settings_of(home).settings
    _refuse_what_cannot_be_saved(settings, without_control_database=without_control_database)
    database = None if without_control_database else open_database(url_of_home(settings.home))
    try:
        made = back_up(
            Home(settings.home),
            database,
            folder.absolute(),
            with_keys=with_keys,
            version=metadata.version("warehouse-sync"),
            now=SystemClock().now(),
        )
    finally:
        if database is not None:
            database.close()
    show_one(_shown(made, backup=folder.absolute()), output)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.")],
    *,
    home: HomeOption = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Folder of the home's keys, for a backup without them.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a home from a backup. The home must not exist yet, or be empty; a damaged backup changes nothing."""
    from warehouse_sync.services.restore import restore as restore_home  # noqa: PLC0415 - as above

    settings = settings_of(home).settings
    made = restore_home(folder.absolute(), Home(settings.home), keys=keys)
    show_one(_shown(made, home=settings.home), output)
    if made.control_database is None:
        typer.echo(
            "The control database is not in this backup: restore its dump, and set WAREHOUSE_SYNC_DATABASE_URL.",
            err=True,
        )


def _refuse_what_cannot_be_saved(settings: Settings, *, without_control_database: bool) -> None:
    if settings.database_url is not None and not without_control_database:
        raise StoreError(
            "The control database is on a server, which saves it itself. Run pg_dump first, then this command with "
            "--without-control-database: in this order, for what is saved later may only be ahead.",
            code="backup_refused",
        )
    if settings.database_url is None and without_control_database:
        raise StoreError(
            "The control database lies in the home: leave --without-control-database out.", code="backup_refused"
        )
    if settings.database_url is None and not (settings.home / "control.db").exists():
        raise StoreError(
            f"{settings.home} is no home: it holds no control database. Name the service's --home.",
            code="backup_refused",
        )


def _shown(manifest: Manifest, **where: Path) -> dict[str, Any]:
    return {
        **{name: str(path) for name, path in where.items()},
        "made_on": manifest.made_on,
        "made_by": manifest.made_by,
        "control_database": manifest.control_database,
        "profile_stores": sum(file.path.endswith(".duckdb") for file in manifest.files),
        "keys": manifest.holds_keys,
        "bytes": manifest.bytes,
    }
