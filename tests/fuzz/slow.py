"""``make slow``: a thousand connections that take their time, for minutes, and what everybody else notices of them (figure S12).

An attacker process keeps so many connections open to the real service; whatever the service closes is opened anew. Of each four, one says
nothing, one sends its headers a byte at a time, one its body, and one reads a long answer a byte at a time. Meanwhile a normal client asks
at a fixed rate, and its slowest answers are compared with those of the time before and after the attack. Exit code 1 if the 99th percentile
is more than twice as long, or if a normal request fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from tests.fixtures.service import WORKSPACE
from tests.fuzz.target import Target, target

_PAUSE_SECONDS = 1.0
_PATH = f"/platform/experimental/workspaces/{WORKSPACE}/inputs/warehouse/connections"
_HEADS = (
    b"",
    b"GET /health HTTP/1.1\r\nHost: t\r\nX-Long: ",
    b"POST /oauth/token HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n",
    b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n",
)


async def _hold(host: str, port: int, head: bytes, counts: Counter[str]) -> None:
    """One slow connection after the other, until cancelled."""
    reads = head.startswith(b"GET /openapi")
    while True:
        with suppress(OSError):
            plug = socket.socket()
            plug.setblocking(False)
            plug.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, 2048
            )  # else the system takes a whole long answer at once
            await asyncio.get_running_loop().sock_connect(plug, (host, port))
            reader, writer = await asyncio.open_connection(sock=plug, limit=1)
            counts["opened"] += 1
            try:
                writer.write(head)
                while not reader.at_eof() or reads:
                    if head and not reads:
                        writer.write(b"x")
                    ended = await reader.read(1) == b"" if reads else writer.is_closing()
                    if ended:
                        break
                    await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                writer.close()
            counts["closed by the service"] += 1
        await asyncio.sleep(0.1)


async def _attack(url: str, connections: int) -> None:
    """Runs until standard input ends."""
    counts: Counter[str] = Counter()
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    tasks = []
    for number in range(connections):
        tasks.append(asyncio.create_task(_hold(parts.hostname or "", parts.port or 0, _HEADS[number % 4], counts)))
        await asyncio.sleep(0.002)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    sys.stdout.write(json.dumps(counts))


def ask(victim: Target, seconds: float, rate: float) -> list[float]:
    """Seconds that each normal request took, by turns on a connection that is kept and on a new one.

    Raises:
        httpx.HTTPError: one failed.
    """
    took: list[float] = []
    headers = {"Authorization": f"Bearer {victim.token}"}
    began = time.monotonic()
    with httpx.Client(base_url=victim.service.url, headers=headers, timeout=30) as kept:
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            started = time.monotonic()
            if number % 2:
                kept.get(_PATH).raise_for_status()
            else:
                httpx.get(victim.service.url + _PATH, headers=headers, timeout=30).raise_for_status()
            took.append(time.monotonic() - started)
    return took


def percentile(took: list[float], percent: int) -> float:
    """In milliseconds."""
    return statistics.quantiles(took, n=100)[percent - 1] * 1000


def run(connections: int, seconds: float, rate: float, idle_seconds: float) -> bool:
    """Prints the table; whether the figure is met."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as victim:
        process = psutil.Process(victim.service.process.pid)
        ask(victim, 2, rate)
        idle = ask(victim, idle_seconds, rate)
        before, worked = process.memory_info().rss, sum(process.cpu_times()[:2])
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.slow",
            "--attack",
            victim.service.url,
            "--connections",
            str(connections),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == "ready\n"
            attacked = ask(victim, seconds, rate)
            worked = (sum(process.cpu_times()[:2]) - worked) / (time.monotonic() - began)
            descriptors, grown = process.num_fds(), process.memory_info().rss - before
            attacked_counts = json.loads(attacker.communicate("")[0])
        time.sleep(2)
        idle += ask(victim, idle_seconds, rate)
    ratio = percentile(attacked, 99) / percentile(idle, 99)
    table = Table("", "requests", "median ms", "p99 ms", "longest ms")
    for name, took in (
        ("idle, before and after", idle),
        (f"{connections} slow connections, {seconds:.0f} s", attacked),
    ):
        table.add_row(
            name,
            str(len(took)),
            f"{statistics.median(took) * 1000:.1f}",
            f"{percentile(took, 99):.1f}",
            f"{max(took) * 1000:.1f}",
        )
    console.print(table)
    console.print(f"p99 {ratio:.2f} times idle (to reach: below 2); {attacked_counts}")
    console.print(
        f"{descriptors} descriptors, {grown >> 20} MiB more memory at the end of the attack; {worked:.0%} of a core worked"
    )
    return ratio < 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="make slow")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=20, help="normal requests per second")
    parser.add_argument("--attack", metavar="URL", help="be the attacker")
    options = parser.parse_args()
    if options.attack:
        asyncio.run(_attack(options.attack, options.connections))
        return 0
    return int(not run(options.connections, options.seconds, options.rate, options.idle_seconds))


if __name__ == "__main__":
    sys.exit(main())
