"""Data models: what can be said of a query without a warehouse is checked before it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from warehouse_sync.catalog import audit, data_models, pipelines
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database, Transaction
from warehouse_sync.clock import Clock
from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.domain.data_model import DataModel
from warehouse_sync.domain.load_timestamp import LoadTimestamp
from warehouse_sync.domain.slug import check_slug
from warehouse_sync.errors import InUse, InvalidRequest, NotFound
from warehouse_sync.services.caller import Caller
from warehouse_sync.services.query_advice import common_advice
from warehouse_sync.services.warehouse_ports import QueryCheck
from warehouse_sync.sql.advice import Advice


@dataclass(frozen=True, slots=True)
class DataModelDraft:
    """What a request says of a data model."""

    name: str
    sql_query: str
    load_timestamp: LoadTimestamp
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class AdvisedDataModel:
    """A data model as it was stored, and what its owner would like to hear of it before the first run."""

    data_model: DataModel
    warnings: tuple[Advice, ...]


class DataModelService:
    def __init__(self, database: Database, clock: Clock, check_query: QueryCheck) -> None:
        self._database = database
        self._clock = clock
        self._check_query = check_query

    def all_of(self, caller: Caller, workspace_id: int) -> list[DataModel]:
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return data_models.all_of(tx, workspace_id)

    def get(self, caller: Caller, workspace_id: int, data_model_id: str) -> DataModel:
        """One data model.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.USER, workspace_id)
            return _existing(tx, workspace_id, data_model_id)

    def create(self, caller: Caller, workspace_id: int, data_model_id: str, draft: DataModelDraft) -> AdvisedDataModel:
        """Checks the query and stores the data model.

        Raises:
            InvalidRequest: the query or a field is refused, or the id is taken.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
        check_slug(data_model_id)
        warnings = self._check(draft)
        now = self._clock.now()
        with self._database.write() as tx:
            stored = data_models.create(
                tx,
                workspace_id=workspace_id,
                id=data_model_id,
                name=draft.name,
                sql_query=draft.sql_query,
                load_timestamp=draft.load_timestamp,
                is_active=draft.is_active,
                now=now,
                by=caller.name,
            )
            audit.record(tx, _entry(self._clock, caller, "create", stored))
        return AdvisedDataModel(stored, warnings)

    def replace(self, caller: Caller, workspace_id: int, data_model_id: str, draft: DataModelDraft) -> AdvisedDataModel:
        """Checks the query and replaces the whole data model; runs that begin from now on use it.

        Raises:
            NotFound: there is no such data model.
            InvalidRequest: the query or a field is refused.
        """
        with self._database.read() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            _existing(tx, workspace_id, data_model_id)
        warnings = self._check(draft)
        with self._database.write() as tx:
            before = _existing(tx, workspace_id, data_model_id, lock=True)
            stored = data_models.change(
                tx,
                before,
                name=draft.name,
                sql_query=draft.sql_query,
                load_timestamp=draft.load_timestamp,
                is_active=draft.is_active,
                now=self._clock.now(),
                by=caller.name,
            )
            audit.record(tx, _entry(self._clock, caller, "change", stored))
        return AdvisedDataModel(stored, warnings)

    def delete(self, caller: Caller, workspace_id: int, data_model_id: str) -> None:
        """Removes a data model; attributes it set stay on the profiles (decision D31).

        Raises:
            NotFound: there is none.
            InUse: pipelines use it; names them.
        """
        with self._database.write() as tx:
            caller.enter(tx, Permission.ADMIN, workspace_id)
            found = _existing(tx, workspace_id, data_model_id, lock=True)
            users = pipelines.users_of_data_model(tx, found.key)
            if users:
                raise InUse(
                    f"Data model {data_model_id} is used by these pipelines: {', '.join(users)}. Delete them or give them another "
                    "data model first."
                )
            data_models.delete(tx, found, now=self._clock.now(), by=caller.name)
            audit.record(tx, _entry(self._clock, caller, "delete", found))
            crashpoint("object_deleting")
        crashpoint("object_deleted")

    def _check(self, draft: DataModelDraft) -> tuple[Advice, ...]:
        check_zone(draft.load_timestamp.zone)
        return common_advice(self._check_query(draft.sql_query), draft.load_timestamp.name)


def check_zone(zone: str | None) -> None:
    """Raises InvalidRequest unless this is the IANA name of a time zone, or None."""
    if zone is None or _is_zone(zone):
        return
    raise InvalidRequest(
        "load_timestamp_field_time_zone must be the IANA name of a time zone, like America/New_York.",
        field="load_timestamp_field_time_zone",
    )


def _is_zone(name: str) -> bool:
    if name == "localtime":  # the machine's own zone, which is no property of the data
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _existing(tx: Transaction, workspace_id: int, data_model_id: str, *, lock: bool = False) -> DataModel:
    found = data_models.find(tx, workspace_id, data_model_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no data model {data_model_id[:128]}.")
    return found


def _entry(clock: Clock, caller: Caller, action: str, data_model: DataModel) -> AuditEntry:
    return AuditEntry(clock.now(), caller.client_id, data_model.workspace_id, action, "data_model", data_model.id)
