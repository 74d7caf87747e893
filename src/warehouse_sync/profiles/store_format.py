"""The format of a store's file: its tables are made, and brought up from earlier versions, in one transaction each."""

from __future__ import annotations

from typing import Final

import duckdb

from warehouse_sync.crashpoints import crashpoint
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles import schema
from warehouse_sync.profiles.merge import digest_sql
from warehouse_sync.profiles.versions import data_models_in

_HAS_A_VERSION: Final = (
    "SELECT 1 FROM duckdb_tables() WHERE table_name = 'store_version' AND database_name = current_database()"
)


def make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables of a new store, all or none."""
    connection.execute("BEGIN")
    for statement in schema.CREATE:
        connection.execute(statement)
    connection.execute("INSERT INTO store_version VALUES (?, ?)", [schema.VERSION, duckdb.__version__])
    connection.execute("COMMIT")


def bring_up_to_date(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Makes a store that an earlier version, or another version of the engine, has written one of this version.

    Args:
        connection: one whose tables are the store's.
        name: of its file, for messages.

    Raises:
        StoreError: a newer version has written it.
    """
    if not connection.execute(_HAS_A_VERSION).fetchall():  # its maker died between making the file and its tables
        make_tables(connection)
        return
    [(version, engine)] = connection.execute("SELECT version, engine FROM store_version").fetchall()
    if version > schema.VERSION:
        raise StoreError(
            f"The profile store {name} was written by a newer version of Warehouse Sync "
            f"(format {version}; this one knows {schema.VERSION}). Install that version again.",
            code="store_too_new",
        )
    if version < schema.VERSION:
        _bring_up(connection, version)
    if engine != duckdb.__version__:
        _renew_digests(connection)


def _bring_up(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    connection.execute("BEGIN")
    for statement in schema.steps_from(version, data_models_in(connection)):
        connection.execute(statement)
    connection.execute("UPDATE store_version SET version = ?", [schema.VERSION])
    crashpoint("store_migrating")
    connection.execute("COMMIT")
    crashpoint("store_migrated")


def _renew_digests(connection: duckdb.DuckDBPyConnection) -> None:
    """The engine's hash may differ between its versions; digests made by another version would make every row look changed."""
    connection.execute("BEGIN")
    models: dict[int, list[tuple[int, str]]] = {}
    for model, number in connection.execute("SELECT data_model, number FROM attributes").fetchall():
        models.setdefault(model, []).append((number, f"a_{number}"))
    for model, cells in models.items():
        for table in (schema.current_table(model), schema.history_table(model)):
            connection.execute(
                f"UPDATE {table} SET digest = {digest_sql(cells)} FROM {schema.values_table(model)} said WHERE {table}.seq = said.seq"
            )
    connection.execute("DELETE FROM row_digests")
    connection.execute("UPDATE run_progress SET keeps_digests = false WHERE keeps_digests")
    connection.execute("UPDATE store_version SET engine = ?", [duckdb.__version__])
    connection.execute("COMMIT")
