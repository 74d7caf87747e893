"""The keys of a home: what they protect, and replacing them while the service runs.

A rotation adds a master key, re-wraps one secret per transaction, and moves the sentinel last. So the sentinel tells whether the last
rotation came to its end: if it did not, the next one goes on with it instead of adding another key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from warehouse_sync.catalog import audit, connections, home_facts
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.connections import SealedSecret
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import InvalidRequest, StoreError
from warehouse_sync.security import keyring
from warehouse_sync.security.vault import KeyEncryptionKey, SecretPlace, Vault, key_id
from warehouse_sync.services.caller import Caller

_PAGE: Final = 100


class KeyState(StrEnum):
    """What a key is good for now."""

    CURRENT = "current"
    IN_USE = "in use"
    UNUSED = "unused, may be removed"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """One key.

    Attributes:
        kind: ``master`` or ``token-signing``.
        file: where it lies; None if it comes from the settings.
        created_on: when the file was made, to the second; None without a file.
        secrets: how many stored secrets need it; None where it protects none.
    """

    kind: str
    id: str
    file: Path | None
    created_on: datetime | None
    secrets: int | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    Attributes:
        key_id: the current master key.
        continued: whether it went on with an earlier rotation, or with a key that the settings put first.
        rewrapped: how many secrets it moved to the current key.
        unreadable: the secrets it had to leave: damaged, or under a key that is lost.
    """

    key_id: str
    continued: bool
    rewrapped: int
    unreadable: tuple[SecretPlace, ...]


@dataclass(frozen=True, slots=True)
class MasterKeySettings:
    """Where master keys come from beside the home's own files: as in the settings."""

    master_key: Secret | None = None
    master_key_file: Path | None = None


class KeyService:
    """The verbs of keys; for operators only, for they work on the home's files.

    Args:
        folder: the home, its keys made already.
    """

    def __init__(
        self, database: Database, clock: Clock, folder: Path, settings: MasterKeySettings = MasterKeySettings()
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._settings = settings
        self._vault = Vault(self._master_keys(), reload=self._master_keys)

    def all_of(self, caller: Caller) -> list[KeyStatus]:
        """All keys that can be replaced, those of the vault first, the current one of each kind first."""
        _require_operator(caller)
        files = {key.id: path for path, key in keyring.stored_master_keys(self._folder).items()}
        current, *older = [key.id for key in self._master_keys()]
        with self._database.read() as tx:
            sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
            needed = None if sentinel is None else key_id(sentinel)
            found = [
                _master(
                    id_, files.get(id_), connections.secrets_under(tx, id_), is_current=id_ == current, sentinel=needed
                )
                for id_ in [current, *older]
            ]
        signing = keyring.stored_token_signing_keys(self._folder)
        newest = next(iter(signing))
        for path, key in signing.items():
            state = KeyState.CURRENT if path == newest else KeyState.ACCEPTED
            found.append(KeyStatus("token-signing", key.kid, path, _made_on(path), None, state))
        return found

    def rotate_master(self, caller: Caller) -> Rotation:
        """Adds a master key and moves every secret to it, or goes on where an earlier rotation was interrupted.

        Old keys stay: remove their files once :meth:`all_of` calls them unused. A running service needs no restart.

        Raises:
            InvalidRequest: the settings give the current key, so the next one must come from there too.
            StoreError: the keys do not belong to this database, or cannot be read.
        """
        _require_operator(caller)
        continued = self._is_unfinished()
        if not continued:
            self._add_master_key(caller)
        rewrapped = 0
        while True:
            unreadable = []
            for secret in self._pending():
                moved = self._rewrap(secret)
                rewrapped += moved is True
                unreadable += [] if moved is not None else [secret.place]
            if self._finish(caller, rewrapped, len(unreadable)):
                return Rotation(self._vault.current_key_id, continued, rewrapped, tuple(unreadable))

    def add_token_signing_key(self, caller: Caller) -> KeyStatus:
        """Adds a key that signs tokens from the service's next start on. Older tokens stay valid as long as their key's file is there.

        Raises:
            StoreError: the file cannot be made.
        """
        _require_operator(caller)
        path = keyring.add_token_signing_key(self._folder)
        key = keyring.stored_token_signing_keys(self._folder)[path]
        with self._database.write() as tx:
            self._record(tx, caller, "create", "token_signing_key", key.kid)
        return KeyStatus("token-signing", key.kid, path, _made_on(path), None, KeyState.CURRENT)

    def _is_unfinished(self) -> bool:
        """Whether the sentinel is still under an older key. Finds out whether we can open anything before anything is changed."""
        with self._database.read() as tx:
            sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
        if sentinel is None:
            return False
        self._vault.check_sentinel(sentinel)
        return key_id(sentinel) != self._vault.current_key_id

    def _add_master_key(self, caller: Caller) -> None:
        if keyring.given_master_keys(self._settings.master_key, self._settings.master_key_file):
            raise InvalidRequest(
                f"The master key of this home comes from {keyring.MASTER_KEY_SETTING} or {keyring.MASTER_KEY_SETTING}_FILE. Put a new "
                "key before the old one there, separated by a comma, restart the service, and run this again with the same setting.",
                field=keyring.MASTER_KEY_SETTING,
            )
        keyring.add_master_key(self._folder)
        crashpoint("master_key_added")
        self._vault.refresh()
        with self._database.write() as tx:
            self._record(tx, caller, "create", "master_key", self._vault.current_key_id)

    def _pending(self) -> list[SealedSecret]:
        """All secrets under other keys, with their old records: a few hundred bytes each."""
        self._vault.refresh()
        found: list[SealedSecret] = []
        while True:
            after = found[-1].place if found else None
            with self._database.read() as tx:
                page = connections.sealed_by_other_keys(tx, self._vault.current_key_id, most=_PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                return found

    def _rewrap(self, secret: SealedSecret) -> bool | None:
        """Moves one secret; False if the service changed it meanwhile, None if it cannot be opened."""
        try:
            record = self._vault.rewrap(secret.record, secret.place)
        except StoreError:
            return None
        with self._database.write() as tx:
            moved = connections.rewrap_secret(tx, secret, record)
            crashpoint("secret_rewrapping")
        crashpoint("secret_rewrapped")
        return moved

    def _finish(self, caller: Caller, rewrapped: int, unreadable: int) -> bool:
        """Moves the sentinel if nothing is left to do; in one transaction, so that nothing is sealed with an old key in between."""
        crashpoint("sentinel_rewrapping")
        with self._database.write() as tx:
            self._vault.refresh()
            current = self._vault.current_key_id
            if len(connections.sealed_by_other_keys(tx, current, most=unreadable + 1)) > unreadable:
                return False
            sentinel = home_facts.get(tx, home_facts.VAULT_SENTINEL)
            moved = self._vault.sentinel() if sentinel is None else self._vault.rewrap_sentinel(sentinel)
            home_facts.put(tx, home_facts.VAULT_SENTINEL, moved)
            self._record(tx, caller, "rotate", "master_key", current, secrets=rewrapped)
        return True

    def _master_keys(self) -> tuple[KeyEncryptionKey, ...]:
        return keyring.read_master_keys(
            self._folder, master_key=self._settings.master_key, master_key_file=self._settings.master_key_file
        )

    def _record(
        self, tx: Transaction, caller: Caller, action: str, kind: str, id_: str, *, secrets: int | None = None
    ) -> None:
        details = None if secrets is None else {"secrets": str(secrets)}
        audit.record(tx, AuditEntry(self._clock.now(), caller.client_id, None, action, kind, id_, details))


def _require_operator(caller: Caller) -> None:
    caller.require_permission(Permission.ADMIN)


def _master(id_: str, file: Path | None, secrets: int, *, is_current: bool, sentinel: str | None) -> KeyStatus:
    older = KeyState.IN_USE if secrets or id_ == sentinel else KeyState.UNUSED
    state = KeyState.CURRENT if is_current else older
    made_on = None if file is None else _made_on(file)
    return KeyStatus("master", id_, file, made_on, secrets, state)


def _made_on(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
