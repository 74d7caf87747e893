from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse_sync.catalog import audit, notices
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.database import open_database
from warehouse_sync.domain.notice import Notice, NoticeType
from warehouse_sync.scheduler import retention
from warehouse_sync.scheduler.retention import Retention, forget

NOW = datetime(2023, 6, 1, tzinfo=UTC)


class Stores:
    """Notes what it is asked to forget."""

    def __init__(self) -> None:
        self.asked: dict[str, datetime] = {}

    def forget_history(self, before: datetime) -> int:
        self.asked["history"] = before
        return 1

    def forget_reject_samples(self, before: datetime) -> int:
        self.asked["samples"] = before
        return 2


def entry(day: int) -> AuditEntry:
    return AuditEntry(NOW - timedelta(days=day), "c", None, "create", "workspace", str(day))


def test_each_kind_has_its_own_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ENTRIES_AT_ONCE", 3)
    database = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    with database.write() as tx:
        for day in range(20, 0, -1):
            audit.record(tx, entry(day))
            notices.record(tx, Notice(NoticeType.STALE, NOW - timedelta(days=day), 1, str(day), {}))
    stores = Stores()
    kept = Retention(
        timedelta(days=5), reject_samples=timedelta(days=6), audit=timedelta(days=10), notices=timedelta(days=3)
    )
    forget(database, stores, kept, now=NOW)
    assert stores.asked == {"history": NOW - timedelta(days=5), "samples": NOW - timedelta(days=6)}
    with database.read() as tx:
        left = [int(found.object_id) for found in audit.page(tx, None, page=1, size=50)]
        told = [found.notice.pipeline_id for found in notices.latest(tx, size=50)]
    assert left == list(range(1, 11))
    assert told == ["1", "2", "3"]
    database.close()


def test_what_is_kept_for_ever_is_not_touched(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    with database.write() as tx:
        audit.record(tx, entry(10_000))
    stores = Stores()
    forget(database, stores, Retention(timedelta(0)), now=NOW)
    assert stores.asked == {"history": NOW}
    with database.read() as tx:
        assert len(audit.page(tx, None, page=1, size=50)) == 1
    database.close()
