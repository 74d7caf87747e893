"""The page of reliability says what was measured, no more; a run of one campaign leaves the rows of the others alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.__main__ import measure, selected
from tests.crash.campaigns import CAMPAIGNS, ELSEWHERE
from tests.crash.report import PAGE, Campaign, Outcome, Row, read_rows, render, seeds_said, write_row

ROW = Row(10, 0, (1,), ("2026-03-01", "2026-03-01"), 60)


def campaign(name: str, *failures: str) -> Campaign:
    return Campaign("R1", name, "Something holds.", 10, lambda trials, _seed: Outcome(trials, failures))


def line_of(row: Row | None) -> str:
    return render([campaign("a")], {} if row is None else {"a": row}, ()).splitlines()[-1]


def test_the_page_is_what_the_rows_say() -> None:
    assert PAGE.read_text() == render(CAMPAIGNS, read_rows(), ELSEWHERE), "run: .venv/bin/python -m tests.crash --page"


def test_every_row_belongs_to_a_campaign() -> None:
    assert set(read_rows()) <= {campaign.name for campaign in CAMPAIGNS}
    assert len({campaign.name for campaign in CAMPAIGNS}) == len(CAMPAIGNS)


def test_a_run_replaces_its_row_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_row("a", ROW, add=False, path=path)
    write_row("b", ROW, add=False, path=path)
    write_row("a", replace(ROW, trials=5, failures=1), add=False, path=path)
    assert read_rows(path) == {"a": replace(ROW, trials=5, failures=1), "b": ROW}


def test_a_run_can_add_to_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_row("a", ROW, add=True, path=path)
    write_row("a", Row(5, 1, (2,), ("2026-03-02", "2026-03-02"), 30), add=True, path=path)
    assert read_rows(path) == {"a": Row(15, 1, (1, 2), ("2026-03-01", "2026-03-02"), 90)}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (None, "**not measured**"),
        (ROW, "met"),
        (replace(ROW, trials=9), "**not met**"),
        (replace(ROW, failures=1), "**not met**"),
    ],
)
def test_a_figure_is_met_by_enough_trials_without_a_failure(row: Row | None, verdict: str) -> None:
    assert f"| {verdict} |" in line_of(row)


def test_failures_are_counted() -> None:
    row = measure(campaign("a", "lost row 7"), 3, seed=5)
    assert (row.trials, row.failures, row.seeds) == (3, 1, (5,))


def test_a_campaign_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit, match="R99"):
        selected("R99")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ((7,), "7"),
        ((1, 2), "1, 2"),
        ((7, 3, 4, 5), "7, 3 to 5"),
        ((100, 200, 300, 7000), "100 to 300 by 100, 7000"),
        ((5, 5, 5, 4, 3), "5, 5, 5, 4, 3"),
    ],
)
def test_seeds_that_follow_each_other_are_said_as_a_range(seeds: tuple[int, ...], said: str) -> None:
    assert seeds_said(seeds) == said


def test_a_note_of_several_runs_is_said_to_be_of_the_last() -> None:
    assert "*hit: 3*" in line_of(replace(ROW, note="hit: 3"))
    assert "*of the last run: hit: 3*" in line_of(replace(ROW, seeds=(1, 2), note="hit: 3"))
