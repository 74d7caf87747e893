"""The tables of the control database, and the constraints that decide what may not happen twice.

Objects that customers name are never removed: ``deleted_on`` ends their life, and a partial unique index keeps the id unique among the
living only. Everything that refers to them does so by the surrogate ``key``, so a re-created id inherits nothing (decision D26).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa


class Instant(sa.TypeDecorator[datetime]):
    """An aware moment, kept in UTC. SQLite has no zones, so what comes back without one is UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigNumber: Final = sa.BigInteger().with_variant(
    sa.Integer(), "sqlite"
)  # SQLite numbers rows only in a column called INTEGER
Json: Final = sa.JSON(none_as_null=True)


def written_out(word: str) -> sa.ColumnElement[str]:
    """A word of ours in the text of a query, not as a parameter.

    SQLite uses a partial index only where its very condition stands in the query, and plans a query anew whenever it is asked with a
    parameter that an index might depend on.
    """
    return sa.literal_column(f"'{word}'", sa.Text)


metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _surrogate(name: str = "key") -> sa.Column[int]:
    return sa.Column(name, BigNumber, primary_key=True, autoincrement=True)


def _workspace() -> sa.Column[int]:
    return sa.Column("workspace_id", BigNumber, sa.ForeignKey("workspaces.id"), nullable=False)


def _lifetime() -> tuple[sa.Column[datetime] | sa.Column[str], ...]:
    return (
        sa.Column("created_on", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("last_modified_on", Instant),
        sa.Column("last_modified_by", sa.Text),
        sa.Column("deleted_on", Instant),
    )


def _one_living_id(table: str) -> sa.Index:
    living = sa.text("deleted_on IS NULL")
    return sa.Index(
        f"uq_{table}_living_id", "workspace_id", "id", unique=True, sqlite_where=living, postgresql_where=living
    )


def _unique_where(name: str, *columns: str, where: str) -> sa.Index:
    return sa.Index(name, *columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


home_facts: Final = sa.Table(
    "home_facts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

workspaces: Final = sa.Table(
    "workspaces",
    metadata,
    sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("org_id", BigNumber, nullable=False),
    sa.Column("account_id", BigNumber, nullable=False),
    sa.Column("identity_settings", Json),
    sa.Column("created_on", Instant, nullable=False),
)

credentials: Final = sa.Table(
    "credentials",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("permission", sa.Text, nullable=False),
    sa.Column("secret_digest", sa.LargeBinary, nullable=False),
    sa.Column("all_workspaces", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_on", Instant, nullable=False),
    sa.CheckConstraint("permission IN ('admin', 'user', 'profile')", name="permission"),
)

credential_workspaces: Final = sa.Table(
    "credential_workspaces",
    metadata,
    sa.Column("client_id", sa.Text, sa.ForeignKey("credentials.client_id"), primary_key=True),
    sa.Column("workspace_id", BigNumber, sa.ForeignKey("workspaces.id"), primary_key=True),
)

feeds: Final = sa.Table(
    "feeds",
    metadata,
    _surrogate("id"),
    _workspace(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_digest", sa.LargeBinary, nullable=False),
    sa.Column("secret_digest", sa.LargeBinary, nullable=False),
    sa.Column("module_name", sa.Text, nullable=False),
    sa.Column("os", sa.Text, nullable=False),
    sa.Column("is_debug", sa.Boolean, nullable=False),
    sa.Column("created_on", Instant, nullable=False),
    sa.UniqueConstraint("workspace_id", "key_digest"),
    sqlite_autoincrement=True,
)

connections: Final = sa.Table(
    "connections",
    metadata,
    _surrogate(),
    _workspace(),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("is_faulted", sa.Boolean, nullable=False),
    *_lifetime(),
    _one_living_id("connections"),
    sqlite_autoincrement=True,
)

connection_secrets: Final = sa.Table(
    "connection_secrets",
    metadata,
    sa.Column("connection_key", BigNumber, sa.ForeignKey("connections.key"), primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

data_models: Final = sa.Table(
    "data_models",
    metadata,
    _surrogate(),
    _workspace(),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sql_query", sa.Text, nullable=False),
    sa.Column("load_timestamp_name", sa.Text, nullable=False),
    sa.Column("load_timestamp_type", sa.Text, nullable=False),
    sa.Column("load_timestamp_zone", sa.Text),
    sa.Column("load_timestamp_offset_seconds", BigNumber, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *_lifetime(),
    _one_living_id("data_models"),
    sqlite_autoincrement=True,
)

pipelines: Final = sa.Table(
    "pipelines",
    metadata,
    _surrogate(),
    _workspace(),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("connection_key", BigNumber, sa.ForeignKey("connections.key"), nullable=False),
    sa.Column("data_model_key", BigNumber, sa.ForeignKey("data_models.key"), nullable=False),
    sa.Column("partner_feed_id", BigNumber, sa.ForeignKey("feeds.id"), nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("schedule_interval", sa.Text, nullable=False),
    sa.Column("schedule_start", Instant),
    sa.Column("schedule_end", Instant),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("is_draft", sa.Boolean, nullable=False),
    sa.Column("resumed_on", Instant),
    sa.Column("faulted_reason", sa.Text),
    sa.Column("active_slot", sa.Integer),
    sa.Column("on_failed_interval", sa.Text, nullable=False, server_default="wait"),
    sa.Column("lookback_seconds", BigNumber, nullable=False, server_default="0"),
    sa.Column("repairs_late_rows", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("counts_unread_rows", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("stale_from", Instant),
    sa.Column("statement_timeout_seconds", BigNumber, nullable=False, server_default="0"),
    sa.Column("max_bytes_billed", BigNumber, nullable=False, server_default="0"),
    *_lifetime(),
    _one_living_id("pipelines"),
    # "At most N active pipelines": an active pipeline holds one of the numbers 1 to N, and nobody else can hold it.
    sa.Index("uq_pipelines_active_slot", "workspace_id", "active_slot", unique=True),
    sa.CheckConstraint(
        "(active_slot IS NOT NULL) = (is_active AND NOT is_draft AND deleted_on IS NULL)", name="slot_if_active"
    ),
    sqlite_autoincrement=True,
)

runs: Final = sa.Table(
    "runs",
    metadata,
    _surrogate("id"),
    _workspace(),
    sa.Column("pipeline_key", BigNumber, sa.ForeignKey("pipelines.key"), nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("run_kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("logical_date", Instant, nullable=False),
    sa.Column("interval_start", Instant, nullable=False),
    sa.Column("interval_end", Instant, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("epoch", BigNumber, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("holder", sa.Text),
    sa.Column("lease_until", Instant),
    sa.Column("retry_on", Instant),
    sa.Column("started_on", Instant),
    sa.Column("finished_on", Instant),
    sa.Column("counts", Json),
    sa.Column("generated_sql", Json),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_message", sa.Text),
    sa.Column("created_on", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    # The run that this one undoes or repairs, and what else its kind must know.
    sa.Column("target_run_id", BigNumber, sa.ForeignKey("runs.id")),
    sa.Column("details", Json),
    sa.Column("cancel_requested_on", Instant),
    sa.Column("cancel_requested_by", sa.Text),
    # Rows that no interval holds, as the run counted them.
    sa.Column("unread", Json),
    # What reading took of the warehouse.
    sa.Column("warehouse_use", Json),
    sa.CheckConstraint(
        "run_kind IN ('scheduled', 'manual', 'resync', 'backfill', 'verify', 'repair', 'undo')", name="run_kind"
    ),
    sa.CheckConstraint("state IN ('triggered', 'queued', 'running', 'success', 'failed')", name="state"),
    sa.CheckConstraint("interval_start <= interval_end", name="interval"),
    _unique_where("uq_runs_scheduled", "pipeline_key", "logical_date", where="run_kind = 'scheduled'"),
    _unique_where("uq_runs_unfinished", "pipeline_key", where="state IN ('triggered', 'queued', 'running')"),
    _unique_where(
        "uq_runs_manual_success",
        "pipeline_key",
        "interval_start",
        where="run_kind = 'manual' AND state = 'success' AND interval_start < interval_end",
    ),
    sa.Index("ix_runs_pipeline_logical_date", "pipeline_key", "logical_date", "id"),
    sa.Index("ix_runs_pipeline_interval_end", "pipeline_key", "interval_end"),
    sa.Index(
        "ix_runs_retry_on",
        "retry_on",
        sqlite_where=sa.text("retry_on IS NOT NULL"),
        postgresql_where=sa.text("retry_on IS NOT NULL"),
    ),
    sa.Index("ix_runs_state", "state"),
    sqlite_autoincrement=True,
)

run_attempts: Final = sa.Table(
    "run_attempts",
    metadata,
    sa.Column("run_id", BigNumber, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("started_on", Instant),
    sa.Column("finished_on", Instant, nullable=False),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_message", sa.Text),
    sa.Column("retry_on", Instant),
)

audit_log: Final = sa.Table(
    "audit_log",
    metadata,
    _surrogate("id"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("workspace_id", BigNumber),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object_kind", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("details", Json),
    sa.Index("ix_audit_log_workspace_id", "workspace_id", "id"),
    sqlite_autoincrement=True,
)

notices: Final = sa.Table(
    "notices",
    metadata,
    _surrogate(),
    sa.Column("notice_id", sa.Text, nullable=False),
    # What happened, where it can be told twice.
    sa.Column("subject", sa.Text),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("workspace_id", BigNumber),
    sa.Column("pipeline_id", sa.Text),
    sa.Column("facts", Json, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("next_attempt_on", Instant),
    sa.Column("last_answer", sa.Text),
    sa.Column("finished_on", Instant),
    sa.UniqueConstraint("notice_id"),
    sa.UniqueConstraint("subject"),
    sa.CheckConstraint("outcome IN ('waiting', 'delivered', 'given_up')", name="outcome"),
    sa.Index("ix_notices_outcome", "outcome", "next_attempt_on"),
    sqlite_autoincrement=True,
)
