"""The judge of the order of syncs finds what is out of order."""

from __future__ import annotations

from pathlib import Path

from tests.crash.power import calls_of, wrong_order
from tests.crash.stage import Stage
from tests.fixtures.service import Access

STAGE = Stage(Path("/s"), Access("", "", 1, ""))
GOOD = [
    "1 10.0 fdatasync(5</s/home/control.db-wal>) = 0",
    "1 20.1 fsync(6</s/home/profiles/5328-development.duckdb.new>) = 0",
    '1 20.2 rename("/s/home/profiles/5328-development.duckdb.new", "/s/home/profiles/5328-development.duckdb") = 0',
    "1 20.3 fsync(6</s/home/profiles>) = 0",
    "2 21.0 fsync(7</s/home/spool/run-1/chunk-000000.arrow>) = 0",
    "2 21.1 fsync(7</s/home/spool/run-1/chunk-000001.arrow>) = 0",
    "2 21.2 fsync(7</s/home/spool/run-1/chunk-000002.arrow>) = 0",
    "2 21.3 fsync(7</s/home/spool/run-1>) = 0",
    "2 21.4 fsync(7</s/home/spool/run-1/manifest.json.new>) = 0",
    '2 21.5 rename("/s/home/spool/run-1/manifest.json.new", "/s/home/spool/run-1/manifest.json") = 0',
    "2 21.6 fsync(7</s/home/spool/run-1>) = 0",
    *["1 22.0 fdatasync(8</s/home/profiles/5328-development.duckdb.wal>) = 0"] * 3,
]


def judged(lines: list[str], folder: Path) -> list[str]:
    (folder / "trace").write_text("\n".join(lines))
    return wrong_order(STAGE, calls_of(folder / "trace"), (9.0, 11.0))


def test_the_right_order_passes(tmp_path: Path) -> None:
    assert judged(GOOD, tmp_path) == []


def test_every_sync_that_is_missing_is_found(tmp_path: Path) -> None:
    for number, line in enumerate(GOOD):
        assert judged([*GOOD[:number], *GOOD[number + 1 :]], tmp_path), line


def test_a_file_named_too_early_is_found(tmp_path: Path) -> None:
    early = [*GOOD[:4], GOOD[9], *GOOD[4:9], *GOOD[10:]]
    assert len(judged(early, tmp_path)) == 3
