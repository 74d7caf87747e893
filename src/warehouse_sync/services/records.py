"""Records as they are applied: what a live picture of a workspace is made of."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse_sync.catalog import data_models, runs
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.domain.environment import Environment
from warehouse_sync.profiles.protocol import AppliedRecord, ProfileReader
from warehouse_sync.services.caller import Caller


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """Where a record came from, by published names; None where the control database does not know, e.g. an older copy of it."""

    data_model_id: str | None
    pipeline_id: str | None
    partner_feed_id: int | None


class RecordService:
    """Reads what was applied last."""

    def __init__(self, database: Database, profiles: ProfileReader) -> None:
        self._database = database
        self._profiles = profiles

    def recent(
        self, caller: Caller, workspace_id: int, environment: Environment, *, after: int, most: int
    ) -> list[tuple[AppliedRecord, RecordOrigin]]:
        """The records that were applied last, the latest first.

        Args:
            after: only those with a greater sequence.
            most: at most so many.

        Raises:
            NotFound: there is no such workspace.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.PROFILE, workspace_id)
        found = self._profiles.recent(workspace_id, environment, after=after, most=most)
        with self._database.read() as tx:
            models = data_models.ids_of(tx, {record.data_model_key for record in found})
            origins = runs.origins_of(tx, {record.run_id for record in found})
        return [(record, _origin(record, models, origins)) for record in found]


def _origin(record: AppliedRecord, models: dict[int, str], origins: dict[int, tuple[str, int]]) -> RecordOrigin:
    pipeline_id, feed_id = origins.get(record.run_id, (None, None))
    return RecordOrigin(models.get(record.data_model_key), pipeline_id, feed_id)
