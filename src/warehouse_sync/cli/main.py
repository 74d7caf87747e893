"""``warehouse-sync``: the commands of an operator, and those of everybody who uses the service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from warehouse_sync.cli import (
    access,
    audit,
    backup,
    configuration,
    connections,
    credentials,
    data_models,
    doctor,
    feeds,
    keys,
    pipelines,
    profiles,
    runs,
    schedule,
    webhook,
    workspaces,
)
from warehouse_sync.cli.home import HomeOption, settings_of
from warehouse_sync.cli.watching import RunFailed
from warehouse_sync.client import ApiError
from warehouse_sync.errors import WarehouseSyncError

_REFUSED, _RUN_FAILED, _OUT_OF_REACH = 1, 3, 4  # 2 is wrong usage, as the library has it

app = typer.Typer(
    help="Enrich user profiles from a data warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it prints local variables, and those may hold secrets
)
app.add_typer(workspaces.app, name="workspace")
app.add_typer(credentials.app, name="credential")
app.add_typer(feeds.app, name="feed")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(webhook.app, name="webhook")
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("login")(access.login)
app.command("logout")(access.logout)
app.command("servers")(access.servers)
for _command in (
    configuration.validate,
    configuration.plan,
    configuration.apply,
    configuration.export,
    configuration.schema,
):
    app.command()(_command)
app.add_typer(connections.app, name="connection")
app.add_typer(data_models.app, name="data-model")
app.add_typer(pipelines.app, name="pipeline")
app.add_typer(runs.app, name="run")
app.add_typer(profiles.app, name="profile")
app.add_typer(profiles.tombstones, name="tombstone")
app.add_typer(schedule.app, name="schedule")


@app.command("serve")
def serve(
    *,
    home: HomeOption = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.", show_default="8080")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate chain in PEM: speak HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Private key of the certificate in PEM.")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front does TLS.")] = False,
) -> None:
    """Run the service until it is stopped."""
    from warehouse_sync.bootstrap import serve as serve_home  # noqa: PLC0415 - the other commands shall not load the whole service

    loaded = settings_of(
        home,
        port=None if port is None else str(port),
        host=host,
        tls_cert=None if tls_cert is None else str(tls_cert.absolute()),
        tls_key=None if tls_key is None else str(tls_key.absolute()),
        behind_proxy="true" if behind_proxy else None,
    )
    serve_home(loaded, announce=lambda address: typer.echo(f"listening on {address}"))


def run() -> None:
    """The entry point. Exit codes: 1 refused, told on standard error; 2 wrong usage; 3 the run that was waited for failed; 4 no service."""
    os.umask(0o077)  # what a command makes is nobody else's to read
    try:
        app()
    except WarehouseSyncError as error:
        sys.stderr.write(f"Error: {error.message}\n")
        sys.exit(_exit_code(error))


def _exit_code(error: WarehouseSyncError) -> int:
    if isinstance(error, RunFailed):
        return _RUN_FAILED
    return _OUT_OF_REACH if isinstance(error, ApiError) and error.is_out_of_reach else _REFUSED
