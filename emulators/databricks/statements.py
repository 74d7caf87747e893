"""Statements: from Databricks' SQL to Arrow and a description. sqlglot translates, DuckDB executes."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

_STATES = (
    (duckdb.CatalogException, "42P01", "TABLE_OR_VIEW_NOT_FOUND"),
    (duckdb.BinderException, "42703", "UNRESOLVED_COLUMN"),
    (duckdb.ParserException, "42601", "PARSE_SYNTAX_ERROR"),
    (duckdb.ConversionException, "22018", "CAST_INVALID_INPUT"),
    (duckdb.Error, "42000", "DATATYPE_MISMATCH"),
)
_NAMES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "BYTE"),
    (pa.types.is_int16, "SHORT"),
    (pa.types.is_int32, "INT"),
    (pa.types.is_integer, "LONG"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_binary, "BINARY"),
    (pa.types.is_null, "NULL"),
    (pa.types.is_map, "MAP"),
    (pa.types.is_struct, "STRUCT"),
    (pa.types.is_list, "ARRAY"),
)


class Failure(Exception):
    """A statement that failed."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state, self.message = state, message


@dataclass
class Statement:
    """One statement and, when it has run, its rows.

    Attributes:
        missing: the privilege that who sent it lacks for a tree, or None.
        state: PENDING, RUNNING, SUCCEEDED, FAILED or CANCELED.
    """

    sql: str
    engine: duckdb.DuckDBPyConnection
    missing: Callable[[exp.Expr], str | None] = lambda _: None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "PENDING"
    failure: Failure | None = None
    table: pa.Table | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Executes the statement; to be called on a thread of its own."""
        self.state = "RUNNING"
        try:
            self.table = _wire_form(self.engine.execute(translated(self.sql, self.missing)).to_arrow_table())
            self.state = "SUCCEEDED"
        except Failure as failure:
            self.state, self.failure = "FAILED", failure
        except duckdb.InterruptException:
            self.state = "CANCELED"
        except (duckdb.Error, pa.ArrowException) as error:
            self.state, self.failure = "FAILED", _failure(error)
        finally:
            self.done.set()

    def cancel(self) -> None:
        """Stops it; asks until it has stopped, as an interrupt is lost before the engine begins."""
        for _ in range(100):
            if self.done.wait(0.05):
                return
            self.engine.interrupt()

    def columns(self) -> list[dict[str, Any]]:
        assert self.table is not None
        return [_column(position, one) for position, one in enumerate(self.table.schema)]


def translated(sql: str, missing: Callable[[exp.Expr], str | None]) -> str:
    """The statement as DuckDB reads it.

    Raises:
        Failure: it is not exactly one statement, or a privilege is missing.
    """
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="databricks") if tree is not None]
    except sqlglot.errors.SqlglotError as error:
        raise Failure("42601", "[PARSE_SYNTAX_ERROR] " + str(error).splitlines()[0]) from None
    if len(trees) != 1:
        raise Failure("42601", "[PARSE_SYNTAX_ERROR] Syntax error at or near ';': extra input. SQLSTATE: 42601")
    if lacking := missing(trees[0]):
        raise Failure("42501", f"[INSUFFICIENT_PERMISSIONS] {lacking}. SQLSTATE: 42501")
    return str(trees[0].transform(_as_in_duckdb).sql(dialect="duckdb"))


def _as_in_duckdb(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.CurrentCatalog) or (
        isinstance(node, exp.Anonymous) and node.name.lower() == "current_catalog"
    ):
        return exp.Literal.string("main")
    if isinstance(node, exp.Table):
        node.set("catalog", None)  # there is one catalog; DuckDB has another use for the name main
    return node


def _failure(error: Exception) -> Failure:
    state, word = next(
        ((state, word) for kind, state, word in _STATES if isinstance(error, kind)), ("XX000", "INTERNAL_ERROR")
    )
    return Failure(state, f"[{word}] {str(error).splitlines()[0]} SQLSTATE: {state}")


def _wire_form(table: pa.Table) -> pa.Table:
    """Instants in the session's zone, as Databricks sends them; wall clocks without."""
    fields = []
    for one in table.schema:
        kind = one.type
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp("us", "Etc/UTC" if kind.tz else None)
        fields.append(one.with_type(kind))
    return table.cast(pa.schema(fields))


def _column(position: int, one: pa.Field) -> dict[str, Any]:
    described: dict[str, Any] = {"name": one.name, "position": position}
    if pa.types.is_decimal(one.type):
        precision, scale = one.type.precision, one.type.scale
        return {
            **described,
            "type_name": "DECIMAL",
            "type_text": f"DECIMAL({precision},{scale})",
            "type_precision": precision,
            "type_scale": scale,
        }
    if pa.types.is_timestamp(one.type):
        name = "TIMESTAMP" if one.type.tz else "TIMESTAMP_NTZ"
        return {**described, "type_name": name, "type_text": name}
    name = next((name for test, name in _NAMES if test(one.type)), "STRING")
    return {**described, "type_name": name, "type_text": name}


def chunks(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for first in range(0, table.num_rows, rows):
        yield table.slice(first, rows)


def encoded(table: pa.Table) -> bytes:
    """An Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
