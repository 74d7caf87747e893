"""Tells when a pipeline becomes stale, whatever has become of the scheduler: it has a thread of its own and looks at nothing but the
control database. There it marks what it has told, so that each is told once, whoever looks and however often the service starts.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from warehouse_sync.catalog import pipelines
from warehouse_sync.catalog.database import Database
from warehouse_sync.clock import Clock
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.logs import get_logger
from warehouse_sync.scheduler.ledger import staleness_deadline
from warehouse_sync.scheduler.staleness import Deadline
from warehouse_sync.scheduler.telling import Teller

_PAUSE_SECONDS: Final = 15.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StalePipeline:
    """A pipeline, and the deadline that it has missed."""

    pipeline: Pipeline
    deadline: Deadline


class Watchdog:
    """``start`` once, ``stop`` once; ``look`` at any time, from any thread.

    Args:
        settle_delay: wait after the end of a scheduled interval before it is due.
        grace: how late a pipeline may be.
        teller: told what becomes stale and what recovers; by default nobody listens.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        settle_delay: timedelta,
        grace: timedelta,
        teller: Teller | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settle_delay = settle_delay
        self._grace = grace
        self._teller = teller or Teller(is_wanted=False)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)

    def look(self) -> list[StalePipeline]:
        """The pipelines that have become stale since anybody looked last. Tells and logs them, and those that are stale no longer.

        Raises:
            StoreError: the control database cannot be used now.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            known = pipelines.known_stale(tx)
            watched = [
                (pipeline, staleness_deadline(tx, pipeline, settle_delay=self._settle_delay, grace=self._grace))
                for pipeline in pipelines.active(tx)
            ]
        stale = {
            pipeline.key: StalePipeline(pipeline, deadline)
            for pipeline, deadline in watched
            if deadline is not None and deadline.stale_from <= now
        }
        if stale.keys() == known:
            return []
        active = {pipeline.key: pipeline for pipeline, _ in watched}
        with self._database.write() as tx:
            ended = {key for key in known - stale.keys() if pipelines.set_stale(tx, key, None)}
            for key in ended & active.keys():  # of one that is held back now, nobody knows that it is well
                self._teller.recovered(tx, active[key], now)
            found = [stale[key] for key in stale if pipelines.set_stale(tx, key, stale[key].deadline.stale_from)]
            for one in found:
                self._teller.stale(tx, one.pipeline, one.deadline, now)
        _log_changes(found, ended)
        return found

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except WarehouseSyncError as error:
                _log.error("watchdog could not look", code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - a watchdog that is dead looks like one that is content
                _log.error("watchdog met an unexpected error", exc_info=error)
            self._stopping.wait(_PAUSE_SECONDS)


def _log_changes(found: list[StalePipeline], ended: set[int]) -> None:
    for one in found:
        _log.warning(
            "pipeline is stale",
            pipeline_id=one.pipeline.id,
            workspace_id=one.pipeline.workspace_id,
            due_on=str(one.deadline.due_on),
            stale_from=str(one.deadline.stale_from),
        )
    for key in sorted(ended):
        _log.info("pipeline is no longer stale", pipeline_key=key)
