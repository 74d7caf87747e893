"""Profiles, looked up by MPID or by an identity (specification §6, decision D16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse_sync.catalog import data_models
from warehouse_sync.catalog.credentials import Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.identity_rules import rules_of
from warehouse_sync.catalog.workspaces import Workspace
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityType, identity_of_profile_api_name
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.profiles.protocol import Profile, ProfileReader
from warehouse_sync.services.caller import LARGEST_ID, Caller, no_workspace


@dataclass(frozen=True, slots=True)
class ProfilePlace:
    """The three numbers in a profile's address."""

    org_id: int
    account_id: int
    workspace_id: int


@dataclass(frozen=True, slots=True)
class AttributeOrigin:
    """Where an attribute's value came from: data model, run, and load timestamp of the row.

    ``data_model_id`` is None if the control database does not know the data model, e.g. after an older copy of it was put back.
    """

    data_model_id: str | None
    run_id: int
    load_timestamp: datetime


class ProfileService:
    def __init__(self, database: Database, profiles: ProfileReader) -> None:
        self._database = database
        self._profiles = profiles

    def by_mpid(self, caller: Caller, place: ProfilePlace, mpid: int) -> Profile:
        """The profile with this MPID.

        Raises:
            NotFound: there is no such workspace in this organisation and account.
            InvalidRequest: the workspace has no such profile; published so.
        """
        self._enter(caller, place)
        found = self._profiles.profile(place.workspace_id, mpid) if 0 < mpid <= LARGEST_ID else None
        if found is None:
            raise _unknown("mpid")
        return found

    def resolve(
        self, caller: Caller, place: ProfilePlace, environment: Environment, type_name: str, value: str
    ) -> Profile:
        """The only profile that holds an identity.

        Raises:
            NotFound: there is no such workspace in this organisation and account.
            InvalidRequest: the type is unknown, or none or several profiles hold the value.
        """
        workspace = self._enter(caller, place)
        identity_type = self._type(type_name)
        rules = rules_of(workspace.identity_settings)
        held = self._profiles.holders(place.workspace_id, environment, identity_type, value, rules)
        if held.count > 1:
            raise InvalidRequest(
                f"{held.count} profiles hold this {type_name}; it names none of them. Use an identity that is unique.",
                field="identity",
                code="ambiguous_identity",
            )
        if held.profile is None:
            raise _unknown("identity")
        return held.profile

    def origins(self, profile: Profile) -> dict[str, AttributeOrigin]:
        """Where each attribute of a profile came from, by its name. The caller has been let in to read the profile."""
        with self._database.read() as tx:
            ids = data_models.ids_of(tx, {attribute.data_model_key for attribute in profile.attributes})
        return {
            attribute.name: AttributeOrigin(
                ids.get(attribute.data_model_key), attribute.run_id, attribute.load_timestamp
            )
            for attribute in profile.attributes
        }

    def _enter(self, caller: Caller, place: ProfilePlace) -> Workspace:
        with self._database.read() as tx:
            workspace = caller.enter(tx, Permission.PROFILE, place.workspace_id)
        if (workspace.org_id, workspace.account_id) != (place.org_id, place.account_id):
            raise no_workspace(place.workspace_id)
        return workspace

    def _type(self, name: str) -> IdentityType:
        found = identity_of_profile_api_name(name)
        if found is None:
            raise InvalidRequest("identity.type is no identity type, like customer_id.", field="identity.type")
        return found


def _unknown(field: str) -> InvalidRequest:
    return InvalidRequest("There is no such profile.", field=field, code="profile_not_found")
