"""Forgetting what is too old: replaced row versions, samples of refused rows, entries of the audit log, notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from warehouse_sync.catalog import audit, notices
from warehouse_sync.catalog.database import Database
from warehouse_sync.logs import get_logger

_ENTRIES_AT_ONCE: Final = 5_000
"""Few enough that nobody who wants to write meanwhile notices."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept; None is for ever.

    Attributes:
        history: replaced row versions.
        reject_samples: samples of refused rows; how many were refused stays with the run.
        audit: entries of the audit log.
        notices: what the webhook told, or could not.
    """

    history: timedelta
    reject_samples: timedelta | None = None
    audit: timedelta | None = None
    notices: timedelta | None = None


class ForgetfulStores(Protocol):
    """What of the profile stores is wanted here."""

    def forget_history(self, before: datetime) -> int: ...

    def forget_reject_samples(self, before: datetime) -> int: ...


def forget(database: Database, stores: ForgetfulStores, retention: Retention, *, now: datetime) -> None:
    """Removes what is older than it may be.

    Raises:
        StoreError: a store cannot be used now; what was removed before stays removed.
    """
    versions = stores.forget_history(now - retention.history)
    if versions:
        _log.info("history forgotten", row_versions=versions)
    samples = 0 if retention.reject_samples is None else stores.forget_reject_samples(now - retention.reject_samples)
    if samples:
        _log.info("samples of refused rows forgotten", rows=samples)
    entries = 0 if retention.audit is None else _forget_audit(database, now - retention.audit)
    if entries:
        _log.info("audit entries forgotten", entries=entries)
    if retention.notices is not None:
        with database.write() as tx:
            notices.forget(tx, now - retention.notices)


def _forget_audit(database: Database, before: datetime) -> int:
    forgotten = 0
    while True:
        with database.write() as tx:
            removed = audit.forget(tx, before, at_most=_ENTRIES_AT_ONCE)
        forgotten += removed
        if removed < _ENTRIES_AT_ONCE:
            return forgotten
