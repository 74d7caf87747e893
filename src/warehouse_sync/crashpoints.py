"""Named moments at which a test may kill the process.

A no-op unless the environment names the point: ``WHSYNC_TEST_CRASH_AT=chunk_after_commit`` kills at its first passing,
``…=chunk_after_commit:3`` at its third. A point that the child of a fetch passes kills the child, and with ``@service`` behind it,
``…=spool_sealed@service``, its parent too. Only tests set it; ``serve`` warns when it is set.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

VARIABLE: Final = "WHSYNC_TEST_CRASH_AT"
_WITH_PARENT: Final = "service"

_passed: Counter[str] = Counter()


def crashpoint(name: str) -> None:
    """Dies here as if by power loss of the process, if the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    moment, _, victim = wanted.partition("@")
    point, _, times = moment.partition(":")
    if point != name:
        return
    _passed[name] += 1
    if _passed[name] < int(times or 1):
        return
    if victim == _WITH_PARENT:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
