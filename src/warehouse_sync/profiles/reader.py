"""Look-ups in the profile store: one profile with its origins, profiles by identity, what a run refused and counted."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter, itemgetter

import duckdb

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import TYPE_OF_CODE, IdentityRules, IdentityType
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.profiles.duckdb_store import DuckDbStores, read_progress
from warehouse_sync.profiles.explanation import Explainer
from warehouse_sync.profiles.fingerprint import fingerprint_constant
from warehouse_sync.profiles.history import read_history
from warehouse_sync.profiles.mpid import MpidCodec
from warehouse_sync.profiles.protocol import (
    AppliedRecord,
    AttributeValue,
    DroppedValues,
    Holders,
    Profile,
    ProfileAttribute,
    ProfileIdentity,
    Rejects,
    RejectSample,
)
from warehouse_sync.profiles.provenance import AttributeChange, Explanation
from warehouse_sync.profiles.values import value_text
from warehouse_sync.profiles.versions import Attributes, Version, Versions, read_attributes


@dataclass(frozen=True, slots=True)
class _StoredProfile:
    connection: duckdb.DuckDBPyConnection
    codec: MpidCodec
    number: int
    environment: Environment


@dataclass(frozen=True, slots=True)
class _Directory:
    """What every look-up needs of one committed state.

    Attributes:
        state: the next ``seq`` of that state; no other has the same.
        attributes: of the data models.
        times: when runs last committed, as far as somebody asked.
    """

    state: int
    attributes: Attributes
    times: dict[int, datetime]


class DuckDbReader:
    """Implements ``ProfileReader`` and ``ProvenanceReader`` on the DuckDB stores of a home."""

    def __init__(self, stores: DuckDbStores) -> None:
        self._stores = stores
        self._directories: dict[tuple[int, Environment], _Directory] = {}

    def profile(self, workspace_id: int, mpid: int) -> Profile | None:
        decoded = self._stores.codec(workspace_id).decode(mpid)
        if decoded is None:
            return None
        number, environment = decoded
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return None
            return self._read_profile(opened[0], number, mpid, (workspace_id, environment))

    def find(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> tuple[int, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            connection, codec = opened
            numbers = _holders(connection, identity_type, value, rules)
            return tuple(sorted(codec.encode(number, environment) for number in numbers))

    def holders(
        self,
        workspace_id: int,
        environment: Environment,
        identity_type: IdentityType,
        value: str,
        rules: IdentityRules,
    ) -> Holders:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return Holders(0, None)
            connection, codec = opened
            numbers = _holders(connection, identity_type, value, rules)
            if len(numbers) != 1:
                return Holders(len(numbers), None)
            [number] = numbers
            mpid = codec.encode(number, environment)
            return Holders(1, self._read_profile(connection, number, mpid, (workspace_id, environment)))

    def _read_profile(
        self, connection: duckdb.DuckDBPyConnection, number: int, mpid: int, scope: tuple[int, Environment]
    ) -> Profile | None:
        """A profile by its number. Few, plain statements: this is what a look-up costs."""
        made = _read_making(connection, number)
        if made.created_by is None:
            return None
        directory = self._directory(connection, scope, made.state)
        versions = Versions(connection, directory.attributes)
        current = [found for model in versions.telling if (found := versions.current(model, number))]
        runs = {made.created_by, *(run for *_, run in made.held), *(found.run for found in current)}
        if unknown := {run for run in runs if run not in directory.times}:
            directory.times.update(_times_of(connection, unknown))
        return Profile(
            mpid,
            scope[1],
            created_on=directory.times[made.created_by],
            last_stored_on=max(directory.times[run] for run in runs),
            identities=tuple(_shown_identities(made.held)),
            attributes=tuple(_shown_attributes(current)),
        )

    def _directory(
        self, connection: duckdb.DuckDBPyConnection, scope: tuple[int, Environment], state: int
    ) -> _Directory:
        known = self._directories.get(scope)
        if known is None or known.state != state:
            known = self._directories[scope] = _Directory(state, read_attributes(connection), {})
        return known

    def history(self, workspace_id: int, mpid: int) -> tuple[AttributeChange, ...] | None:
        with self._stored_profile(workspace_id, mpid) as found:
            return None if found is None else read_history(found.connection, found.number)

    def explain(self, workspace_id: int, mpid: int) -> Explanation | None:
        with self._stored_profile(workspace_id, mpid) as found:
            if found is None:
                return None
            return Explainer(found.connection, found.codec, found.environment).explain(found.number)

    @contextmanager
    def _stored_profile(self, workspace_id: int, mpid: int) -> Iterator[_StoredProfile | None]:
        """Where a profile is; None if the workspace has no such profile."""
        decoded = self._stores.codec(workspace_id).decode(mpid)
        if decoded is None:
            yield None
            return
        number, environment = decoded
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                yield None
                return
            connection, codec = opened
            exists = connection.execute("SELECT 1 FROM profiles WHERE profile = ?", [number]).fetchall()
            yield _StoredProfile(connection, codec, number, environment) if exists else None

    def recent(
        self, workspace_id: int, environment: Environment, *, after: int, most: int
    ) -> tuple[AppliedRecord, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            connection, codec = opened
            versions = Versions(connection)
            found = [
                version for model in versions.telling for version in versions.latest(model, after=after, most=most)
            ]
            found.sort(key=attrgetter("seq"), reverse=True)
            return tuple(_applied_record(connection, codec, environment, version) for version in found[:most])

    def rejects(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[Rejects, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            return tuple(_read_rejects(opened[0], run_id))

    def dropped_values(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[DroppedValues, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            found = opened[0].execute(
                """SELECT attribute, reason, sum(dropped)::BIGINT FROM drop_counts WHERE run = ?
                   GROUP BY attribute, reason ORDER BY sum(dropped) DESC, attribute LIMIT 100""",
                [run_id],
            )
            return tuple(DroppedValues(*line) for line in found.fetchall())

    def new_attributes(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[str, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            found = opened[0].execute(
                "SELECT name FROM attributes GROUP BY name HAVING min(run) = ? AND count(run) = count(*) ORDER BY name",
                [run_id],
            )
            return tuple(name for (name,) in found.fetchall())

    def progress(self, workspace_id: int, environment: Environment, run_id: int) -> RunCounts | None:
        with self._stores.reading(workspace_id, environment) as opened:
            found = opened and read_progress(opened[0], run_id)
            return found.counts if found and found.chunks else None

    def profile_count(self, workspace_id: int, environment: Environment) -> int:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return 0
            [(count,)] = opened[0].execute("SELECT count(*) FROM profiles").fetchall()
            return int(count)


def _holders(
    connection: duckdb.DuckDBPyConnection, identity_type: IdentityType, value: str, rules: IdentityRules
) -> list[int]:
    """The numbers of the profiles that hold an identity. No identity is NULL, which nothing equals."""
    fingerprint = fingerprint_constant(value, identity_type, rules)
    given = {"value": value} if "$value" in fingerprint else {}
    found = connection.execute(f"SELECT profile FROM lookup WHERE h = {fingerprint}", given).fetchall()
    return [number for (number,) in found]


def _applied_record(
    connection: duckdb.DuckDBPyConnection, codec: MpidCodec, environment: Environment, version: Version
) -> AppliedRecord:
    return AppliedRecord(
        sequence=version.seq,
        mpid=codec.encode(version.profile, environment),
        data_model_key=version.data_model,
        run_id=version.run,
        load_timestamp=_utc(version.load_ts),
        identities=tuple(_shown_identities(_held_identities(connection, version.profile))),
        attributes=tuple(_shown_attributes([version])),
    )


def _held_identities(connection: duckdb.DuckDBPyConnection, profile: int) -> list[tuple[int, str, int, int]]:
    """Type, value, ``seq`` and run of every identity of a profile."""
    return connection.execute(f"SELECT type, value, seq, run FROM identities WHERE profile = {profile:d}").fetchall()


@dataclass(frozen=True, slots=True)
class _Making:
    """Who made a profile, None if there is no such profile; what it holds; and the state of the store that says so."""

    created_by: int | None
    held: list[tuple[int, str, int, int]]
    state: int


def _read_making(connection: duckdb.DuckDBPyConnection, profile: int) -> _Making:
    found = connection.execute(
        f"""SELECT 'made' AS told, NULL AS type, NULL AS value, NULL AS seq, run FROM profiles WHERE profile = {profile:d}
            UNION ALL SELECT 'holds', type, value, seq, run FROM identities WHERE profile = {profile:d}
            UNION ALL SELECT 'state', NULL, NULL, next_seq, NULL FROM counters"""
    ).fetchall()
    return _Making(
        next((run for told, *_, run in found if told == "made"), None),
        [tuple(rest) for told, *rest in found if told == "holds"],
        next(seq for told, _, _, seq, _ in found if told == "state"),
    )


def _times_of(connection: duckdb.DuckDBPyConnection, runs: Collection[int]) -> dict[int, datetime]:
    """When each of some runs last committed."""
    listed = ", ".join(str(run) for run in runs)
    known = dict(connection.execute(f"SELECT run, applied_on FROM run_progress WHERE run IN ({listed})").fetchall())
    return {run: _utc(known.get(run)) for run in runs}


def _shown_identities(held: Sequence[tuple[int, str, int, int]]) -> Iterator[ProfileIdentity]:
    """The current value of each type, the last written one, in the order of the types."""
    last = {code: value for code, value, _, _ in sorted(held, key=itemgetter(2))}
    for code in sorted(last):
        yield ProfileIdentity(TYPE_OF_CODE[code], last[code])


def _shown_attributes(current: Sequence[Version]) -> Iterator[ProfileAttribute]:
    """The newest value of each attribute across data models, by name."""
    newest: dict[str, tuple[AttributeValue, Version]] = {}
    for version in sorted(current, key=lambda found: (found.newest_ts, found.run)):
        newest.update((name, (value, version)) for name, value in version.values.items())
    for name in sorted(newest):
        value, version = newest[name]
        yield ProfileAttribute(name, value, value_text(value), version.data_model, version.run, _utc(version.newest_ts))


def _read_rejects(connection: duckdb.DuckDBPyConnection, run_id: int) -> Iterator[Rejects]:
    counts = connection.execute(
        "SELECT reason, sum(rows) FROM reject_counts WHERE run = ? GROUP BY reason ORDER BY sum(rows) DESC, reason",
        [run_id],
    ).fetchall()
    for reason, count in counts:
        samples = connection.execute(
            "SELECT ord, row FROM reject_samples WHERE run = ? AND reason = ? ORDER BY ord LIMIT 20", [run_id, reason]
        ).fetchall()
        yield Rejects(reason, int(count), tuple(RejectSample(order, json.loads(row)) for order, row in samples))


def _utc(moment: datetime | None) -> datetime:
    return datetime.fromtimestamp(0, UTC) if moment is None else moment.replace(tzinfo=UTC)
