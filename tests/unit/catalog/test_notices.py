"""The outbox, on both kinds of control database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from warehouse_sync.catalog import connections, notices, pipelines
from warehouse_sync.catalog.database import Database
from warehouse_sync.domain.notice import LONGEST_ATTEMPT, LONGEST_PAUSE, Notice, NoticeOutcome, NoticeType
from warehouse_sync.domain.pipeline import Pipeline

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def notice(at: datetime = NOW, pipeline: str = "p") -> Notice:
    return Notice(NoticeType.STALE, at, 1, pipeline, {"due_on": "2024-03-01T00:00:00Z"})


def test_a_notice_comes_back_as_it_was_and_only_one_claims_it(database: Database) -> None:
    with database.write() as tx:
        notices.record(tx, notice())
        assert notices.is_due(tx, NOW)
        claimed = notices.claim_due(tx, NOW)
        assert claimed is not None
        assert (claimed.notice, claimed.attempts, claimed.outcome) == (notice(), 1, NoticeOutcome.WAITING)
        assert notices.claim_due(tx, NOW) is None
        assert not notices.is_due(tx, NOW)


def test_who_died_in_an_attempt_has_lost_nothing(database: Database) -> None:
    with database.write() as tx:
        notices.record(tx, notice())
        first = notices.claim_due(tx, NOW)
        assert notices.claim_due(tx, NOW + LONGEST_ATTEMPT - SECOND) is None
        again = notices.claim_due(tx, NOW + LONGEST_ATTEMPT)
    assert first is not None
    assert again is not None
    assert (again.id, again.attempts) == (first.id, 2)


def test_a_clock_that_was_set_back_puts_nothing_off(database: Database) -> None:
    with database.write() as tx:
        notices.record(tx, notice(NOW))
        assert notices.is_due(tx, NOW - LONGEST_PAUSE - SECOND)
        assert not notices.is_due(tx, NOW - LONGEST_PAUSE)


def test_what_happened_once_is_told_once(database: Database) -> None:
    with database.write() as tx:
        notices.record(tx, notice(), subject="run 7 of epoch 2 failed")
    with database.write() as tx:
        notices.record(tx, notice(), subject="run 7 of epoch 2 failed")
        notices.record(tx, notice(), subject="run 7 of epoch 3 failed")
        notices.record(tx, notice())
        notices.record(tx, notice())
        assert notices.count_waiting(tx) == 4


def test_the_end_is_kept_until_it_is_too_old(database: Database) -> None:
    with database.write() as tx:
        for day, name in enumerate(("old", "new")):
            notices.record(tx, notice(NOW + timedelta(days=day), name))
        done = notices.claim_due(tx, NOW + timedelta(days=2))
        assert done is not None
        assert done.notice.pipeline_id == "old"
        notices.finish(tx, done.key, NoticeOutcome.GIVEN_UP, "It answered 410.", NOW)
        assert [(one.outcome, one.last_answer) for one in notices.latest(tx, size=9)] == [
            (NoticeOutcome.WAITING, None),
            (NoticeOutcome.GIVEN_UP, "It answered 410."),
        ]
        assert notices.count_waiting(tx) == 1
        assert notices.forget(tx, NOW + SECOND) == 1
        assert [one.notice.pipeline_id for one in notices.latest(tx, size=9)] == ["new"]


def test_a_notice_dies_with_the_transaction_of_what_it_tells(database: Database) -> None:
    def record_and_fail() -> None:
        with database.write() as tx:
            notices.record(tx, notice())
            raise RuntimeError("the change is rolled back")

    with pytest.raises(RuntimeError):
        record_and_fail()
    with database.read() as tx:
        assert notices.count_waiting(tx) == 0


def test_marks_tell_whether_they_changed_anything(database: Database, pipeline: Pipeline) -> None:
    with database.write() as tx:
        changes = [pipelines.set_stale(tx, pipeline.key, since) for since in (NOW, NOW + SECOND, None, None)]
        assert changes == [True, False, True, False]
        assert pipelines.known_stale(tx) == set()
        faults = [pipelines.set_fault(tx, pipeline.key, reason) for reason in ("a", "b", None, None)]
        assert faults == [True, False, True, False]
        key = pipeline.connection_key
        assert [connections.set_faulted(tx, key, is_faulted=now) for now in (True, True, False)] == [True, False, True]
        assert [one.id for one in pipelines.on_connection(tx, key)] == [pipeline.id]
