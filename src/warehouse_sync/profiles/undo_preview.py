"""What undoing a run would do, before anybody does it: counts, and a few profiles as examples. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import duckdb

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import TYPE_OF_CODE, IdentityRules, IdentityType
from warehouse_sync.profiles.duckdb_store import DuckDbStores, Sql
from warehouse_sync.profiles.protocol import AttributeValue
from warehouse_sync.profiles.schema import UNDO_COUNTS
from warehouse_sync.profiles.undo import Obstacle, UndoCounts, plan_undo
from warehouse_sync.profiles.versions import Versions, data_models_in

MOST_EXAMPLES: Final = 10


@dataclass(frozen=True, slots=True)
class AttributeTakenBack:
    """An attribute of a data model: what it is, and what it would be; None for nothing."""

    data_model_key: int
    attribute: str
    value: AttributeValue
    becomes: AttributeValue


@dataclass(frozen=True, slots=True)
class UndoExample:
    """What would become of one profile.

    Attributes:
        detached, returned: identities it would lose, and get back.
        is_removed: whether the profile would be removed.
    """

    mpid: int
    attributes: tuple[AttributeTakenBack, ...]
    detached: tuple[tuple[IdentityType, str], ...]
    returned: tuple[tuple[IdentityType, str], ...]
    is_removed: bool


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """What undoing a run would do, or did.

    Attributes:
        undone_by: the run that has done it; None if none has.
        obstacle: why it cannot be done; None if it can.
    """

    undone_by: int | None
    obstacle: Obstacle | None
    counts: UndoCounts
    examples: tuple[UndoExample, ...] = ()


class UndoPreviewer(Protocol):
    """Safe to call from any thread while runs apply."""

    def preview(self, workspace_id: int, environment: Environment, run_id: int, rules: IdentityRules) -> UndoPreview:
        """What undoing a run would do now; what it did, if it has been undone."""
        ...


class DuckDbUndoPreviewer:
    """Implements ``UndoPreviewer`` on the DuckDB stores of a home."""

    def __init__(self, stores: DuckDbStores) -> None:
        self._stores = stores

    def preview(self, workspace_id: int, environment: Environment, run_id: int, rules: IdentityRules) -> UndoPreview:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return UndoPreview(None, Obstacle.NOT_APPLIED, UndoCounts())
            connection, codec = opened
            planned = plan_undo(Sql(connection), run_id, data_models_in(connection), rules)
            if planned is Obstacle.UNDONE:
                return _done(connection, run_id)
            if isinstance(planned, Obstacle):
                return UndoPreview(None, planned, UndoCounts())
            examples = tuple(
                _example(connection, profile, codec.encode(profile, environment)) for profile in _affected(connection)
            )
            return UndoPreview(None, None, planned, examples)


def _done(connection: duckdb.DuckDBPyConnection, run: int) -> UndoPreview:
    [(by, *counts)] = connection.execute(
        f"SELECT undone_by, {', '.join(UNDO_COUNTS)} FROM undone WHERE run = ? ORDER BY undone_by DESC LIMIT 1", [run]
    ).fetchall()
    return UndoPreview(by, Obstacle.UNDONE, UndoCounts(**dict(zip(UNDO_COUNTS, counts, strict=True))))


def _affected(connection: duckdb.DuckDBPyConnection) -> list[int]:
    found = connection.execute(
        f"""SELECT profile FROM undo_version WHERE NOT counts UNION SELECT profile FROM undo_gone
            UNION SELECT profile FROM undo_returned UNION SELECT profile FROM undo_emptied
            ORDER BY profile LIMIT {MOST_EXAMPLES}"""
    ).fetchall()
    return [profile for (profile,) in found]


def _example(connection: duckdb.DuckDBPyConnection, profile: int, mpid: int) -> UndoExample:
    emptied = connection.execute("SELECT 1 FROM undo_emptied WHERE profile = ?", [profile]).fetchall()
    return UndoExample(
        mpid,
        tuple(_attributes(connection, profile)),
        _identities(connection, "identities SEMI JOIN undo_gone USING (profile, h)", profile),
        _identities(connection, "undo_returned", profile),
        bool(emptied),
    )


def _attributes(connection: duckdb.DuckDBPyConnection, profile: int) -> Iterator[AttributeTakenBack]:
    changing = connection.execute(
        """SELECT v.model, b.seq FROM undo_version v LEFT JOIN undo_before b USING (model, profile)
           WHERE v.profile = ? AND NOT v.counts ORDER BY v.model""",
        [profile],
    ).fetchall()
    versions = Versions(connection)
    for model, seq in changing:
        now = versions.current(model, profile)
        before = None if seq is None else versions.at(model, profile, seq)
        is_, was = {} if now is None else now.values, {} if before is None else before.values
        for name in sorted({*is_, *was}):
            if is_.get(name) != was.get(name):
                yield AttributeTakenBack(model, name, is_.get(name), was.get(name))


def _identities(
    connection: duckdb.DuckDBPyConnection, relation: str, profile: int
) -> tuple[tuple[IdentityType, str], ...]:
    found = connection.execute(
        f"SELECT type, value FROM {relation} WHERE profile = ? ORDER BY type, value", [profile]
    ).fetchall()
    return tuple((TYPE_OF_CODE[code], value) for code, value in found)
