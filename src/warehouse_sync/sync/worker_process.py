"""Starting, hearing and ending the child process in which a driver runs."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from warehouse_sync import crashpoints
from warehouse_sync.sync.worker_messages import Message, line

_CHILD: Final = "warehouse_sync.sync.child"
_INHERITED: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "PYTHONPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    crashpoints.VARIABLE,
)
_ALLOCATION: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
"""Arrow's own allocator reserves a gibibyte at a time and glibc an arena per thread, which a limit on allocation would count as used."""
_AT_HOME: Final = {"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true", "AWS_EC2_METADATA_DISABLED": "true"}
"""Snowflake's 5.x core asks the cloud's metadata addresses, past the egress policy, which cloud it runs in, unless told not to."""
_STDERR_LINES: Final = 40
_STDERR_LINE_BYTES: Final = 500


class ChildGone(Exception):
    """The child ended without an answer. ``status`` as ``subprocess`` gives it: negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the child ended with status {status}")
        self.status = status


class ChildProcess:
    """A running child and the pipes to it. It gets a scratch folder as its home, which goes when it ends."""

    def __init__(self, scratch: Path | None, import_paths: Sequence[str] = ()) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="worker-", dir=scratch))
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(self._home, import_paths),
            cwd=self._home,
            start_new_session=True,  # Ctrl-C at the terminal is for us: we end the child in our own order
        )
        self._threads = [
            threading.Thread(target=self._hear, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._keep_stderr, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, message: Message) -> None:
        """Sends one message. A child that is gone is noticed when it is heard."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(line(message))
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return

    def hear(self, seconds: float) -> Message | None:
        """The next message; None if none came in time.

        Raises:
            ChildGone: the child ended, and all it said was heard.
        """
        try:
            message = self._messages.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None
        if message is None:
            self._messages.put(None)  # for whoever listens next
            raise ChildGone(self._process.wait())
        return message

    def diagnostics(self) -> str:
        """The last lines the child wrote to standard error. May hold what a driver knows: never show it unredacted."""
        return "\n".join(self._stderr)

    def end(self, seconds: float) -> None:
        """Closes the pipes, gives the child some time to go, then kills it. Returns when it is gone."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self.say({"verb": "close"})
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        for thread in self._threads:
            thread.join()
        shutil.rmtree(self._home, ignore_errors=True)

    def _hear(self, pipe: IO[bytes]) -> None:
        with pipe:
            for text in pipe:
                try:
                    self._messages.put(json.loads(text))
                except ValueError:  # cut off by its death
                    break
        self._messages.put(None)

    def _keep_stderr(self, pipe: IO[bytes]) -> None:
        with pipe:
            while text := pipe.readline(_STDERR_LINE_BYTES):
                self._stderr.append(text.decode(errors="replace").rstrip())


def _environment(home: Path, import_paths: Sequence[str]) -> dict[str, str]:
    """Nothing of ours: no settings, no keys, no proxies. Drivers look for their files in a home that is empty."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if import_paths:
        paths = [*import_paths, *filter(None, [inherited.get("PYTHONPATH")])]
        inherited["PYTHONPATH"] = os.pathsep.join(paths)
    folders = {"HOME": str(home), "TMPDIR": str(home), "SNOWFLAKE_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return {**inherited, **folders, **_ALLOCATION, **_AT_HOME, "TZ": "UTC"}
