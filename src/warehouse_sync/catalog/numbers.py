"""Numbers that the profile stores refer to and that therefore are never given twice, not even by a database from an earlier backup."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import data_models, pipelines, runs

_COLUMNS: Final = (runs.c.id, data_models.c.key, pipelines.c.key)


def pass_over(tx: Transaction, *, run_id: int, data_model_key: int, pipeline_key: int) -> bool:
    """Sees to it that whatever is made next gets a greater number than these; returns whether one would have been given again."""
    last = (run_id, data_model_key, pipeline_key)
    raised = [_raise(tx, column, number) for column, number in zip(_COLUMNS, last, strict=True)]
    return any(raised)


def _raise(tx: Transaction, column: sa.Column[int], number: int) -> bool:
    if tx.dialect.name == "postgresql":
        return _raise_postgres(tx, column, number)
    table = {"table": column.table.name, "number": number}
    given = tx.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table"), table).scalar_one_or_none()
    if (given or 0) >= number:
        return False
    tx.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :table"), table)
    tx.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), table)
    return True


def _raise_postgres(tx: Transaction, column: sa.Column[int], number: int) -> bool:
    named = {"table": column.table.name, "column": column.name}
    sequence = tx.execute(sa.text("SELECT pg_get_serial_sequence(:table, :column)"), named).scalar_one()
    last, is_given = tx.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()
    if number <= (last if is_given else last - 1):
        return False
    tx.execute(sa.text("SELECT setval(CAST(:sequence AS regclass), :number)"), {"sequence": sequence, "number": number})
    return True
