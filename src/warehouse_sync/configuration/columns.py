"""What the columns of a planned data model become on profiles, and what becomes of those it no longer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warehouse_sync.client import ApiError
from warehouse_sync.configuration.declared import Declaration, DeclaredObject, Section
from warehouse_sync.configuration.plan import Action, Change, Plan, ServerState
from warehouse_sync.configuration.server import ConfiguredServer


@dataclass(frozen=True, slots=True)
class ColumnForecast:
    """What a planned query does to profiles.

    Attributes:
        data_model_id: of the data model.
        new, gone: sentences, one per column that it did not have before, or has no longer.
        unknown: why the columns cannot be told; None if they can.
    """

    data_model_id: str
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unknown: str | None = None


def forecast(
    plan: Plan, declaration: Declaration, state: ServerState, server: ConfiguredServer
) -> Iterator[ColumnForecast]:
    """Tells of each data model that is made or given another query."""
    for change in plan.changes:
        if change.section is Section.DATA_MODELS and change.wanted is not None and _changes_columns(change):
            yield _forecast(change.wanted, declaration, state, server)


def _changes_columns(change: Change) -> bool:
    return change.action is Action.CREATE or any(field.field == "sql_query" for field in change.fields)


def _forecast(
    wanted: DeclaredObject, declaration: Declaration, state: ServerState, server: ConfiguredServer
) -> ColumnForecast:
    connection = _connection_of(wanted.id, declaration, state)
    if connection is None:
        return ColumnForecast(wanted.id, unknown="no pipeline uses it on a connection that exists already")
    try:
        after = _roles(server.columns(connection, wanted.body))
        stored = state.objects[Section.DATA_MODELS].get(wanted.id)
        before = {} if stored is None else _roles(server.columns(connection, stored))
    except ApiError as error:
        return ColumnForecast(wanted.id, unknown=error.message)
    return ColumnForecast(
        wanted.id,
        new=tuple(f"{name} → {role}" for name, role in after.items() if before.get(name) != role),
        gone=tuple(
            f"{name} (was {role}; what it wrote is gone from a profile with its next row)"
            for name, role in before.items()
            if name not in after
        ),
    )


def _connection_of(data_model_id: str, declaration: Declaration, state: ServerState) -> str | None:
    """A stored connection that a pipeline, declared or stored, uses the data model on."""
    declared = (pipeline.body for pipeline in declaration.objects[Section.PIPELINES].values())
    for pipeline in (*declared, *state.objects[Section.PIPELINES].values()):
        found = pipeline["connection_id"]
        if pipeline["data_model_id"] == data_model_id and found in state.objects[Section.CONNECTIONS]:
            return str(found)
    return None


def _roles(columns: list[Mapping[str, Any]]) -> dict[str, str]:
    return {column["name"]: _role(column) for column in columns}


def _role(column: Mapping[str, Any]) -> str:
    if column["identity_type"]:
        return f"identity {column['identity_type']}"
    if column["attribute_name"]:
        return f"attribute {column['attribute_name']} ({column['kind']})"
    return str(column["role"]).replace("_", " ")
