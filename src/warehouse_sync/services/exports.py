"""Profiles in bulk."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from typing import Final

from warehouse_sync.catalog import data_models
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.errors import LimitExceeded
from warehouse_sync.profiles.export import ExportRequest, ProfileExporter
from warehouse_sync.services.caller import Caller

EXPORTS_AT_ONCE: Final = 4
"""Each holds a transaction of a profile store and a range of profiles in memory."""


class ExportService:
    """Writes out what is known of everybody."""

    def __init__(self, database: Database, exporter: ProfileExporter) -> None:
        self._database = database
        self._exporter = exporter
        self._places = threading.BoundedSemaphore(EXPORTS_AT_ONCE)

    def export(
        self,
        caller: Caller,
        workspace_id: int,
        environment: Environment,
        form: ExportForm,
        *,
        since_run: int | None,
        origins: bool,
    ) -> Generator[bytes]:
        """The profiles of a workspace's environment, piece by piece, all from one moment.

        The iterator must be read to its end or closed: until then it holds a transaction open.

        Args:
            since_run: only profiles that this run, or anything applied since its first row, has changed.
            origins: whether attributes come with where they have their values from.

        Raises:
            NotFound: there is no such workspace, or the run has committed nothing in this environment.
            LimitExceeded: ``EXPORTS_AT_ONCE`` others are being written.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.PROFILE, workspace_id)
            ids = data_models.ids_of(tx, self._exporter.data_models(workspace_id, environment)) if origins else {}
        request = ExportRequest(workspace_id, environment, form, since_run, origins, ids)
        pieces = self._in_turn(request)
        next(pieces)  # what can be refused is refused before the first byte
        return pieces

    def _in_turn(self, request: ExportRequest) -> Generator[bytes]:
        if not self._places.acquire(blocking=False):
            raise LimitExceeded(
                f"{EXPORTS_AT_ONCE} exports are being written, and no more may be at once. Try again when one of them is done."
            )
        try:
            with closing(self._exporter.export(request)) as pieces:
                first = next(pieces, b"")
                yield b""
                yield first
                yield from pieces
        finally:
            self._places.release()
