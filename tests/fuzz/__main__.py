"""``make fuzz``: the long versions of the hostile tests, and one table of what they found. Exit code 1 if they found anything."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.fuzz.api import attack, summary
from tests.fuzz.target import target
from tests.unit.sql.golden_cases import DIALECT_NAMES
from tests.unit.sql.test_guard import WORST_CASES
from warehouse_sync.errors import SqlRefused
from warehouse_sync.sql.guard import check_query
from warehouse_sync.sql.wrap import probe

_EXAMPLES = 20
_FAILED = re.compile(r"(\d+) (?:failed|error)")
_console = Console()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    what: str
    cases: str
    failures: int
    seconds: float


def api(cases: int, seed: int) -> Line:
    """Requests made from the API's document, to a real service process."""
    with (
        tempfile.TemporaryDirectory() as folder,
        target(Path(folder), limit_active_pipelines="1000") as victim,
    ):
        found = attack(
            victim.service.url, victim.token, victim.access, cases=cases, examples=_EXAMPLES, seed=seed, thorough=True
        )
        errors = [line for line in victim.service.log if '"level": "error"' in line]
    for line in [*summary(found), *errors]:
        _console.print(line, markup=False, highlight=False)
    return Line(
        "requests from the API's document", str(found.requests), len(found.failures) + len(errors), found.seconds
    )


def pytest_line(what: str, cases: str, path: str, **environment: str) -> Line:
    """A test file, run with more cases than usual."""
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", "-n", "2", path]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    failures = sum(map(int, _FAILED.findall(done.stdout[-2000:])))
    if done.returncode != 0:
        _console.print(done.stdout[-8000:], markup=False, highlight=False)
    return Line(what, cases, failures or int(done.returncode != 0), time.monotonic() - started)


def guard_cost() -> Line:
    """The dearest texts of 64 KiB, checked and wrapped, in processor time; a failure is one above 0.3 s (figure S10)."""
    started, dearest, failures = time.monotonic(), (0.0, ""), 0
    for dialect in DIALECT_NAMES:
        check_query("SELECT 1", dialect)
        for name, text in WORST_CASES.items():
            took = min(_cost(text, dialect) for _ in range(5))
            failures += took > 0.3
            dearest = max(dearest, (took, f"{name}, {dialect}"))
    what = f"dearest SQL texts (the dearest: {dearest[0] * 1000:.0f} ms, {dearest[1]})"
    return Line(what, str(len(WORST_CASES) * len(DIALECT_NAMES)), failures, time.monotonic() - started)


def _cost(text: str, dialect: str) -> float:
    started = time.process_time()
    with contextlib.suppress(SqlRefused):
        probe(check_query(text, dialect))
    return time.process_time() - started


def main() -> int:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--cases", type=int, default=5_000, help="requests made from the API's document")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    scale = max(1, options.cases // 1_000)
    mutations, sequences = 20_000 * scale, 100 * scale
    _console.print(f"seed {options.seed}")
    lines = [
        api(options.cases, options.seed),
        pytest_line(
            "mutated SQL texts, per dialect", str(mutations), "tests/security/test_sql_escape.py",
            SQL_MUTATIONS=str(mutations), SQL_MUTATION_SEED=str(options.seed),
        ),
        guard_cost(),
        pytest_line(
            "random sequences of 50 requests", str(sequences), "tests/api/test_api_machine.py", MACHINE_EXAMPLES=str(sequences)
        ),
        pytest_line("searches for secrets after a session", "1", "tests/security/test_canaries.py"),
    ]  # fmt: skip
    table = Table("what", "cases", "failures", "seconds")
    for line in lines:
        table.add_row(line.what, line.cases, str(line.failures), f"{line.seconds:.0f}")
    _console.print(table)
    return int(any(line.failures for line in lines))


if __name__ == "__main__":
    sys.exit(main())
