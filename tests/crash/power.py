"""R10, as far as it can be shown without cutting power: what is acknowledged was synced before, in an order that a cut cannot harm.

The service runs under ``strace``. A spool's files are synced, then the names in its folder, then its manifest under another name, which
then gets its own, and the folder is synced once more. A profile store that is new gets its name when it is whole. A request that writes is
answered after the control database's log was synced, a chunk is counted after the store's was.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from tests.crash.report import Outcome
from tests.crash.stage import CHUNK_ROWS, ROWS, Stage, make_stage
from tests.fixtures.service import RunningService, clean_environment
from warehouse_sync.client import WarehouseSyncClient
from warehouse_sync.domain.secret import Secret

_CALLS: Final = "fsync,fdatasync,rename,renameat,renameat2"
_LINE: Final = re.compile(r"^\d+ +(?P<at>[\d.]+) (?P<call>\w+)\((?P<rest>.*)\) += 0$")
_DESCRIPTOR: Final = re.compile(r"^\d+<([^>]*)>")
_NAMES: Final = re.compile(r'"([^"]*)"')
_CHUNKS: Final = ROWS // CHUNK_ROWS


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded: ``sync`` of a path, or ``rename`` to one."""

    at: float
    kind: str
    path: Path
    origin: Path | None = None


def calls_of(trace: Path) -> list[Call]:
    """What a trace tells, in order."""
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        at, rest = float(match["at"]), match["rest"]
        if match["call"].startswith("rename"):
            origin, path = _NAMES.findall(rest)[:2]
            found.append(Call(at, "rename", Path(path), Path(origin)))
        elif descriptor := _DESCRIPTOR.match(rest):
            found.append(Call(at, "sync", Path(descriptor[1])))
    return found


def wrong_order(stage: Stage, calls: list[Call], triggered: tuple[float, float]) -> list[str]:
    """What was not synced, or not in time."""
    found = _wrong_spool(calls) + _wrong_rename(calls, f"{stage.store.name}.new", stage.store.name)
    logs = [call for call in calls if call.kind == "sync" and call.path.name == "control.db-wal"]
    if not any(triggered[0] <= call.at <= triggered[1] for call in logs):
        found.append("a trigger was answered before the control database's log was synced")
    stored = [call for call in calls if call.kind == "sync" and call.path.name == f"{stage.store.name}.wal"]
    if len(stored) < _CHUNKS:
        found.append(f"{_CHUNKS} chunks were committed with {len(stored)} syncs of the store's log")
    return found


def _wrong_spool(calls: list[Call]) -> list[str]:
    found = _wrong_rename(calls, "manifest.json.new", "manifest.json")
    seal = next((number for number, call in enumerate(calls) if call.path.name == "manifest.json"), len(calls))
    before = [call for call in calls[:seal] if call.kind == "sync"]
    chunks = [number for number, call in enumerate(before) if call.path.suffix == ".arrow"]
    folders = [number for number, call in enumerate(before) if re.fullmatch(r"run-\d+", call.path.name)]
    if len(chunks) < _CHUNKS:
        found.append(f"{len(chunks)} files of the spool were synced before it was sealed")
    if not folders or not chunks or folders[-1] < chunks[-1]:
        found.append("the names in the spool's folder were not synced before it was sealed")
    return found


def _wrong_rename(calls: list[Call], origin: str, name: str) -> list[str]:
    """The file is synced, then named, then its folder is synced."""
    renamed = [number for number, call in enumerate(calls) if call.kind == "rename" and call.path.name == name]
    if not renamed:
        return [f"{name} was not renamed from {origin}"]
    [number] = renamed
    synced_before = any(call.kind == "sync" and call.path.name == origin for call in calls[:number])
    folder_after = any(call.kind == "sync" and call.path == calls[number].path.parent for call in calls[number:])
    return ([] if synced_before else [f"{origin} got its name before it was synced"]) + (
        [] if folder_after else [f"the folder of {name} was not synced after it got its name"]
    )


def traced_run(stage: Stage, trace: Path) -> list[str]:
    """One run under strace; returns what was not synced in time."""
    environment = {
        "WAREHOUSE_SYNC_DUCKDB_ROOT": str(stage.folder),
        "WAREHOUSE_SYNC_CHUNK_ROWS": str(CHUNK_ROWS),
        "WAREHOUSE_SYNC_SPOOL_FREE_MB": "0",
    }
    line = ["strace", "-f", "-y", "-qq", "-ttt", "-s", "4096", "-e", f"trace={_CALLS}", "-o", str(trace)]
    line += [sys.executable, "-m", "warehouse_sync", "serve", "--home", str(stage.home), "--port", "0"]
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment(environment)
    )
    assert process.stdout is not None
    try:
        url = next(
            line.removeprefix("listening on ").strip() for line in process.stdout if line.startswith("listening on ")
        )
        with WarehouseSyncClient(url, stage.access.client_id, Secret(stage.access.client_secret)) as client:
            service = RunningService(url, process, client)
            before = time.time()
            number = service.workspace.trigger("p")
            triggered = (before, time.time())
            assert service.wait_for_run("p", number, 120)["pipeline_run_state"] == "success"
    finally:
        with suppress(psutil.Error):
            for child in psutil.Process(process.pid).children():
                child.terminate()
        process.wait(60)
        process.stdout.close()
    return wrong_order(stage, calls_of(trace), triggered)


def campaign(trials: int, _seed: int) -> Outcome:
    """``trials`` runs, if there is strace here."""
    if shutil.which("strace") is None:
        return Outcome(0, (), "strace is not installed here")
    failures: list[str] = []
    with TemporaryDirectory(prefix="power-") as name:
        untouched = make_stage(Path(name) / "untouched")
        for number in range(trials):
            with untouched.copied(Path(name) / str(number)) as stage:
                failures += traced_run(stage, Path(name) / "trace")
    return Outcome(trials, failures, "by the order of system calls; no power was cut")
