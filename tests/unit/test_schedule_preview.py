"""``warehouse-sync schedule preview`` without a service."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from warehouse_sync.cli.main import app
from warehouse_sync.errors import InvalidRequest


def preview(*words: str) -> tuple[list[tuple[str, str, str]], str]:
    done = CliRunner().invoke(app, ["schedule", "preview", *words, "--output", "json"], catch_exceptions=False)
    return [tuple(row.values()) for row in json.loads(done.stdout)], done.stderr


def test_month_ends_clamp_and_return() -> None:
    rows, said = preview("--interval", "monthly", "--start", "2025-01-31T00:00:00Z", "--now", "2025-02-01T00:00:00Z")
    assert len(rows) == 10
    assert [start[:10] for start, _, _ in rows[:4]] == ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]
    assert said == ""


def test_offset_and_settle_delay_show_and_what_is_skipped_is_said() -> None:
    rows, said = preview(
        *("--interval", "hourly", "--start", "2025-01-01T00:00:00Z", "--now", "2025-02-01T00:00:00Z"),
        *("--offset", "600", "--settle-delay", "60", "--count", "1"),
    )
    assert rows == [("2025-01-24T23:50:00Z", "2025-01-25T00:50:00Z", "2025-01-25T01:01:00Z")]
    assert "2024-12-31T23:50:00Z to 2025-01-24T23:50:00Z" in said


def test_an_end_ends_it_and_a_default_start_is_the_services_own() -> None:
    words = ("--interval", "hourly", "--now", "2025-02-01T00:00:07Z", "--end", "2025-01-25T02:30:00Z")
    rows, _ = preview(*words)
    assert [start for start, _, _ in rows] == ["2025-01-25T00:00:00Z", "2025-01-25T01:00:00Z"]


def test_once_has_one_interval() -> None:
    rows, _ = preview("--interval", "once", "--now", "2025-02-01T00:00:07Z")
    assert rows == [("0001-01-01T00:00:00Z", "2025-02-01T00:00:07Z", "2025-02-01T00:00:07Z")]


@pytest.mark.parametrize("words", [(), ("--interval", "on_demand"), ("--interval", "daily", "--pipeline", "p")])
def test_what_has_no_answer_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest):
        preview(*words)
