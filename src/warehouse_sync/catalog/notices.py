"""The outbox of the webhook: a notice is written in the transaction of the change that it tells of, and delivered later.

Delivery is at least once. An attempt is claimed by putting the next one off, so nobody else makes it meanwhile, and whoever dies in the
middle of one has lost nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import notices
from warehouse_sync.domain.notice import LONGEST_ATTEMPT, LONGEST_PAUSE, Notice, NoticeOutcome, NoticeType


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A notice in the outbox.

    Attributes:
        id: what receivers tell repeated deliveries by; unique everywhere.
        attempts: how many there were at delivering it, the present one included.
        outcome: what became of it.
        last_answer: what came of the latest attempt, in a few words; None before it ended.
        finished_on: when it was delivered or given up.
    """

    key: int
    id: str
    notice: Notice
    attempts: int
    outcome: NoticeOutcome
    last_answer: str | None
    finished_on: datetime | None


def new_id() -> str:
    """An id for a notice."""
    return f"msg_{uuid.uuid4().hex}"


def record(tx: Transaction, notice: Notice, *, subject: str | None = None) -> None:
    """Puts a notice into the outbox.

    Args:
        subject: names what happened, if it can be told twice, by a commit whose outcome was not known; the second time nothing is written.
    """
    values = {
        "notice_id": new_id(),
        "subject": subject,
        "type": notice.type.value,
        "at": notice.at,
        "workspace_id": notice.workspace_id,
        "pipeline_id": notice.pipeline_id,
        "facts": dict(notice.facts),
        "attempts": 0,
        "outcome": NoticeOutcome.WAITING.value,
        "next_attempt_on": notice.at,
    }
    try:
        with tx.begin_nested():
            tx.execute(sa.insert(notices).values(**values))
    except sa.exc.IntegrityError:
        known = sa.select(notices.c.key).where(notices.c.subject == subject)
        if tx.execute(known).one_or_none() is None:
            raise  # another constraint: a mistake of ours must not look like "told already"


def is_due(tx: Transaction, now: datetime) -> bool:
    """Whether there is a notice to deliver now."""
    return tx.execute(sa.select(notices.c.key).where(*_due(now)).limit(1)).first() is not None


def claim_due(tx: Transaction, now: datetime) -> StoredNotice | None:
    """The notice whose next attempt is due longest, for one attempt; None if there is none. Nobody else makes one meanwhile."""
    query = sa.select(notices).where(*_due(now)).order_by(notices.c.next_attempt_on, notices.c.key).limit(1)
    row = tx.execute(query.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    attempts = row.attempts + 1
    claimed = sa.update(notices).where(notices.c.key == row.key)
    tx.execute(claimed.values(attempts=attempts, next_attempt_on=now + LONGEST_ATTEMPT))
    return _stored(row, attempts)


def finish(tx: Transaction, key: int, outcome: NoticeOutcome, answer: str, now: datetime) -> None:
    """A notice was delivered, or is given up."""
    values = {"outcome": outcome.value, "last_answer": answer, "finished_on": now, "next_attempt_on": None}
    tx.execute(sa.update(notices).where(notices.c.key == key).values(**values))


def put_off(tx: Transaction, key: int, answer: str, until: datetime) -> None:
    """An attempt failed; the next one is due at ``until``."""
    tx.execute(sa.update(notices).where(notices.c.key == key).values(last_answer=answer, next_attempt_on=until))


def send_again(
    tx: Transaction, now: datetime, *, ids: Collection[str] | None = None, workspace_id: int | None = None
) -> list[str]:
    """Makes notices that were given up wait for an attempt once more, under their own ids; returns these, the oldest first.

    Args:
        ids: which ones; None: all.
        workspace_id: only those about pipelines of this workspace; None: of all.
    """
    conditions = [notices.c.outcome == NoticeOutcome.GIVEN_UP.value]
    if ids is not None:
        conditions.append(notices.c.notice_id.in_(list(ids)))
    if workspace_id is not None:
        conditions.append(notices.c.workspace_id == workspace_id)
    waiting = {"outcome": NoticeOutcome.WAITING.value, "attempts": 0, "next_attempt_on": now, "finished_on": None}
    again = sa.update(notices).where(*conditions).values(**waiting)
    found = tx.execute(again.returning(notices.c.key, notices.c.notice_id)).all()
    return [notice_id for _, notice_id in sorted(tuple(row) for row in found)]


def count_waiting(tx: Transaction) -> int:
    """How many notices are neither delivered nor given up."""
    waiting = notices.c.outcome == NoticeOutcome.WAITING.value
    return int(tx.execute(sa.select(sa.func.count()).select_from(notices).where(waiting)).scalar_one())


def latest(
    tx: Transaction, *, size: int, workspace_id: int | None = None, outcome: NoticeOutcome | None = None
) -> list[StoredNotice]:
    """The latest notices, of all workspaces or one, of all outcomes or one, the newest first."""
    query = sa.select(notices).order_by(notices.c.key.desc()).limit(size)
    if workspace_id is not None:
        query = query.where(notices.c.workspace_id == workspace_id)
    if outcome is not None:
        query = query.where(notices.c.outcome == outcome.value)
    return [_stored(row, row.attempts) for row in tx.execute(query)]


def forget(tx: Transaction, before: datetime) -> int:
    """Removes the notices of what happened before a moment, whatever became of them; returns how many."""
    return tx.execute(sa.delete(notices).where(notices.c.at < before)).rowcount


def _due(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """What is to wait longer than the longest pause was put off when the clock was ahead: it has waited long enough."""
    when = notices.c.next_attempt_on
    return notices.c.outcome == NoticeOutcome.WAITING.value, sa.or_(when <= now, when > now + LONGEST_PAUSE)


def _stored(row: sa.Row[Any], attempts: int) -> StoredNotice:
    return StoredNotice(
        key=row.key,
        id=row.notice_id,
        notice=Notice(NoticeType(row.type), row.at, row.workspace_id, row.pipeline_id, row.facts),
        attempts=attempts,
        outcome=NoticeOutcome(row.outcome),
        last_answer=row.last_answer,
        finished_on=row.finished_on,
    )
