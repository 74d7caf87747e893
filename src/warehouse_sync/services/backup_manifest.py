"""What a backup says of itself: ``backup.json``, written last. A folder without it is no backup."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from warehouse_sync.catalog.database import known_versions
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles import schema

NAME: Final = "backup.json"
FORMAT: Final = 1
CONTROL_DATABASE: Final = "control.db"
KEYS: Final = "keys"
PROFILES: Final = "profiles"
_PATH: Final = re.compile(rf"{re.escape(CONTROL_DATABASE)}|(?:{KEYS}|{PROFILES})/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file of a backup: its path in there and in the home, its size in bytes, and the SHA-256 of its bytes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        made_on: the moment it shows the home at, RFC 3339.
        made_by: the program's version.
        control_database: version of the control database; None if that is on a server and not in the backup.
        profile_stores: the latest version that its profile stores can have.
        keys: SHA-256 of each key file that the home had, by name, whether the backup holds it or not.
        files: what it holds.
    """

    made_on: str
    made_by: str
    control_database: str | None
    profile_stores: int
    keys: dict[str, str]
    files: tuple[SavedFile, ...]

    @property
    def holds_keys(self) -> bool:
        return any(file.path.startswith(f"{KEYS}/") for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def write(manifest: Manifest) -> str:
    """The text of a manifest."""
    return json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1) + "\n"


def read(folder: Path) -> Manifest:
    """What the backup in a folder says of itself.

    Raises:
        StoreError: ``backup_unusable`` if it is none or cannot be understood; ``store_too_new`` if a later version of the product made it.
    """
    try:
        said = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise _unusable(folder, f"it holds no {NAME}, so it is none, or was never finished. Name another one") from None
    except (OSError, ValueError) as error:
        raise _unusable(folder, f"its {NAME} cannot be read: {error}. Take another backup") from None
    if not isinstance(said, dict) or not isinstance(said.get("format"), int):
        raise _unusable(folder, f"its {NAME} is damaged. Take another backup")
    if said["format"] > FORMAT:
        raise _too_new(folder, f"format {said['format']}; this program knows {FORMAT}")
    try:
        manifest = _parsed(said)
    except (KeyError, TypeError, ValueError):
        raise _unusable(folder, f"its {NAME} is damaged. Take another backup") from None
    if manifest.profile_stores > schema.VERSION:
        raise _too_new(
            folder, f"profile stores of version {manifest.profile_stores}; this program knows {schema.VERSION}"
        )
    if manifest.control_database is not None and manifest.control_database not in known_versions():
        raise _too_new(
            folder,
            f"control database of version {manifest.control_database}; this program knows up to {known_versions()[0]}",
        )
    return manifest


def _parsed(said: dict[str, Any]) -> Manifest:
    files = tuple(SavedFile(str(file["path"]), int(file["bytes"]), str(file["sha256"])) for file in said["files"])
    if any(_PATH.fullmatch(path) is None for path in (file.path for file in files)):
        raise ValueError("a path leads elsewhere")
    version = said["control_database"]
    return Manifest(
        made_on=str(said["made_on"]),
        made_by=str(said["made_by"]),
        control_database=None if version is None else str(version),
        profile_stores=int(said["profile_stores"]),
        keys={str(name): str(digest) for name, digest in said["keys"].items()},
        files=files,
    )


def _unusable(folder: Path, reason: str) -> StoreError:
    return StoreError(f"The backup {folder} cannot be used: {reason}.", code="backup_unusable")


def _too_new(folder: Path, found: str) -> StoreError:
    return StoreError(
        f"The backup {folder} was made by a newer Warehouse Sync ({found}). Restore it with that version or a later one.",
        code="store_too_new",
    )
