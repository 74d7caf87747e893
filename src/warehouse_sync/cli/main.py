"""``warehouse-sync``: the commands of an operator."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from warehouse_sync.cli import audit, credentials, feeds, keys, workspaces
from warehouse_sync.cli.home import HomeOption, settings_of
from warehouse_sync.errors import WarehouseSyncError

app = typer.Typer(
    help="Enrich user profiles from a data warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it prints local variables, and those may hold secrets
    add_completion=False,
)
app.add_typer(workspaces.app, name="workspace")
app.add_typer(credentials.app, name="credential")
app.add_typer(feeds.app, name="feed")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")


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
    """The entry point. Exit code 1 for an error told on standard error, 2 for wrong usage."""
    os.umask(0o077)  # what a command makes in the home is nobody else's to read
    try:
        app()
    except WarehouseSyncError as error:
        sys.stderr.write(f"Error: {error.message}\n")
        sys.exit(1)
