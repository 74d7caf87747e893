"""What planning asks costs the same after years of runs: every query of it goes down an index (SQLite)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from warehouse_sync.catalog import high_water, runs
from warehouse_sync.catalog.database import Database, Transaction, open_database
from warehouse_sync.domain.interval import Interval
from warehouse_sync.domain.run import RunKind, RunRequest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEXT = RunRequest(RunKind.SCHEDULED, NOW, Interval(NOW, NOW + HOUR))
BY_END = "ix_runs_pipeline_interval_end"
BY_DATE = {"ix_runs_pipeline_logical_date", "uq_runs_scheduled"}
UNFINISHED = {"ix_runs_state", "uq_runs_unfinished"}
_USED = re.compile(r"^SEARCH (?:runs|other) USING (?:COVERING )?INDEX (\w+)")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    yield database
    database.close()


@pytest.mark.parametrize(
    ("ask", "useful"),
    [
        (lambda tx: high_water.last_success_end(tx, 1), {BY_END}),
        (lambda tx: high_water.last_success_on(tx, 1), {BY_END}),
        (lambda tx: high_water.given_up(tx, 1, after=NOW), {BY_END}),
        (lambda tx: high_water.last_date(tx, 1, read_to=NOW), BY_DATE),
        (lambda tx: high_water.is_date_of_later_failure(tx, 1, NEXT), BY_DATE),
        (lambda tx: runs.may_be_created(tx, 1, NEXT), BY_DATE | {"uq_runs_unfinished"}),
        (lambda tx: runs.failed_of_date(tx, 1, NOW), BY_DATE),
        (lambda tx: runs.unfinished_of(tx, 1), {"uq_runs_unfinished"}),
        (
            lambda tx: runs.due_retries(tx, now=NOW, longest_pause=HOUR),
            UNFINISHED | {"ix_runs_retry_on"},
        ),
        (runs.resumable, UNFINISHED | {"ix_runs_retry_on"}),
        (runs.unfinished, UNFINISHED),
        (runs.leases, UNFINISHED),
    ],
)
def test_a_query_of_planning_goes_down_an_index(
    sqlite: Database, ask: Callable[[Transaction], object], useful: set[str]
) -> None:
    with sqlite.read() as tx:
        plans = plans_of(tx, ask)
    used = {found.group(1) for step in plans if (found := _USED.match(step))}
    assert used, plans
    assert used <= useful, plans
    assert [step for step in plans if step.startswith("SCAN")] == []


def plans_of(tx: Transaction, ask: Callable[[Transaction], object]) -> list[str]:
    """How SQLite answers each statement of a question, step by step."""
    said: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        said.append((statement, parameters))

    sa.event.listen(tx.engine, "before_cursor_execute", note)
    try:
        ask(tx)
    finally:
        sa.event.remove(tx.engine, "before_cursor_execute", note)
    return [
        row.detail
        for statement, parameters in said
        for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
