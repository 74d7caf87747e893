"""What a backup holds, what it waits for, and what a restore refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.profiles.applying import Home as Stores
from tests.unit.profiles.applying import table
from warehouse_sync.catalog.database import Database, open_database, url_of_home
from warehouse_sync.errors import StoreError
from warehouse_sync.home import Home
from warehouse_sync.profiles.writer_lock import StillFiles
from warehouse_sync.security.keyring import open_keyring
from warehouse_sync.services.backup import back_up
from warehouse_sync.services.backup_manifest import Manifest
from warehouse_sync.services.restore import restore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STORE = "profiles/5328-development.duckdb"


@dataclass
class Service:
    """What a service has open: its home, the control database and the stores, with one profile."""

    home: Home
    database: Database
    stores: Stores

    def save(self, to: Path, *, with_keys: bool = False) -> Manifest:
        return back_up(self.home, self.database, to, with_keys=with_keys, version="9.9", now=NOW)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    home = Home(tmp_path / "home")
    home.make()
    open_keyring(home.folder)
    database, stores = open_database(url_of_home(home.folder)), Stores(home.profiles)
    stores.apply(table([{"customer_id": "c-1", "name": "Ann"}]))
    yield Service(home, database, stores)
    stores.stores.close()
    database.close()


def test_a_backup_of_open_files_is_a_home_again(service: Service, tmp_path: Path) -> None:
    made = service.save(tmp_path / "saved")
    assert {file.path for file in made.files} >= {"control.db", STORE}
    assert not made.holds_keys
    everything = [path for path in (tmp_path / "saved").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in everything} == {0o600}
    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o700
    secret = (service.home.folder / "keys" / "profile-mpid.key").read_bytes().strip()
    assert not [path for path in everything if secret in path.read_bytes()]

    new = Home(tmp_path / "new")
    assert restore(tmp_path / "saved", new, keys=service.home.folder / "keys") == made
    for name in ("profile-mpid.key", "client-secrets.key"):
        assert (new.folder / "keys" / name).read_bytes() == (service.home.folder / "keys" / name).read_bytes()
    restored = Stores(new.profiles)
    with closing(restored.stores):
        assert restored.reader.profile_count(5328, service.stores.key(1).environment) == 1
    open_keyring(new.folder)
    open_database(url_of_home(new.folder)).close()


def test_writers_wait_for_a_copy_and_a_copy_for_writers(service: Service, tmp_path: Path) -> None:
    files = StillFiles(service.home.folder / STORE)
    writer = threading.Thread(target=service.stores.apply, args=(table([{"customer_id": "c-2"}]),))
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    saver = threading.Thread(target=service.save, args=(tmp_path / "saved",))
    saver.start()
    files.close()
    for thread in (writer, saver):
        thread.join(20)
        assert not thread.is_alive()
    assert service.stores.reader.profile_count(5328, service.stores.key(1).environment) == 2


def test_a_store_that_somebody_writes_to_all_the_same_is_not_saved(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse_sync.services import backup

    def copy_and_touch(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
        source.touch()

    monkeypatch.setattr(backup, "copy_file", copy_and_touch)
    with pytest.raises(StoreError, match="changed while it was copied") as refused:
        service.save(tmp_path / "saved")
    assert refused.value.code == "backup_failed"
    assert list(tmp_path.glob("saved*")) == []


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lambda saved, _: flip(saved / STORE), "backup_unusable", "is not what was saved"),
        (lambda saved, _: (saved / "control.db").unlink(), "backup_unusable", "is missing"),
        (lambda saved, _: (saved / "backup.json").unlink(), "backup_unusable", "never finished"),
        (lambda saved, _: (saved / "backup.json").write_text("{"), "backup_unusable", "cannot be read"),
        (
            lambda saved, _: change(saved, files=[{"path": "../x", "bytes": 1, "sha256": ""}]),
            "backup_unusable",
            "damaged",
        ),
        (lambda saved, _: change(saved, format=2), "store_too_new", "with that version or a later one"),
        (lambda saved, _: change(saved, profile_stores=99), "store_too_new", "version 99"),
        (lambda saved, _: change(saved, control_database="0999"), "store_too_new", "version 0999"),
        (lambda _, new: (new.mkdir(), (new / "mine").touch()), "restore_refused", "is not empty"),
    ],
)
def test_a_restore_that_is_refused_changes_nothing(
    service: Service, tmp_path: Path, damage: Callable[[Path, Path], object], code: str, said: str
) -> None:
    service.save(tmp_path / "saved", with_keys=True)
    new = tmp_path / "new"
    damage(tmp_path / "saved", new)
    before = sorted(path.name for path in new.glob("*"))
    with pytest.raises(StoreError, match=said) as refused:
        restore(tmp_path / "saved", Home(new), keys=None)
    assert refused.value.code == code
    assert sorted(path.name for path in new.glob("*")) == before


def test_a_backup_without_keys_wants_the_very_keys(service: Service, tmp_path: Path) -> None:
    service.save(tmp_path / "saved")
    other = tmp_path / "other"
    open_keyring(other)
    for keys, said in ((None, "holds no keys"), (other / "keys", "is not the key of that name")):
        with pytest.raises(StoreError, match=said):
            restore(tmp_path / "saved", Home(tmp_path / "new"), keys=keys)
    assert not (tmp_path / "new").exists()


def test_each_backup_has_its_own_folder(service: Service, tmp_path: Path) -> None:
    service.save(tmp_path / "saved")
    with pytest.raises(StoreError, match="not empty") as refused:
        service.save(tmp_path / "saved")
    assert refused.value.code == "backup_refused"
    with pytest.raises(StoreError, match="must be there"):
        service.save(tmp_path / "nowhere" / "saved")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change(saved: Path, **values: Any) -> None:
    path = saved / "backup.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
