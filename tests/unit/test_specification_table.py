"""The table of the specification: every rule has its row, every test that a row names exists, and what has none says so."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "specification.md"
NOT_YET = "not yet"
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    """The cells of every row but for heads and rules."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[-1] != "test" and set(row[0]) != {"-"}]


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("letter", "count"), [("A", 24), ("D", 32)])
def test_every_contradiction_and_decision_has_one_row(letter: str, count: int) -> None:
    found = [row[0] for row in rows() if re.fullmatch(rf"{letter}\d+", row[0])]
    assert found == [f"{letter}{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_every_row_names_a_test_that_exists_or_says_that_there_is_none(row: list[str]) -> None:
    assert len(row) in {3, 4}
    assert all(row), "a cell is empty"
    if row[-1] == NOT_YET:
        return
    named = _TEST.fullmatch(row[-1])
    assert named, row[-1]
    path = ROOT / "tests" / named[1]
    assert path.is_file(), f"there is no tests/{named[1]}"
    assert named[2].startswith("test_")
    assert named[2] in functions_of(path), f"there is no {named[2]} in tests/{named[1]}"


def test_the_page_speaks_of_every_part_of_the_api() -> None:
    text = PAGE.read_text()
    for name in ("connections", "data-models", "pipelines", "status/runs", "/oauth/token", "resolve"):
        assert name in text
    assert len(rows()) > 150


def test_few_rows_have_no_test() -> None:
    without = [row[0] for row in rows() if row[-1] == NOT_YET]
    assert len(without) < len(rows()) / 20, without
