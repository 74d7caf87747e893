"""Where the service is and who asks: what ``warehouse-sync login`` stores for a user, and the variables that win over it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import typer

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import SettingsError

DEFAULT_NAME: Final = "default"
URL: Final = "WAREHOUSE_SYNC_URL"
CLIENT_ID: Final = "WAREHOUSE_SYNC_CLIENT_ID"
CLIENT_SECRET: Final = "WAREHOUSE_SYNC_CLIENT_SECRET"  # noqa: S105 - the variable's name
WORKSPACE: Final = "WAREHOUSE_SYNC_WORKSPACE"
SERVER: Final = "WAREHOUSE_SYNC_SERVER"
VARIABLES: Final = frozenset({URL, CLIENT_ID, CLIENT_SECRET, WORKSPACE, SERVER})
"""What the everyday commands read of the environment. None of them is a setting of the service."""


@dataclass(frozen=True, slots=True)
class Login:
    """A service and a credential of it.

    Attributes:
        url: the service's address.
        client_id, client_secret: of the credential.
        workspace_id: the workspace that commands are about; None if the credential reaches only one.
    """

    url: str
    client_id: str
    client_secret: Secret
    workspace_id: int | None = None


def logins_file() -> Path:
    """The file of stored log-ins, in the user's configuration folder."""
    return Path(typer.get_app_dir("warehouse-sync")) / "logins.json"


def store_login(file: Path, name: str, login: Login) -> None:
    """Stores a log-in under a name, readable by this user alone."""
    stored = _stored(file)
    stored[name] = {**asdict(login), "client_secret": login.client_secret.reveal()}
    _write(file, stored)


def remove_login(file: Path, name: str) -> bool:
    """Forgets a log-in; returns whether there was one of this name."""
    stored = _stored(file)
    if stored.pop(name, None) is None:
        return False
    _write(file, stored)
    return True


def login_names(file: Path) -> dict[str, str]:
    """The address of each stored log-in, by its name."""
    return {name: str(entry["url"]) for name, entry in sorted(_stored(file).items())}


def find_login(file: Path, environ: Mapping[str, str], name: str | None) -> Login:
    """The log-in to use: the stored one of this name, with what the environment says instead.

    Args:
        file: the stored log-ins.
        environ: the environment; its variables win over what is stored.
        name: given on the command line; else the environment's, else ``default``.

    Raises:
        SettingsError: nothing says where the service is, or who asks.
    """
    wanted = name or environ.get(SERVER) or DEFAULT_NAME
    stored = _stored(file)
    if wanted not in stored and wanted != DEFAULT_NAME:
        raise SettingsError(f"There is no stored log-in {wanted}. Make it: warehouse-sync login --server {wanted}.")
    entry = stored.get(wanted, {})
    url = environ.get(URL) or entry.get("url")
    client_id = environ.get(CLIENT_ID) or entry.get("client_id")
    secret = environ.get(CLIENT_SECRET) or entry.get("client_secret")
    if not (url and client_id and secret):
        raise SettingsError(
            f"Nothing says which service to ask. Run `warehouse-sync login` once, or set {URL}, {CLIENT_ID} and {CLIENT_SECRET}.",
            field=URL,
        )
    return Login(url, client_id, Secret(secret), _workspace(environ) or entry.get("workspace_id"))


def _workspace(environ: Mapping[str, str]) -> int | None:
    text = environ.get(WORKSPACE)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{WORKSPACE} must be a workspace's number.", field=WORKSPACE)
    return int(text)


def _stored(file: Path) -> dict[str, dict[str, Any]]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"The stored log-ins cannot be read: {file}: {error.strerror}.") from error
    try:
        found: dict[str, dict[str, Any]] = json.loads(text)
    except ValueError:
        raise SettingsError(f"{file} is not a file of log-ins. Remove it, and log in again.") from None
    return found


def _write(file: Path, stored: Mapping[str, object]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(stored, out, indent=2)
    fresh.replace(file)
