"""Why a person has these values and identities: the history of a profile, and its explanation."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse_sync.catalog import data_models
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.errors import NotFound
from warehouse_sync.profiles.protocol import ProfileReader
from warehouse_sync.profiles.provenance import AttributeChange, Explanation, ProvenanceReader
from warehouse_sync.services.caller import LARGEST_ID, Caller


@dataclass(frozen=True, slots=True)
class History:
    """One page of a profile's changes, and the published ids of the data models they came from.

    A data model that the control database does not know has no id, e.g. after an older copy of it was put back.
    """

    changes: tuple[AttributeChange, ...]
    data_model_ids: dict[int, str]


@dataclass(frozen=True, slots=True)
class ExplainedProfile:
    """An explanation, and the published ids of the data models it names."""

    explanation: Explanation
    data_model_ids: dict[int, str]


class ProvenanceService:
    """The verbs that tell where things came from. ``profiles`` finds profiles, ``provenance`` tells about them."""

    def __init__(self, database: Database, profiles: ProfileReader, provenance: ProvenanceReader) -> None:
        self._database = database
        self._profiles = profiles
        self._provenance = provenance

    def find(
        self, caller: Caller, workspace_id: int, environment: Environment, identity_type: IdentityType, value: str
    ) -> tuple[int, ...]:
        """The MPIDs of all profiles that hold an identity, ascending.

        Raises:
            NotFound: there is no such workspace.
        """
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.PROFILE, workspace_id)
        rules = rules_of(workspace.identity_settings)
        return self._profiles.find(workspace_id, environment, identity_type, value, rules)

    def history(
        self, caller: Caller, workspace_id: int, mpid: int, *, attribute: str | None, page: int, size: int
    ) -> History:
        """Page ``page`` (from 1) of the changes of a profile's attributes, the latest first.

        Args:
            attribute: only of this one.

        Raises:
            NotFound: there is no such workspace, or no such profile in it.
        """
        self._enter(caller, workspace_id)
        found = self._provenance.history(workspace_id, mpid) if 0 < mpid <= LARGEST_ID else None
        if found is None:
            raise no_profile()
        wanted = [change for change in found if attribute is None or change.attribute == attribute]
        changes = tuple(wanted[(page - 1) * size : page * size])
        return History(changes, self._ids({change.data_model_key for change in changes}))

    def explain(self, caller: Caller, workspace_id: int, mpid: int) -> ExplainedProfile:
        """How a profile came to be what it is.

        Raises:
            NotFound: there is no such workspace, or no such profile in it.
        """
        self._enter(caller, workspace_id)
        found = self._provenance.explain(workspace_id, mpid) if 0 < mpid <= LARGEST_ID else None
        if found is None:
            raise no_profile()
        return ExplainedProfile(found, self._ids({part.data_model_key for part in found.contributions}))

    def _enter(self, caller: Caller, workspace_id: int) -> None:
        with self._database.read() as tx:
            caller.enter(tx, Permission.PROFILE, workspace_id)

    def _ids(self, keys: set[int]) -> dict[int, str]:
        with self._database.read() as tx:
            return data_models.ids_of(tx, keys)


def no_profile() -> NotFound:
    return NotFound("There is no profile with this MPID.")
