"""Conversations through a real child process, with the real DuckDB adapter and the test double around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.fixtures.duckdb_shop import make_shop
from tests.fixtures.scripted_warehouse import MODULE, scripted_address
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import RunError, WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.sync.spool import SpoolRequest, open_spool
from warehouse_sync.sync.worker import Conversation, Deadlines, Progress, WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.policy import WarehousePolicy

ROOT = Path(__file__).resolve().parents[3]
ROWS = 5000
PROBE = "SELECT * FROM people LIMIT 0"
ALL = "SELECT * FROM people"
FAULTS = ["drop", "retype", "rename", "null", "die", "crash"]


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    make_shop(tmp_path / "root", ROWS)
    (tmp_path / "scratch").mkdir()
    policy = WarehousePolicy(duckdb_root=str(tmp_path / "root"), scripted_module=MODULE)
    return WorkerSettings(
        policy, scratch=tmp_path / "scratch", grace_seconds=1, import_paths=(str(ROOT), str(ROOT / "src"))
    )


def request(tmp_path: Path) -> SpoolRequest:
    return SpoolRequest(tmp_path / "spool", "updated_at", max_rows=ROWS, chunk_rows=1000)


def fetch(settings: WorkerSettings, address: WarehouseAddress, tmp_path: Path) -> None:
    with WarehouseWorker(settings).conversation(address, "tag") as conversation:
        conversation.probe(PROBE)
        conversation.fetch(ALL, request(tmp_path))


def test_a_whole_run_in_one_conversation(settings: WorkerSettings, tmp_path: Path) -> None:
    progress: list[Progress] = []
    with WarehouseWorker(settings).conversation(scripted_address("shop.duckdb"), "tag") as conversation:
        conversation.check()
        schema = conversation.probe(PROBE)
        assert schema.names == ["id", "email", "score", "even", "tags", "spent", "updated_at"]
        assert conversation.count("SELECT count(*) FROM people") == ROWS
        manifest = conversation.fetch(ALL, request(tmp_path), progress.append)
        pid = conversation.pid
    assert progress[0].phase == "fetch"
    assert progress[-1].phase == "seal"
    assert progress[-1].rows == manifest.rows == ROWS
    spool = open_spool(tmp_path / "spool")
    assert spool is not None
    assert spool.manifest == manifest
    stamps = [stamp for chunk in spool.chunks() for stamp in spool.read(chunk).column("updated_at").to_pylist()]
    assert stamps == sorted(stamps)
    assert not psutil.pid_exists(pid)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_preview_gives_the_first_rows(settings: WorkerSettings) -> None:
    worker = WarehouseWorker(settings)
    address = WarehouseAddress("duckdb", {"database": "shop.duckdb"})
    assert worker.preview(address, "SELECT id FROM people ORDER BY id", rows=3).to_pydict() == {"id": [0, 1, 2]}
    assert worker.preview(address, "SELECT id FROM people WHERE false").num_rows == 0
    assert worker.probe(address, "SELECT id FROM people LIMIT 0").names == ["id"]
    worker.check(address)


def test_errors_come_back_as_they_were(settings: WorkerSettings) -> None:
    worker = WarehouseWorker(settings)
    with pytest.raises(WarehouseError) as caught:
        worker.check(WarehouseAddress("duckdb", {"database": "../shop.duckdb"}))
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.EGRESS_DENIED, WarehouseStep.CONFIGURE)
    assert caught.value.field == "database"
    assert caught.value.code == "warehouse_egress_denied"
    with pytest.raises(WarehouseError, match="no warehouse type"):
        worker.check(WarehouseAddress("oracle", {}))


def test_a_driver_error_does_not_end_the_conversation(settings: WorkerSettings) -> None:
    with WarehouseWorker(settings).conversation(scripted_address("shop.duckdb"), "tag") as conversation:
        with pytest.raises(WarehouseError):
            conversation.probe("SELECT nothing")
        assert conversation.count("SELECT count(*) FROM people") == ROWS


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("position", [0, 1, 2500, 4950])
def test_a_failed_fetch_never_seals_and_the_next_one_succeeds(
    settings: WorkerSettings, tmp_path: Path, fault: str, position: int
) -> None:
    with pytest.raises((WarehouseError, RunError)) as caught:
        fetch(settings, scripted_address("shop.duckdb", fault=f"{fault}-after:{position}"), tmp_path)
    if fault != "null":
        assert caught.value.transient
    assert "secret-in-a-driver" not in caught.value.message
    assert open_spool(tmp_path / "spool") is None
    fetch(settings, scripted_address("shop.duckdb"), tmp_path)
    spool = open_spool(tmp_path / "spool")
    assert spool is not None
    assert spool.manifest.rows == ROWS


def test_a_killed_child_is_said_to_have_died(settings: WorkerSettings, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="signal 9") as caught:
        fetch(settings, scripted_address("shop.duckdb", fault="die-after:2000"), tmp_path)
    assert (caught.value.code, caught.value.transient) == ("worker_died", True)


def test_memory_is_limited(settings: WorkerSettings, tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        fetch(replace(settings, memory_limit_mb=700), scripted_address("shop.duckdb", fault="hoard-after:0"), tmp_path)
    assert (caught.value.code, caught.value.transient) == ("worker_died", True)


@pytest.mark.parametrize("fault", ["stall", "deaf"])
def test_silence_is_noticed(settings: WorkerSettings, tmp_path: Path, fault: str) -> None:
    impatient = replace(settings, deadlines=Deadlines(silence=1.5))
    started = time.monotonic()
    with pytest.raises(WarehouseError) as caught:
        fetch(impatient, scripted_address("shop.duckdb", fault=f"{fault}-after:2000"), tmp_path)
    assert (caught.value.fault, caught.value.step) == (WarehouseFault.TIMED_OUT, WarehouseStep.FETCH)
    assert time.monotonic() - started < 1.5 + 5


@pytest.mark.parametrize("fault", ["stall", "deaf"])
def test_a_cancelled_run_ends_within_the_grace(settings: WorkerSettings, tmp_path: Path, fault: str) -> None:
    cancelled = threading.Event()
    threading.Timer(1, cancelled.set).start()
    worker = WarehouseWorker(settings)
    started = time.monotonic()
    address = scripted_address("shop.duckdb", fault=f"{fault}-after:2000")
    with worker.conversation(address, "tag", cancelled=cancelled.is_set) as conversation:
        conversation.probe(PROBE)
        with pytest.raises(RunError) as caught:
            conversation.fetch(ALL, request(tmp_path))
    assert caught.value.code == "cancelled"
    assert time.monotonic() - started < 1 + settings.grace_seconds + 3
    assert open_spool(tmp_path / "spool") is None


def test_the_row_limit_stops_the_fetch(settings: WorkerSettings, tmp_path: Path) -> None:
    with WarehouseWorker(settings).conversation(scripted_address("shop.duckdb"), "tag") as conversation:
        conversation.probe(PROBE)
        with pytest.raises(RunError) as caught:
            conversation.fetch(ALL, replace(request(tmp_path), max_rows=ROWS - 1))
    assert caught.value.code == "too_many_records"


def test_secrets_are_in_no_argument_and_no_variable(settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_SYNC_MASTER_KEY", "canary-of-the-service")
    address = replace(scripted_address("shop.duckdb"), secrets={"password": Secret("canary-of-the-customer")})

    def look(conversation: Conversation) -> str:
        child = psutil.Process(conversation.pid)
        return " ".join([*child.cmdline(), *child.environ(), *child.environ().values()])

    with WarehouseWorker(settings).conversation(address, "tag") as conversation:
        seen = look(conversation)
    assert "canary" not in seen
    assert "WAREHOUSE_SYNC_" not in seen


PARENT = """
import sys, time
from pathlib import Path
from tests.fixtures.scripted_warehouse import MODULE, scripted_address
from warehouse_sync.sync.worker import WarehouseWorker, WorkerSettings
from warehouse_sync.warehouses.policy import WarehousePolicy
policy = WarehousePolicy(duckdb_root=sys.argv[1], scripted_module=MODULE)
settings = WorkerSettings(policy, scratch=Path(sys.argv[1]), import_paths=tuple(sys.path))
with WarehouseWorker(settings).conversation(scripted_address("shop.duckdb"), "tag") as conversation:
    print(conversation.pid, flush=True)
    time.sleep(60)
"""


def test_the_child_dies_with_its_parent(settings: WorkerSettings) -> None:
    root = settings.policy.duckdb_root
    assert root is not None
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, root], stdout=subprocess.PIPE, env=environment, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
