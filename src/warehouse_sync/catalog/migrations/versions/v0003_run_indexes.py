"""Version 3: indexes, so that planning costs the same after years of runs as on the first day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    awaited = sa.text("retry_on IS NOT NULL")
    op.create_index("ix_runs_pipeline_interval_end", "runs", ["pipeline_key", "interval_end"])
    op.create_index("ix_runs_retry_on", "runs", ["retry_on"], sqlite_where=awaited, postgresql_where=awaited)


def downgrade() -> None:
    op.drop_index("ix_runs_retry_on", "runs")
    op.drop_index("ix_runs_pipeline_interval_end", "runs")
