"""``make crash``: the long versions of the crash tests; writes what they showed into ``docs/reliability.md``. Exit code 1 if one failed."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime

from rich.console import Console

from tests.crash.campaigns import CAMPAIGNS, ELSEWHERE
from tests.crash.report import PAGE, Campaign, Row, read_rows, render, write_row

_console = Console(markup=False, highlight=False)


def selected(only: str) -> list[Campaign]:
    """The campaigns named by figures or names with commas between them; all for an empty text.

    Raises:
        SystemExit: a name means none.
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = {campaign.figure for campaign in CAMPAIGNS} | {campaign.name for campaign in CAMPAIGNS}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"No campaign is called {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
    return [campaign for campaign in CAMPAIGNS if not names or campaign.figure in names or campaign.name in names]


def measure(campaign: Campaign, trials: int, seed: int) -> Row:
    """Runs a campaign and tells its failures."""
    started, day = time.monotonic(), datetime.now(UTC).date().isoformat()
    outcome = campaign.run(trials, seed)
    seconds = time.monotonic() - started
    _console.print(
        f"{campaign.figure} {campaign.name}: {outcome.trials} trials, {len(outcome.failures)} failures, {seconds:.0f} s, "
        f"seed {seed}. {outcome.note}"
    )
    for failure in outcome.failures:
        _console.print(f"  {failure}")
    return Row(outcome.trials, len(outcome.failures), (seed,), (day, day), round(seconds), outcome.note)


def main() -> int:
    """Runs what was asked for, one campaign after the other, and writes the page after each."""
    parser = argparse.ArgumentParser(prog="make crash")
    parser.add_argument("--only", default="", help="figures or names of campaigns, with commas; all of them by default")
    parser.add_argument("--trials", type=int, help="trials of each; by default what its figure wants")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--add", action="store_true", help="add to what was measured before, instead of replacing it")
    parser.add_argument("--page", action="store_true", help="measure nothing; only write the page anew")
    options = parser.parse_args()
    failed = 0
    for campaign in [] if options.page else selected(options.only):
        row = measure(campaign, options.trials or campaign.wanted, options.seed)
        failed += row.failures
        write_row(campaign.name, row, add=options.add)
        PAGE.write_text(render(CAMPAIGNS, read_rows(), ELSEWHERE))
    PAGE.write_text(render(CAMPAIGNS, read_rows(), ELSEWHERE))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
