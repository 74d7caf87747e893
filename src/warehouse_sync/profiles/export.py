"""Profiles in bulk, as Parquet or JSON lines: one snapshot, streamed, in memory that does not grow with the store.

All is read in one transaction, a range of profile numbers at a time. Whoever stops reading ends the transaction by closing the iterator.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.domain.identity import TYPE_OF_CODE
from warehouse_sync.errors import NotFound
from warehouse_sync.profiles.duckdb_store import DuckDbStores
from warehouse_sync.profiles.export_columns import (
    IDENTITY,
    INSTANT,
    ExportedAttribute,
    exported_attributes,
    identities_sql,
    json_object_sql,
)
from warehouse_sync.profiles.mpid import MpidCodec
from warehouse_sync.profiles.schema import current_table, history_table, newest_time, values_table
from warehouse_sync.profiles.versions import data_models_in

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

RANGE_PROFILES: Final = 50_000
"""Profile numbers that are read at once."""

_ORIGIN: Final = pa.struct(
    [("data_model_id", pa.string()), ("pipeline_run_id", pa.int64()), ("load_timestamp", INSTANT)]
)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is wanted.

    Attributes:
        since_run: only profiles that this run, or anything applied since its first row, has changed; None for all.
        origins: whether attributes come with the data model, run and load timestamp that they have their values from.
        data_model_ids: published ids by key; a data model that is not among them is shown as null.
    """

    workspace_id: int
    environment: Environment
    form: ExportForm
    since_run: int | None = None
    origins: bool = True
    data_model_ids: Mapping[int, str] = field(default_factory=dict)


class ProfileExporter(Protocol):
    """Safe to use from any thread while runs apply."""

    def data_models(self, workspace_id: int, environment: Environment) -> list[int]:
        """The keys of the data models that a store knows."""
        ...

    def export(self, request: ExportRequest) -> Generator[bytes]:
        """The export, piece by piece. A transaction is open from the first piece until the iterator ends or is closed.

        Raises:
            NotFound: ``since_run`` has committed nothing in this environment; before the first piece.
            StoreError: the store cannot be read.
        """
        ...


class DuckDbExporter:
    """Implements ``ProfileExporter`` on the DuckDB stores of a home."""

    def __init__(self, stores: DuckDbStores) -> None:
        self._stores = stores

    def data_models(self, workspace_id: int, environment: Environment) -> list[int]:
        with self._stores.reading(workspace_id, environment) as opened:
            return [] if opened is None else data_models_in(opened[0])

    def export(self, request: ExportRequest) -> Generator[bytes]:
        with self._stores.reading(request.workspace_id, request.environment) as opened:
            if opened is None and request.since_run is not None:
                raise _unknown_run(request.since_run)
            snapshot = None if opened is None else _Snapshot(request, *opened)
            if request.form is ExportForm.JSON_LINES:
                yield from () if snapshot is None else snapshot.lines()
                return
            schema = _schema(request, [] if snapshot is None else snapshot.attributes)
            yield from _parquet(schema, iter(()) if snapshot is None else snapshot.tables(schema))


class _Snapshot:
    """The profiles of one scope, as one transaction sees them."""

    def __init__(self, request: ExportRequest, connection: duckdb.DuckDBPyConnection, codec: MpidCodec) -> None:
        self._request = request
        self._connection = connection
        self._codec = codec
        self._models = data_models_in(connection)
        types = connection.execute("SELECT DISTINCT type FROM identities ORDER BY type").fetchall()
        self._codes = [code for (code,) in types]
        self.attributes = exported_attributes(connection)
        self._wanted = "true"
        if request.since_run is not None:
            self._note_changed(request.since_run)
            self._wanted = "profile IN (SELECT profile FROM changed_profiles)"

    def tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """The profiles as Arrow tables of a schema."""
        columns = ["p.profile", "made.applied_on AS created_on", "held.* EXCLUDE (profile)"]
        for place, attribute in enumerate(self.attributes):
            columns.append(f"{attribute.value} AS x_{place}")
            if self._request.origins:
                names = (f"model_{place}", f"run_{place}", f"ts_{place}")
                origin = attribute.origin(self._request.data_model_ids)
                columns += [f"{sql} AS {name}" for sql, name in zip(origin, names, strict=True)]
        for found in self._ranges(columns):
            yield self._shaped(found, schema)

    def lines(self) -> Iterator[bytes]:
        """The profiles as JSON objects, one a line, without what has no value."""
        identities = [(TYPE_OF_CODE[code], f"to_json(held.i_{code})::VARCHAR") for code in self._codes]
        attributes = [(attribute.name, attribute.json) for attribute in self.attributes]
        fields = [
            ("created_on", """'"' || replace(made.applied_on::VARCHAR, ' ', 'T') || 'Z"'"""),
            ("identities", json_object_sql(identities)),
            ("more_identities", "to_json(held.more)::VARCHAR"),
            ("attributes", json_object_sql(attributes)),
        ]
        if self._request.origins:
            origins = [(attribute.name, self._origin_json(attribute)) for attribute in self.attributes]
            fields.append(("origins", json_object_sql(origins)))
        for found in self._ranges(["p.profile", f"substr({json_object_sql(fields)}, 2) AS line"]):
            mpids = self._mpids(found).tolist()
            lines = found.column("line").to_pylist()
            yield "".join(f'{{"mpid":"{mpid}",{line}\n' for mpid, line in zip(mpids, lines, strict=True)).encode()

    def _origin_json(self, attribute: ExportedAttribute) -> str:
        model, run, ts = attribute.origin(self._request.data_model_ids)
        parts = [
            ("data_model_id", f"to_json({model})::VARCHAR"),
            ("pipeline_run_id", f"({run})::VARCHAR"),
            ("load_timestamp", f"""'"' || replace(({ts})::VARCHAR, ' ', 'T') || 'Z"'"""),
        ]
        return f"CASE WHEN {attribute.is_there} THEN {json_object_sql(parts)} END"

    def _ranges(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The columns of one range of profiles after the other, in the order of their numbers."""
        [(last,)] = self._connection.execute("SELECT coalesce(max(profile), 0) FROM profiles").fetchall()
        for first in range(1, last + 1, RANGE_PROFILES):
            found = self._connection.sql(self._query(columns, first, first + RANGE_PROFILES)).to_arrow_table()
            if found.num_rows:
                yield found.combine_chunks()

    def _query(self, columns: Sequence[str], first: int, end: int) -> str:
        inside = f"profile >= {first} AND profile < {end}"
        said = " ".join(
            f"""LEFT JOIN (SELECT c.profile, c.run, {newest_time("c")} AS ts, v.* EXCLUDE (seq)
                           FROM (SELECT * FROM {current_table(model)} WHERE {inside}) c
                           JOIN {values_table(model)} v USING (seq)) d_{model} ON d_{model}.profile = p.profile"""
            for model in self._models
        )
        return f"""SELECT {", ".join(columns)} FROM (SELECT * FROM profiles WHERE {inside} AND {self._wanted}) p
                   LEFT JOIN run_progress made ON made.run = p.run
                   LEFT JOIN ({identities_sql(inside, self._codes)}) held ON held.profile = p.profile
                   {said} ORDER BY p.profile"""

    def _note_changed(self, run: int) -> None:
        [(since,)] = self._connection.execute("SELECT min(first_seq) FROM applied WHERE run = ?", [run]).fetchall()
        if since is None:
            raise _unknown_run(run)
        changed = [
            f"SELECT profile FROM identities WHERE attached_seq >= {since} OR seq >= {since}",
            f"SELECT profile FROM moved WHERE taken_seq >= {since}",
            f"SELECT profile FROM moved WHERE returned_by IN (SELECT run FROM applied WHERE first_seq >= {since})",
        ]
        for model in self._models:
            changed.append(f"SELECT profile FROM {current_table(model)} WHERE seq >= {since}")
            changed.append(f"SELECT profile FROM {history_table(model)} WHERE replaced_seq >= {since}")
        self._connection.execute(f"CREATE TEMP TABLE changed_profiles AS {' UNION '.join(changed)}")

    def _mpids(self, found: pa.Table) -> npt.NDArray[np.uint64]:
        numbers = found.column("profile").to_numpy().astype(np.uint64)
        return self._codec.encode_many(numbers, self._request.environment)

    def _shaped(self, found: pa.Table, schema: pa.Schema) -> pa.Table:
        def column(name: str, kind: pa.DataType) -> pa.Array:
            if name not in found.schema.names:
                return pa.nulls(found.num_rows, kind)
            return pa.concat_arrays(found.column(name).cast(kind).chunks)

        columns = {
            "mpid": pa.array(self._mpids(found).astype(np.int64)),
            "created_on": column("created_on", INSTANT),
            "identities": pa.StructArray.from_arrays(
                [column(f"i_{code}", pa.string()) for code in TYPE_OF_CODE],
                fields=list(schema.field("identities").type),
            ),
            "more_identities": column("more", schema.field("more_identities").type),
        }
        if self.attributes:
            kinds = list(schema.field("attributes").type)
            values = [column(f"x_{place}", kind.type) for place, kind in enumerate(kinds)]
            columns["attributes"] = pa.StructArray.from_arrays(values, fields=kinds)
        if "origins" in schema.names:
            origins = []
            for place in range(len(self.attributes)):
                parts = [
                    column(f"{name}_{place}", part.type) for name, part in zip(_ORIGIN_COLUMNS, _ORIGIN, strict=True)
                ]
                origins.append(pa.StructArray.from_arrays(parts, fields=list(_ORIGIN), mask=parts[1].is_null()))
            columns["origins"] = pa.StructArray.from_arrays(origins, fields=list(schema.field("origins").type))
        return pa.table([columns[name] for name in schema.names], schema=schema)


_ORIGIN_COLUMNS: Final = ("model", "run", "ts")


def _schema(request: ExportRequest, attributes: Sequence[ExportedAttribute]) -> pa.Schema:
    fields = [
        pa.field("mpid", pa.int64(), nullable=False),
        pa.field("created_on", INSTANT),
        pa.field("identities", pa.struct([(str(kind), pa.string()) for kind in TYPE_OF_CODE.values()])),
        pa.field("more_identities", pa.list_(IDENTITY)),
    ]
    if attributes:  # Parquet has no struct without fields
        fields.append(pa.field("attributes", pa.struct([(found.name, found.arrow_type) for found in attributes])))
        if request.origins:
            fields.append(pa.field("origins", pa.struct([(found.name, _ORIGIN) for found in attributes])))
    return pa.schema(fields)


def _parquet(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A Parquet file in pieces: a row group per table, and the footer."""
    sink = _Pieces()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.taken()
    yield sink.taken()


class _Pieces(io.RawIOBase):
    """A file that can only be written, and whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        piece = bytes(data)
        self._waiting.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        """What was written since the last time."""
        piece = b"".join(self._waiting)
        self._waiting.clear()
        return piece


def _unknown_run(run: int) -> NotFound:
    return NotFound(f"Run {run} has committed nothing in this environment.")
