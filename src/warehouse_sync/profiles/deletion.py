"""Deleting a person: everything a store knows of a profile goes, and a tombstone stays (``profiles/tombstones.py``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import duckdb

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import IdentityRules, IdentityType
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.profiles.fingerprint import fingerprint_sql
from warehouse_sync.profiles.schema import current_table, history_table, values_table
from warehouse_sync.profiles.tombstones import identity_print, profile_print
from warehouse_sync.profiles.versions import data_models_in

_SHORTENED: Final = 256
"""Samples of refused rows are cut at this length."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stays of a deleted person.

    Attributes:
        number: unique in the workspace's environment.
        deleted_on: when.
        deleted_by: the client that asked for it.
        identities: how many identities it keeps from coming back.
    """

    environment: Environment
    number: int
    deleted_on: datetime
    deleted_by: str
    identities: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of a deleted person.

    Attributes:
        tombstone: what stays.
        shared_identities: how many identities other profiles hold too; these have no tombstone.
    """

    tombstone: Tombstone
    shared_identities: int


class ProfileEraser(Protocol):
    """Deletes people, and keeps their tombstones."""

    def delete(self, workspace_id: int, mpid: int, *, now: datetime, by: str) -> Deletion | None:
        """Deletes a profile and all that is known of it, and leaves a tombstone; None if the workspace has no such profile."""
        ...

    def tombstones(self, workspace_id: int) -> tuple[Tombstone, ...]:
        """The tombstones of a workspace, the latest first."""
        ...

    def find_tombstones(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> tuple[Tombstone, ...]:
        """The tombstones that keep an identity from coming back."""
        ...

    def lift(self, workspace_id: int, environment: Environment, number: int) -> bool:
        """Removes a tombstone, so that later rows may make a profile of this person again; False if there is none."""
        ...


class DuckDbEraser:
    """Implements ``ProfileEraser`` on the DuckDB stores of a home."""

    def __init__(self, stores: DuckDbStores) -> None:
        self._stores = stores

    def delete(self, workspace_id: int, mpid: int, *, now: datetime, by: str) -> Deletion | None:
        decoded = self._stores.codec(workspace_id).decode(mpid)
        if decoded is None:
            return None
        profile, environment = decoded
        with self._stores.erasing(workspace_id, environment) as connection:
            if connection is None:
                return None
            if not connection.execute("SELECT 1 FROM profiles WHERE profile = ?", [profile]).fetchall():
                return None
            return _delete(connection, profile, mpid, environment, now=now, by=by)

    def tombstones(self, workspace_id: int) -> tuple[Tombstone, ...]:
        found: list[Tombstone] = []
        for environment in Environment:
            with self._stores.reading(workspace_id, environment) as opened:
                if opened is not None:
                    found += _read_tombstones(opened[0], environment)
        return tuple(sorted(found, key=lambda tombstone: tombstone.deleted_on, reverse=True))

    def find_tombstones(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> tuple[Tombstone, ...]:
        with self._stores.erasing(workspace_id, environment) as connection:
            if connection is None:
                return ()
            print_ = identity_print(fingerprint_sql("$value::VARCHAR", identity_type, rules))
            numbers = connection.execute(
                f"SELECT deletion FROM tombstones WHERE print = {print_}", {"value": value}
            ).fetchall()
            wanted = {number for (number,) in numbers}
            return tuple(found for found in _read_tombstones(connection, environment) if found.number in wanted)

    def lift(self, workspace_id: int, environment: Environment, number: int) -> bool:
        with self._stores.erasing(workspace_id, environment) as connection:
            if connection is None:
                return False
            connection.execute("DELETE FROM tombstones WHERE deletion = ?", [number])
            [(lifted,)] = connection.execute("DELETE FROM deletions WHERE deletion = ?", [number]).fetchall()
            return bool(lifted)


def _delete(
    connection: duckdb.DuckDBPyConnection, profile: int, mpid: int, environment: Environment, *, now: datetime, by: str
) -> Deletion:
    [(last,)] = connection.execute(
        "UPDATE counters SET next_deletion = next_deletion + 1 RETURNING next_deletion"
    ).fetchall()
    number = last - 1
    connection.execute("INSERT INTO deletions VALUES (?, ?, ?)", [number, now.astimezone(UTC).replace(tzinfo=None), by])
    [(held,)] = connection.execute("SELECT count(*) FROM identities WHERE profile = ?", [profile]).fetchall()
    [(kept,)] = connection.execute(
        f"""INSERT INTO tombstones
            SELECT ?, {identity_print("h")}
            FROM (SELECT h FROM identities WHERE profile = ?) ANTI JOIN (SELECT h FROM lookup WHERE profile <> ?) USING (h)""",
        [number, profile, profile],
    ).fetchall()
    connection.execute(f"INSERT INTO tombstones SELECT ?, {profile_print('?::BIGINT')}", [number, profile])
    _forget_samples(connection, profile, mpid)
    for statement in _statements(connection, profile):
        connection.execute(statement)
    return Deletion(Tombstone(environment, number, now, by, kept), held - kept)


def _statements(connection: duckdb.DuckDBPyConnection, profile: int) -> Iterator[str]:
    """What removes everything that a store knows of a profile."""
    # What others tell of it goes too: that they lost an identity to it, or were kept from it.
    yield f"""DELETE FROM moved WHERE profile = {profile} OR taken_by = {profile}
              OR h IN (SELECT h FROM identities WHERE profile = {profile} AND h NOT IN (SELECT h FROM lookup WHERE profile <> {profile}))"""
    yield f"DELETE FROM kept_apart WHERE profile = {profile} OR other = {profile}"
    for model in data_models_in(connection):
        noted = (current_table(model), history_table(model))
        seqs = " UNION ALL ".join(f"SELECT seq FROM {table} WHERE profile = {profile}" for table in noted)
        yield f"DELETE FROM {values_table(model)} WHERE seq IN ({seqs})"
        for table in noted:
            yield f"DELETE FROM {table} WHERE profile = {profile}"
    for table in ("identities", "lookup", "recency", "multivalued", "profiles"):
        yield f"DELETE FROM {table} WHERE profile = {profile}"


def _forget_samples(connection: duckdb.DuckDBPyConnection, profile: int, mpid: int) -> None:
    """Removes the samples of refused rows that hold an identity of a profile, or its MPID, in some column."""
    values = connection.execute(
        "SELECT value FROM identities WHERE profile = $1 UNION SELECT value FROM moved WHERE profile = $1", [profile]
    ).fetchall()
    names = {_plain(value) for (value,) in values} | {str(mpid)}
    for name in names:
        # The text of a row is JSON: what it escapes cannot be looked for in it, so its plain middle is.
        likely = connection.execute(
            "SELECT run, reason, ord, row FROM reject_samples WHERE contains(lower(row), ?)",
            [_longest_plain_part(name)],
        ).fetchall()
        for run, reason, order, row in likely:
            if any(text is not None and _plain(text) == name for text in json.loads(row).values()):
                connection.execute(
                    "DELETE FROM reject_samples WHERE run = ? AND reason = ? AND ord = ?", [run, reason, order]
                )


def _plain(text: str) -> str:
    return text[:_SHORTENED].strip().lower()


def _longest_plain_part(name: str) -> str:
    """The longest piece of a text that JSON writes as it is."""
    return max(re.split(r"[^ !#-\[\]-~]", name), key=len)


def _read_tombstones(connection: duckdb.DuckDBPyConnection, environment: Environment) -> Iterator[Tombstone]:
    rows = connection.execute(
        """SELECT deletion, deleted_on, deleted_by, count(*) - 1 FROM deletions JOIN tombstones USING (deletion)
           GROUP BY ALL ORDER BY deletion"""
    ).fetchall()
    for number, deleted_on, by, identities in rows:
        yield Tombstone(environment, number, deleted_on.replace(tzinfo=UTC), by, identities)
