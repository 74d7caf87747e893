"""Look-ups in the profile store: one profile with its origins, profiles by identity, what a run refused and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.identity import TYPE_OF_CODE, IdentityRules, IdentityType
from warehouse_sync.domain.run import RunCounts
from warehouse_sync.profiles.duckdb_store import DuckDbStores, read_progress
from warehouse_sync.profiles.explanation import Explainer
from warehouse_sync.profiles.fingerprint import fingerprint_sql
from warehouse_sync.profiles.history import read_history
from warehouse_sync.profiles.mpid import MpidCodec
from warehouse_sync.profiles.protocol import (
    AppliedRecord,
    Profile,
    ProfileAttribute,
    ProfileIdentity,
    Rejects,
    RejectSample,
)
from warehouse_sync.profiles.provenance import AttributeChange, Explanation
from warehouse_sync.profiles.schema import current_table, values_table
from warehouse_sync.profiles.values import typed_value, value_text


@dataclass(frozen=True, slots=True)
class _StoredProfile:
    connection: duckdb.DuckDBPyConnection
    codec: MpidCodec
    number: int
    environment: Environment


class DuckDbReader:
    """Implements ``ProfileReader`` and ``ProvenanceReader`` on the DuckDB stores of a home."""

    def __init__(self, stores: DuckDbStores) -> None:
        self._stores = stores

    def profile(self, workspace_id: int, mpid: int) -> Profile | None:
        decoded = self._stores.codec(workspace_id).decode(mpid)
        if decoded is None:
            return None
        number, environment = decoded
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return None
            return _read_profile(opened[0], number, mpid, environment)

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
            fingerprint = fingerprint_sql("$value::VARCHAR", identity_type, rules)
            [(print_,)] = connection.execute(f"SELECT {fingerprint}", {"value": value}).fetchall()
            if print_ is None:
                return ()
            found = connection.execute(f"SELECT profile FROM lookup WHERE h = {print_}::UHUGEINT").fetchall()
            return tuple(sorted(codec.encode(number, environment) for (number,) in found))

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
            models = [model for (model,) in connection.execute("SELECT DISTINCT data_model FROM attributes").fetchall()]
            found = [row for model in models for row in _latest_rows(connection, model, after, most)]
            found.sort(key=lambda row: row[1]["seq"], reverse=True)
            return tuple(
                AppliedRecord(
                    sequence=row["seq"],
                    mpid=codec.encode(row["profile"], environment),
                    data_model_key=model,
                    run_id=row["run"],
                    load_timestamp=_utc(row["load_ts"]),
                    identities=_read_identities(connection, row["profile"])[0],
                    attributes=tuple(_attributes_of(connection, model, row)),
                )
                for model, row in found[:most]
            )

    def rejects(self, workspace_id: int, environment: Environment, run_id: int) -> tuple[Rejects, ...]:
        with self._stores.reading(workspace_id, environment) as opened:
            if opened is None:
                return ()
            return tuple(_read_rejects(opened[0], run_id))

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


def _read_profile(
    connection: duckdb.DuckDBPyConnection, number: int, mpid: int, environment: Environment
) -> Profile | None:
    made = connection.execute(
        "SELECT applied_on FROM profiles LEFT JOIN run_progress USING (run) WHERE profile = ?", [number]
    ).fetchall()
    if not made:
        return None
    identities, identities_on = _read_identities(connection, number)
    attributes, attributes_on = _read_attributes(connection, number)
    created = _utc(made[0][0])
    stored = max(moment for moment in (created, identities_on, attributes_on) if moment is not None)
    return Profile(mpid, environment, created, stored, identities, attributes)


def _read_identities(
    connection: duckdb.DuckDBPyConnection, number: int
) -> tuple[tuple[ProfileIdentity, ...], datetime | None]:
    """The current value of each type, the last written one, in the order of the types; and when one was last attached."""
    rows = connection.execute(
        """SELECT type, arg_max(value, seq), max(applied_on) FROM identities LEFT JOIN run_progress USING (run)
           WHERE profile = ? GROUP BY type ORDER BY type""",
        [number],
    ).fetchall()
    identities = tuple(ProfileIdentity(TYPE_OF_CODE[code], value) for code, value, _ in rows)
    return identities, max((_utc(moment) for _, _, moment in rows), default=None)


def _read_attributes(
    connection: duckdb.DuckDBPyConnection, number: int
) -> tuple[tuple[ProfileAttribute, ...], datetime | None]:
    """The newest value of each attribute across data models, by name; and when one was last written."""
    newest: dict[str, ProfileAttribute] = {}
    written: datetime | None = None
    for model, row, applied_on in _read_rows(connection, number):
        written = max(written, applied_on) if written else applied_on
        for attribute in _attributes_of(connection, model, row):
            known = newest.get(attribute.name)
            if known is None or (known.load_timestamp, known.run_id) <= (attribute.load_timestamp, attribute.run_id):
                newest[attribute.name] = attribute
    return tuple(newest[name] for name in sorted(newest)), written


def _read_rows(connection: duckdb.DuckDBPyConnection, number: int) -> Iterator[tuple[int, dict[str, Any], datetime]]:
    models = connection.execute("SELECT DISTINCT data_model FROM attributes ORDER BY data_model").fetchall()
    for (model,) in models:
        cursor = connection.execute(
            f"SELECT * FROM {current_table(model)} JOIN {values_table(model)} USING (seq) WHERE profile = ?", [number]
        )
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
        if not rows:
            continue
        values = dict(zip(names, rows[0], strict=True))
        applied = connection.execute("SELECT applied_on FROM run_progress WHERE run = ?", [values["run"]]).fetchall()
        yield model, values, _utc(applied[0][0] if applied else None)


def _latest_rows(
    connection: duckdb.DuckDBPyConnection, model: int, after: int, most: int
) -> list[tuple[int, dict[str, Any]]]:
    """The current versions of a data model that were written last; versions are found first, what they say afterwards."""
    cursor = connection.execute(
        f"""SELECT * FROM (SELECT * FROM {current_table(model)} WHERE seq > ? ORDER BY seq DESC LIMIT ?)
            JOIN {values_table(model)} USING (seq)""",
        [after, most],
    )
    names = [column[0] for column in cursor.description]
    return [(model, dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _attributes_of(
    connection: duckdb.DuckDBPyConnection, model: int, row: dict[str, Any]
) -> Iterator[ProfileAttribute]:
    columns = connection.execute(
        "SELECT number, name, kind FROM attributes WHERE data_model = ? ORDER BY number", [model]
    ).fetchall()
    for number, name, kind in columns:
        stored = row[f"a_{number}"]
        if stored is None:
            continue
        value = typed_value(stored, ColumnKind(kind))
        if value is not None:
            newest = row["again_ts"] or row["load_ts"]
            yield ProfileAttribute(name, value, value_text(value), model, row["run"], _utc(newest))


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
