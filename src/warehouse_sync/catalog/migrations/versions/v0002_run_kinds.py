"""Kinds of runs, cancellation, the history of attempts, and what a pipeline's runs do about failed intervals and late rows."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from warehouse_sync.catalog.migrations.versions import v0001_control_database as v0001
from warehouse_sync.catalog.migrations.versions.v0001_control_database import BigNumber, Instant, Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KINDS: Final = "run_kind IN ('scheduled', 'manual', 'resync', 'backfill', 'verify', 'repair', 'undo')"
_UNIQUE: Final = {
    "uq_runs_scheduled": (("pipeline_key", "logical_date"), "run_kind = 'scheduled'"),
    "uq_runs_manual_success": (
        ("pipeline_key", "interval_start"),
        "run_kind = 'manual' AND state = 'success' AND interval_start < interval_end",
    ),
}


def upgrade() -> None:
    _add_policy()
    _widen_kinds()
    _keep_attempts()


def downgrade() -> None:
    raise NotImplementedError("Version 1 does not know the kinds of runs that may be stored; go back to a backup.")


def _add_policy() -> None:
    for column in (
        sa.Column("on_failed_interval", sa.Text, nullable=False, server_default="wait"),
        sa.Column("lookback_seconds", BigNumber, nullable=False, server_default="0"),
        sa.Column("repairs_late_rows", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("counts_unread_rows", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("pipelines", column)


def _widen_kinds() -> None:
    """Until now a run's kind was its published type: the column keeps its values and gets a name and a check of its own."""
    for name in _UNIQUE:
        op.drop_index(name, "runs")
    before = v0001.runs.to_metadata(sa.MetaData(naming_convention=v0001.metadata.naming_convention))
    for index in [index for index in before.indexes if index.name in _UNIQUE]:
        before.indexes.remove(index)
    with op.batch_alter_table("runs", copy_from=before) as runs:
        runs.drop_constraint("ck_runs_run_type", type_="check")
        runs.alter_column("run_type", new_column_name="run_kind")
        runs.create_check_constraint("ck_runs_run_kind", _KINDS)
        runs.add_column(sa.Column("target_run_id", BigNumber, sa.ForeignKey("runs.id", name="fk_runs_target_run_id")))
        runs.add_column(sa.Column("details", Json))
        runs.add_column(sa.Column("cancel_requested_on", Instant))
        runs.add_column(sa.Column("cancel_requested_by", sa.Text))
        runs.add_column(sa.Column("unread", Json))
    for name, (columns, where) in _UNIQUE.items():
        condition = sa.text(where)
        op.create_index(name, "runs", list(columns), unique=True, sqlite_where=condition, postgresql_where=condition)


def _keep_attempts() -> None:
    """Of each finished run the latest attempt is known; the earlier ones were not kept."""
    op.create_table(
        "run_attempts",
        sa.Column("run_id", BigNumber, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_on", Instant),
        sa.Column("finished_on", Instant, nullable=False),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_message", sa.Text),
        sa.Column("retry_on", Instant),
        sa.PrimaryKeyConstraint("run_id", "attempt", name="pk_run_attempts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_attempts_run_id"),
    )
    op.execute(
        """INSERT INTO run_attempts (run_id, attempt, started_on, finished_on, failure_code, failure_message, retry_on)
           SELECT id, attempt, started_on, finished_on, failure_code, failure_message, retry_on
           FROM runs WHERE finished_on IS NOT NULL"""
    )
