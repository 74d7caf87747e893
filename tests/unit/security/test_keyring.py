"""Key files: created once and privately, agreed upon by racing processes, refused when others could read them."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import SettingsError, StoreError
from warehouse_sync.security.keyring import Keyring, add_master_key, add_token_signing_key, open_keyring

FILES = {"master-0001.key", "token-signing-0001.pem", "client-secrets.key", "profile-mpid.key"}
HOMES, PROCESSES = 25, 4


def fingerprint(ring: Keyring) -> tuple[str, ...]:
    """All that a ring holds, without showing it."""
    return (
        *(key.id for key in ring.master),
        *(key.kid for key in ring.token_signing),
        hashlib.sha256(ring.client_secrets).hexdigest(),
        hashlib.sha256(ring.profile_mpid).hexdigest(),
    )


def random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def test_first_use_creates_private_files_and_says_which(tmp_path: Path) -> None:
    ring = open_keyring(tmp_path / "new" / "home")
    assert ring.directory == tmp_path / "new" / "home" / "keys"
    assert {path.name for path in ring.created} == FILES == {path.name for path in ring.directory.iterdir()}
    assert stat.S_IMODE(ring.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in ring.created} == {0o600}


def test_second_use_reads_the_same_and_creates_nothing(tmp_path: Path) -> None:
    first, second = open_keyring(tmp_path), open_keyring(tmp_path)
    assert fingerprint(first) == fingerprint(second)
    assert second.created == ()


def test_two_homes_share_no_key(tmp_path: Path) -> None:
    one, other = (fingerprint(open_keyring(tmp_path / name)) for name in "ab")
    assert not set(one) & set(other)


def test_a_ring_prints_no_key(tmp_path: Path) -> None:
    ring = open_keyring(tmp_path)
    for path in ring.created:
        assert path.read_text().splitlines()[-2 if path.suffix == ".pem" else 0] not in repr(ring)
    assert repr(ring.client_secrets) not in repr(ring)


def _open_all(root: str, barrier: object, answers: object) -> None:
    for number in range(HOMES):
        barrier.wait()  # type: ignore[attr-defined]
        ring = open_keyring(Path(root) / str(number))
        answers.put((number, fingerprint(ring), len(ring.created)))  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=_open_all, args=(str(tmp_path), barrier, answers)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    seen = [answers.get(timeout=60) for _ in range(HOMES * PROCESSES)]
    for process in processes:
        process.join(timeout=60)
    for number in range(HOMES):
        assert len({prints for home, prints, _ in seen if home == number}) == 1
        assert sum(created for home, _, created in seen if home == number) == len(FILES)
        assert {path.name for path in (tmp_path / str(number) / "keys").iterdir()} == FILES


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, name: str, mode: int) -> None:
    path = open_keyring(tmp_path).directory / name
    path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 600") as refused:
        open_keyring(tmp_path)
    assert str(path) in refused.value.message


def test_a_folder_open_to_others_is_refused_with_the_remedy(tmp_path: Path) -> None:
    open_keyring(tmp_path).directory.chmod(0o750)
    with pytest.raises(StoreError, match="chmod 700"):
        open_keyring(tmp_path)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"AAAA\n", base64.b64encode(bytes(32)), b"x" * 70_000])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, name: str, content: bytes) -> None:
    path = open_keyring(tmp_path).directory / name
    path.write_bytes(content)
    with pytest.raises(StoreError) as refused:
        open_keyring(tmp_path)
    assert str(path) in refused.value.message
    assert path.read_bytes() == content


def test_links_and_pipes_are_no_key_files(tmp_path: Path) -> None:
    path = open_keyring(tmp_path).directory / "profile-mpid.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        open_keyring(tmp_path)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(StoreError, match="not a regular file"):
        open_keyring(tmp_path)


def test_a_dangling_link_is_never_written_through(tmp_path: Path) -> None:
    path = open_keyring(tmp_path).directory / "master-0001.key"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        open_keyring(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match="keys"):
        open_keyring(tmp_path / "home")


def test_new_keys_come_first_and_old_ones_stay(tmp_path: Path) -> None:
    before = open_keyring(tmp_path)
    assert add_master_key(tmp_path).name == "master-0002.key"
    assert add_token_signing_key(tmp_path).name == "token-signing-0002.pem"
    after = open_keyring(tmp_path)
    assert after.master[1:] == before.master
    assert [key.kid for key in after.token_signing[1:]] == [key.kid for key in before.token_signing]
    assert (len(after.master), len(after.token_signing)) == (2, 2)


def test_a_master_key_from_the_settings_creates_no_file(tmp_path: Path) -> None:
    ring = open_keyring(tmp_path, master_key=Secret(random_key()))
    assert {path.name for path in ring.created} == FILES - {"master-0001.key"}
    assert len(ring.master) == 1


def test_a_master_key_from_the_settings_comes_before_the_file(tmp_path: Path) -> None:
    stored = open_keyring(tmp_path).master
    current, older = random_key(), random_key()
    ring = open_keyring(tmp_path, master_key=Secret(f"{current}, {older}"))
    assert len(ring.master) == 3
    assert ring.master[2:] == stored
    assert ring.master[0] == open_keyring(tmp_path / "b", master_key=Secret(current)).master[0]


def test_a_master_key_file_may_be_a_mounted_secret(tmp_path: Path) -> None:
    text = random_key()
    (tmp_path / "real").write_text(text + "\n")
    (tmp_path / "real").chmod(0o440)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ring = open_keyring(tmp_path / "home", master_key_file=tmp_path / "link")
    assert ring.master == open_keyring(tmp_path / "b", master_key=Secret(text)).master
    (tmp_path / "real").chmod(0o444)
    with pytest.raises(StoreError, match="chmod"):
        open_keyring(tmp_path / "home", master_key_file=tmp_path / "link")


def test_a_missing_master_key_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        open_keyring(tmp_path, master_key_file=tmp_path / "none")
    assert not (tmp_path / "keys").exists()


WEAK_KEYS = [
    "",
    "changeme",
    "A" * 44,
    "ä",
    base64.b64encode(b"0123456789abcdef").decode(),
    base64.b64encode(bytes(33)).decode(),
    base64.b64encode(b"password" * 4).decode(),
    "hunter2-hunter2-hunter2-hunter2-hunter2-hunt",
]


@pytest.mark.parametrize("text", WEAK_KEYS)
def test_a_weak_master_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="openssl rand") as refused:
        open_keyring(tmp_path, master_key=Secret(text))
    assert refused.value.field == "WAREHOUSE_SYNC_MASTER_KEY"
    assert not text or text not in refused.value.message


def test_two_master_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not both"):
        open_keyring(tmp_path, master_key=Secret(random_key()), master_key_file=tmp_path / "x")
