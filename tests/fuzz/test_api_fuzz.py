"""The API attacked from its own document, the short way; ``make fuzz`` does more (figures S5 and S13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.api import attack, summary
from tests.fuzz.leaks import leaks
from tests.fuzz.target import target


def test_nothing_unexpected_is_answered(tmp_path: Path) -> None:
    with target(tmp_path, limit_active_pipelines="50") as victim:
        found = attack(
            victim.service.url, victim.token, victim.access, cases=500, examples=2, seed=20230301, thorough=False
        )
        log = "".join(victim.service.log)
    assert not found.failures, "\n".join(summary(found))
    assert '"level": "error"' not in log
    assert found.requests > 500
    assert found.created["data-models"] > 0  # else nothing right was sent
    assert found.statuses[401] < found.requests / 5
    assert {200, 204, 400, 401, 404, 405} <= found.statuses.keys()


@pytest.mark.parametrize(
    "answer",
    [
        'Traceback (most recent call last):\n  File "x"',
        "cannot open /home/me/.warehouse-sync/control.db",
        "ValueError",
        "sqlalchemy.exc.IntegrityError",
        "UNIQUE constraint failed: pipelines.id",
        "<class 'int'> expected",
        "INSERT INTO connections",
        "002003 (42S02): Object does not exist",
        "Catalog Error: Table with name x does not exist",
    ],
)
def test_the_scanner_finds_what_tells_of_the_inside(answer: str) -> None:
    assert leaks(f'{{"errors":[{{"message":"{answer}"}}]}}')
    assert not leaks(f'{{"errors":[{{"message":"The warehouse says: {answer}"}}]}}') or '"' in answer


def test_the_scanner_lets_pass_what_was_sent() -> None:
    assert not leaks('{"name":"ValueError"}', '{"name": "ValueError"}')
    assert not leaks('{"errors":[{"message":"There is no DuckDB file shop.duckdb. Check database."}]}')
