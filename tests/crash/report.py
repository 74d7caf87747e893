"""The figures of reliability: what is promised, what was measured, and the page that says both.

Every campaign owns one row of ``docs/reliability.json``, which a run of it replaces or adds to and no other touches. The page
``docs/reliability.md`` is made from that file and the list of campaigns, and from nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROWS: Final = ROOT / "docs" / "reliability.json"
PAGE: Final = ROOT / "docs" / "reliability.md"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What some trials have shown.

    Attributes:
        trials: how many were made.
        failures: one sentence for each that broke the promise, with what it takes to see it again.
        note: what a reader of the figure should know, e.g. "of 1,012 kills 330 hit a fetch"; may be empty.
    """

    trials: int
    failures: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One way to measure a figure.

    Attributes:
        figure: R1 … R27.
        name: names its row; unique; what ``ONLY=`` takes.
        promise: what a trial is and what must hold, in one sentence.
        wanted: how many trials without a failure meet the figure.
        run: makes about so many trials with a seed: ``run(trials, seed)``.
    """

    figure: str
    name: str
    promise: str
    wanted: int
    run: Callable[[int, int], Outcome] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one campaign, over one or several runs of it.

    Attributes:
        dates: first and last day, ``2026-03-01``.
        seconds: of all runs.
    """

    trials: int
    failures: int
    seeds: tuple[int, ...]
    dates: tuple[str, str]
    seconds: int
    note: str = ""

    def plus(self, later: Row) -> Row:
        return replace(
            later,
            trials=self.trials + later.trials,
            failures=self.failures + later.failures,
            seeds=(*self.seeds, *later.seeds),
            dates=(self.dates[0], later.dates[1]),
            seconds=self.seconds + later.seconds,
        )


def read_rows(path: Path = ROWS) -> dict[str, Row]:
    """What was measured so far, by name of the campaign."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    return {
        name: Row(**{**row, "seeds": tuple(row["seeds"]), "dates": tuple(row["dates"])}) for name, row in found.items()
    }


def write_row(name: str, row: Row, *, add: bool, path: Path = ROWS) -> None:
    """Puts down what was measured; all other rows stay as they are.

    Args:
        add: to what is there already, instead of in its place.
    """
    rows = read_rows(path)
    rows[name] = rows[name].plus(row) if add and name in rows else row
    path.write_text(json.dumps({key: asdict(rows[key]) for key in sorted(rows)}, indent=1) + "\n")


_HEAD: Final = """\
<!-- Made by: make crash   Do not edit. -->
# Reliability

What was tried, how often, and what came of it. A trial without a failure proves little; of *n* trials none failing, the true rate is below
3/*n* with 95 % confidence. A row says *met* when at least the wanted number of trials was made and none of them failed.

Repeat any row by `make crash ONLY=name TRIALS=n SEED=seed`; several names may be given with commas, and a figure's number (`ONLY=R1`)
stands for all its rows. Without `TRIALS` a campaign makes the wanted number, which takes from minutes to hours. A run replaces its row;
`ADD=1` adds to it. A seed decides what is drawn; what the operating system does meanwhile, it does not decide. Short versions of these
campaigns run with every change.

| figure | name | a trial, and what must hold | wanted | trials | failures | | seeds | dates | minutes |
|---|---|---|---:|---:|---:|---|---|---|---:|
"""

_ELSEWHERE_HEAD: Final = """
## Shown elsewhere, or not at all

| figure | promise | where |
|---|---|---|
"""


def render(campaigns: Sequence[Campaign], rows: dict[str, Row], elsewhere: Sequence[tuple[str, str, str]]) -> str:
    """The whole page.

    Args:
        elsewhere: figure, promise and where it is shown, of those that no campaign measures.
    """
    ordered = sorted(campaigns, key=lambda campaign: (int(campaign.figure[1:]), campaign.name))
    table = "".join(_line(campaign, rows.get(campaign.name)) for campaign in ordered)
    rest = "".join(f"| {figure} | {promise} | {where} |\n" for figure, promise, where in elsewhere)
    return _HEAD + table + (_ELSEWHERE_HEAD + rest if rest else "")


def _line(campaign: Campaign, row: Row | None) -> str:
    begin = f"| {campaign.figure} | `{campaign.name}` | {campaign.promise}"
    if row is None:
        return f"{begin} | {campaign.wanted:,} | 0 | | **not measured** | | | |\n"
    said_by = "" if len(row.seeds) == 1 else "of the last run: "
    note = f" *{said_by}{row.note}*" if row.note else ""
    verdict = "met" if _is_met(campaign, row) else "**not met**"
    dates = " to ".join(dict.fromkeys(row.dates))
    return (
        f"{begin}{note} | {campaign.wanted:,} | {row.trials:,} | {row.failures:,} | {verdict} | {seeds_said(row.seeds)} | {dates} "
        f"| {row.seconds / 60:.1f} |\n"
    )


def seeds_said(seeds: Sequence[int]) -> str:
    """Seeds for people: three and more that are equally far apart are said as a range."""
    said: list[str] = []
    rest = list(seeds)
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 0
        count = next((n for n in range(1, len(rest)) if rest[n] - rest[n - 1] != step), len(rest))
        if count < 3 or step < 1:
            said.append(str(rest.pop(0)))
            continue
        by = "" if step == 1 else f" by {step}"
        said.append(f"{rest[0]} to {rest[count - 1]}{by}")
        rest = rest[count:]
    return ", ".join(said)


def _is_met(campaign: Campaign, row: Row) -> bool:
    return row.failures == 0 and row.trials >= campaign.wanted
