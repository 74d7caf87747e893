"""Starting and stopping the two servers of the demonstration: the local Snowflake and the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / ".run"
HOME = RUN / "home"
SHOP = RUN / "snowflake"
CREDENTIALS = RUN / "demo.json"
EMULATOR_PYTHON = ROOT / ".venvs" / "snowflake" / "bin" / "python"
USER, PASSWORD = "demo", "demo-password"

_READY = "listening on "


class ServerError(Exception):
    """A server did not start; the message holds the end of what it wrote."""


@contextmanager
def snowflake(customers: int) -> Iterator[str]:
    """The local Snowflake with its shop on disk; gives its address."""
    command = [
        *(str(EMULATOR_PYTHON), str(ROOT / "emulators" / "snowflake" / "server.py"), "--port", "0"),
        *("--user", USER, "--password", PASSWORD, "--data", str(SHOP), "--sample", str(customers)),
    ]
    with _server("the local Snowflake", command, {}) as address:
        yield address


@contextmanager
def service(home: Path, endpoint: str, port: int) -> Iterator[str]:
    """The service, pointed at the local Snowflake; gives its address."""
    command = [sys.executable, "-m", "warehouse_sync", "serve", "--home", str(home), "--port", str(port)]
    with _server("the service", command, {"WAREHOUSE_SYNC_SNOWFLAKE_ENDPOINT": endpoint}) as address:
        yield address


def administer(*arguments: str) -> dict[str, Any]:
    """Runs an administrative command on the demonstration's home and returns its JSON."""
    command = [sys.executable, "-m", "warehouse_sync", *arguments, "--home", str(HOME), "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise ServerError(f"warehouse-sync {' '.join(arguments[:2])} failed:\n{done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def _server(name: str, command: list[str], environment: dict[str, str]) -> Iterator[str]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _wait_until_ready(name, process)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(name: str, process: subprocess.Popen[str]) -> str:
    output = process.stdout
    if output is None:
        raise ServerError(f"{name} has no output")
    last: deque[str] = deque(maxlen=20)
    for line in output:
        if line.startswith(_READY):
            threading.Thread(target=_drain, args=(output,), daemon=True).start()
            return line.removeprefix(_READY).strip()
        last.append(line)
    raise ServerError(f"{name} did not start:\n{''.join(last)}")


def _drain(output: IO[str]) -> None:
    """A server whose output nobody reads would stop at a full pipe."""
    for _ in output:
        pass
