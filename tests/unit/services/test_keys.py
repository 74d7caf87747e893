"""Rotation where the master key comes from a setting; a vault that looks for newer keys. Kills: ``tests/security/test_key_rotation.py``."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse_sync.catalog import home_facts
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, open_database
from warehouse_sync.clock import ManualClock
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import Forbidden, InvalidRequest, StoreError
from warehouse_sync.security.keyring import add_master_key, open_keyring, read_master_keys
from warehouse_sync.security.vault import SecretPlace, Vault, key_id
from warehouse_sync.services.caller import OPERATOR, Caller
from warehouse_sync.services.keys import KeyService, KeyState, MasterKeySettings

CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
PLACE = SecretPlace("connection", 1, 1, "password")
OLD, NEW = (b64encode(os.urandom(32)).decode() for _ in range(2))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    yield opened
    opened.close()


def _service(database: Database, home: Path, master_key: str | None = None) -> KeyService:
    given = None if master_key is None else Secret(master_key)
    open_keyring(home, master_key=given)
    return KeyService(database, CLOCK, home, MasterKeySettings(given))


def _sentinel(database: Database) -> str:
    with database.read() as tx:
        found = home_facts.get(tx, home_facts.VAULT_SENTINEL)
    assert found is not None
    return key_id(found)


def test_a_key_from_a_setting_is_followed_by_one_from_there(database: Database, tmp_path: Path) -> None:
    _service(database, tmp_path).rotate_master(OPERATOR)  # from the home's first key to its second
    moved = _service(database, tmp_path, OLD).rotate_master(OPERATOR)  # and from there to the setting's
    assert moved.continued
    assert moved.key_id == _sentinel(database)
    with pytest.raises(InvalidRequest, match="before the old one") as refused:
        _service(database, tmp_path, OLD).rotate_master(OPERATOR)
    assert refused.value.field == "WAREHOUSE_SYNC_MASTER_KEY"
    again = _service(database, tmp_path, f"{NEW},{OLD}").rotate_master(OPERATOR)
    assert again.key_id == _sentinel(database) != moved.key_id
    states = [(key.file is None, key.state) for key in _service(database, tmp_path, f"{NEW},{OLD}").all_of(OPERATOR)]
    assert states[:2] == [(True, KeyState.CURRENT), (True, KeyState.UNUSED)]
    assert states[2:4] == [(False, KeyState.UNUSED)] * 2
    assert len(list((tmp_path / "keys").glob("master-*"))) == 2


def test_only_admins(database: Database, tmp_path: Path) -> None:
    service, user = _service(database, tmp_path), Caller("id", "n", Permission.USER, None)
    for verb in (service.all_of, service.rotate_master, service.add_token_signing_key):
        with pytest.raises(Forbidden):
            verb(user)


def test_a_vault_finds_a_newer_key_when_it_opens_and_seals(tmp_path: Path) -> None:
    open_keyring(tmp_path)
    running = Vault(read_master_keys(tmp_path), lambda: read_master_keys(tmp_path))
    deaf = Vault(read_master_keys(tmp_path))
    old = running.seal(Secret("a"), PLACE)
    add_master_key(tmp_path)
    newer = Vault(read_master_keys(tmp_path))
    assert running.open(newer.rewrap(old, PLACE), PLACE) == Secret("a")
    assert key_id(running.seal(Secret("b"), PLACE)) == newer.current_key_id != key_id(old)
    with pytest.raises(StoreError):
        deaf.open(newer.seal(Secret("c"), PLACE), PLACE)


def test_a_vault_keeps_what_it_knew_but_seals_with_no_key_that_is_gone(tmp_path: Path) -> None:
    open_keyring(tmp_path)
    running = Vault(read_master_keys(tmp_path), lambda: read_master_keys(tmp_path))
    record = running.seal(Secret("a"), PLACE)
    (tmp_path / "keys" / "master-0001.key").unlink()
    assert running.open(record, PLACE) == Secret("a")
    with pytest.raises(StoreError, match="holds no master key"):
        running.seal(Secret("b"), PLACE)
