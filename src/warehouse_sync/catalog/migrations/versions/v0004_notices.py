"""The outbox of the webhook, and since when a pipeline is known to be stale."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from warehouse_sync.catalog.migrations.versions.v0001_control_database import BigNumber, Instant, Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("stale_from", Instant))
    op.create_table(
        "notices",
        sa.Column("key", BigNumber, primary_key=True, autoincrement=True),
        sa.Column("notice_id", sa.Text, nullable=False),
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
        sa.PrimaryKeyConstraint("key", name="pk_notices"),
        sa.UniqueConstraint("notice_id", name="uq_notices_notice_id"),
        sa.UniqueConstraint("subject", name="uq_notices_subject"),
        sa.CheckConstraint("outcome IN ('waiting', 'delivered', 'given_up')", name="ck_notices_outcome"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_outcome", "notices", ["outcome", "next_attempt_on"])


def downgrade() -> None:
    raise NotImplementedError("Notices that wait would be lost; go back to a backup.")
