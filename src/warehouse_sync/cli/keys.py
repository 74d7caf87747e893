"""``warehouse-sync keys``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from warehouse_sync.cli.home import Home, HomeOption, opened_home
from warehouse_sync.cli.output import Output, OutputOption, show_many, show_one
from warehouse_sync.domain.timestamps import format_instant
from warehouse_sync.services.caller import OPERATOR
from warehouse_sync.services.keys import KeyService, KeyStatus, MasterKeySettings

app = typer.Typer(help="Keys: what protects stored secrets and signs access tokens.", no_args_is_help=True)

_COLUMNS = ("kind", "id", "file", "created_on", "secrets", "state")


@app.command("list")
def list_all(*, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """List the keys, what needs them, and which may be removed."""
    with opened_home(home) as opened:
        found = _service(opened).all_of(OPERATOR)
    show_many([_shown(key) for key in found], _COLUMNS, output)


@app.command("rotate")
def rotate(
    *,
    home: HomeOption = None,
    token_signing: Annotated[
        bool, typer.Option("--token-signing", help="Add a key that signs access tokens instead.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a master key and move every stored secret to it; the service may run meanwhile and needs no restart.

    Run it again if it was interrupted: it goes on where it was. Old keys are never deleted; `keys list` tells which are unused.
    With --token-signing, the new key signs from the service's next start on, and tokens that were issued before stay valid.
    """
    with opened_home(home) as opened:
        service = _service(opened)
        if token_signing:
            show_one(_shown(service.add_token_signing_key(OPERATOR)), output)
            return
        done = service.rotate_master(OPERATOR)
    show_one({"current": done.key_id, "continued": done.continued, "rewrapped": done.rewrapped}, output)
    for place in done.unreadable:
        typer.echo(
            f"Not moved: {place.field} of {place.purpose} number {place.key} in workspace {place.workspace_id} cannot be opened. "
            "Enter it again.",
            err=True,
        )
    if done.unreadable:
        raise typer.Exit(1)


def _service(opened: Home) -> KeyService:
    settings = opened.settings
    given = MasterKeySettings(settings.master_key, settings.master_key_file)
    return KeyService(opened.database, opened.clock, settings.home, given)


def _shown(key: KeyStatus) -> dict[str, Any]:
    return {
        "kind": key.kind,
        "id": key.id,
        "file": None if key.file is None else f"keys/{key.file.name}",
        "created_on": None if key.created_on is None else format_instant(key.created_on),
        "secrets": key.secrets,
        "state": key.state.value,
    }
