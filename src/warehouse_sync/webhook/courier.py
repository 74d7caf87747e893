"""Empties the outbox: a thread of its own, so that nothing waits for a receiver."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final

from warehouse_sync.catalog import notices
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.notices import StoredNotice
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.notice import LONGEST_LIFE, NoticeOutcome, pause_after
from warehouse_sync.domain.webhook_secret import signed_headers
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.logs import get_logger
from warehouse_sync.metrics import Metrics
from warehouse_sync.webhook.body import body_of
from warehouse_sync.webhook.receiver import Answer, Receiver, deliver

_PAUSE_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 2.0

_log = get_logger(__name__)


class Courier:
    """``start`` once, ``stop`` once; ``deliver_next`` at any time, from any thread or process.

    Args:
        receiver: where notices go.
        address: where the service is, for the links in them.
        metrics: told how attempts end.
        jitter: random numbers in [0, 1) that spread attempts.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        receiver: Receiver,
        *,
        address: str,
        metrics: Metrics,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._receiver = receiver
        self._address = address
        self._metrics = metrics
        self._jitter = jitter
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for the attempt at hand a little; one that is cut off is made again at the next start."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def deliver_next(self) -> bool:
        """Makes the attempt that is due longest; returns whether there was one.

        Raises:
            StoreError: the control database cannot be used now.
        """
        with self._database.read() as tx:  # most of the time there is nothing, and a writer would hold up others for it
            if not notices.is_due(tx, self._clock.now()):
                return False
        with self._database.write() as tx:
            stored = notices.claim_due(tx, self._clock.now())
        if stored is None:
            return False
        crashpoint("notice_claimed")
        body = body_of(stored.notice, self._address)
        headers = signed_headers(self._receiver.keys, stored.id, body, now=self._clock.now())
        answer = deliver(self._receiver, headers, body)
        crashpoint("notice_sent")
        self._settle(stored, answer)
        return True

    def _settle(self, stored: StoredNotice, answer: Answer) -> None:
        now = self._clock.now()
        is_given_up = not answer.is_delivered and (answer.is_final or now - stored.notice.at >= LONGEST_LIFE)
        with self._database.write() as tx:
            if answer.is_delivered:
                notices.finish(tx, stored.key, NoticeOutcome.DELIVERED, answer.said, now)
            elif is_given_up:
                notices.finish(tx, stored.key, NoticeOutcome.GIVEN_UP, answer.said, now)
            else:
                pause = pause_after(stored.attempts, self._jitter())
                notices.put_off(tx, stored.key, answer.said, now + pause)
        self._metrics.delivery_ended("delivered" if answer.is_delivered else "given_up" if is_given_up else "failed")
        told = {"notice_id": stored.id, "type": stored.notice.type.value, "attempt": stored.attempts}
        if is_given_up:
            _log.error("notice given up", **told, reason=answer.said)
        elif not answer.is_delivered:
            _log.warning("notice could not be delivered", **told, reason=answer.said)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                while self.deliver_next() and not self._stopping.is_set():
                    pass
            except WarehouseSyncError as error:
                _log.error("notices could not be looked for", code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - a courier that is dead looks like one that has nothing to do
                _log.error("webhook met an unexpected error", exc_info=error)
            self._stopping.wait(_PAUSE_SECONDS)
