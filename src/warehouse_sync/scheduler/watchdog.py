"""Tells when a pipeline becomes stale, whatever has become of the scheduler: it has a thread of its own and looks at nothing but the
control database.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from warehouse_sync.catalog import pipelines
from warehouse_sync.catalog.database import Database
from warehouse_sync.clock import Clock
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.errors import WarehouseSyncError
from warehouse_sync.logs import get_logger
from warehouse_sync.scheduler.ledger import staleness_deadline
from warehouse_sync.scheduler.staleness import Deadline

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
    """

    def __init__(self, database: Database, clock: Clock, *, settle_delay: timedelta, grace: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._settle_delay = settle_delay
        self._grace = grace
        self._known: dict[int, datetime] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)

    def look(self) -> list[StalePipeline]:
        """The pipelines that are stale now. Logs each when it becomes stale, and when it is no longer.

        Raises:
            StoreError: the control database cannot be used now.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            watched = [
                (pipeline, staleness_deadline(tx, pipeline, settle_delay=self._settle_delay, grace=self._grace))
                for pipeline in pipelines.active(tx)
            ]
        stale = [
            StalePipeline(pipeline, deadline)
            for pipeline, deadline in watched
            if deadline is not None and deadline.stale_from <= now
        ]
        self._log_changes(stale)
        return stale

    def _log_changes(self, stale: list[StalePipeline]) -> None:
        for found in stale:
            if found.pipeline.key not in self._known:
                _log.warning(
                    "pipeline is stale",
                    pipeline_id=found.pipeline.id,
                    workspace_id=found.pipeline.workspace_id,
                    due_on=str(found.deadline.due_on),
                    stale_from=str(found.deadline.stale_from),
                )
        now_stale = {found.pipeline.key: found.deadline.stale_from for found in stale}
        for key in self._known.keys() - now_stale.keys():
            _log.info("pipeline is no longer stale", pipeline_key=key)
        self._known = now_stale

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except WarehouseSyncError as error:
                _log.error("watchdog could not look", code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - a watchdog that is dead looks like one that is content
                _log.error("watchdog met an unexpected error", exc_info=error)
            self._stopping.wait(_PAUSE_SECONDS)
