"""The home's lock: a second service is kept out and told by whom; a dead holder's lock is free."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse_sync.errors import StoreError
from warehouse_sync.home import Home, exclusive

NOW = datetime(2023, 2, 1, 12, tzinfo=UTC)
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse_sync.home import Home, exclusive
with exclusive(Home(Path(sys.argv[1])), address="http://127.0.0.1:8080", now=datetime(2023, 2, 1, 12, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "a home")
    found.make()
    return found


def hold(home: Home) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str], how: signal.Signals) -> None:
    holder.send_signal(how)
    holder.wait(10)
    holder.stdin.close()
    holder.stdout.close()


def test_a_second_process_is_refused_and_told_by_whom(home: Home) -> None:
    holder = hold(home)
    try:
        with pytest.raises(StoreError) as refused, exclusive(home, address="x", now=NOW):
            pytest.fail("two services hold one home")
    finally:
        end(holder, signal.SIGKILL)
    assert refused.value.code == "home_in_use"
    for part in (
        str(home.folder),
        str(holder.pid),
        socket.gethostname(),
        "http://127.0.0.1:8080",
        "2023-02-01T12:00:00Z",
        "--home",
    ):
        assert part in refused.value.message


def test_the_lock_is_free_when_the_holder_is_killed(home: Home) -> None:
    end(hold(home), signal.SIGKILL)
    with exclusive(home, address="http://here", now=NOW):
        holder = json.loads(home.lock.read_bytes())
    assert holder == {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "address": "http://here",
        "since": "2023-02-01T12:00:00Z",
    }


def test_the_refused_one_does_not_disturb_the_holder(home: Home) -> None:
    with exclusive(home, address="http://first", now=NOW):
        for _ in range(2):
            with pytest.raises(StoreError, match="http://first"), exclusive(home, address="http://second", now=NOW):
                pytest.fail("two services hold one home")


def test_the_lock_is_free_after_the_block_even_when_it_raises(home: Home) -> None:
    with pytest.raises(RuntimeError), exclusive(home, address="a", now=NOW):
        raise RuntimeError
    with exclusive(home, address="b", now=NOW):
        pass


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_a_lock_file_that_says_nothing_still_refuses(home: Home, content: bytes) -> None:
    with exclusive(home, address="a", now=NOW):
        home.lock.write_bytes(content)
        with pytest.raises(StoreError, match="another process"), exclusive(home, address="b", now=NOW):
            pytest.fail("two services hold one home")


def test_a_longer_old_text_leaves_no_tail(home: Home) -> None:
    home.lock.write_bytes(b"x" * 5000)
    with exclusive(home, address="a", now=NOW):
        assert json.loads(home.lock.read_bytes())["address"] == "a"


def test_the_address_can_be_told_when_it_is_known(home: Home) -> None:
    with exclusive(home, address="http://127.0.0.1:0", now=NOW) as tell:
        tell("http://h:1")
        assert json.loads(home.lock.read_bytes())["address"] == "http://h:1"


def test_the_folder_is_the_owners_alone(home: Home) -> None:
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    with exclusive(home, address="a", now=NOW):
        assert stat.S_IMODE(home.lock.stat().st_mode) == 0o600
    home.make()  # again is no mistake


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(StoreError, match=re.escape(str(folder))) as refused:
            Home(folder).make()
        assert refused.value.code == "home_unusable"


def test_everything_lies_inside_the_folder(home: Home) -> None:
    for path in (home.profiles, home.spools, home.scratch, home.lock):
        assert path.parent == home.folder


def test_scratch_is_emptied_of_what_dead_children_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(2):
        home.empty_scratch()
        assert list(home.scratch.iterdir()) == []
        assert home.scratch.stat().st_mode & 0o077 == 0
        (home.scratch / "worker-x").mkdir()
        (home.scratch / "worker-x" / "spill").write_text("x")


def test_a_lock_that_a_full_disk_leaves_no_room_for_is_a_clear_error(home: Home) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # a file cannot grow, as on a full disk
    try:
        with pytest.raises(StoreError, match=r"serve\.lock cannot be written: ") as caught:
            _take(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "home_unusable"
    _take(home)


def test_a_lock_that_cannot_be_opened_is_a_clear_error(home: Home) -> None:
    home.lock.mkdir()
    with pytest.raises(StoreError, match=r"serve\.lock cannot be written: Is a directory"):
        _take(home)


def _take(home: Home) -> None:
    with exclusive(home, address="http://127.0.0.1:8080", now=NOW):
        pass
