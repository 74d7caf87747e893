"""What a pipeline's runs may take of the warehouse, and what a run took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from warehouse_sync.catalog.migrations.versions.v0001_control_database import BigNumber, Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("statement_timeout_seconds", BigNumber, nullable=False, server_default="0"))
    op.add_column("pipelines", sa.Column("max_bytes_billed", BigNumber, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("warehouse_use", Json))


def downgrade() -> None:
    raise NotImplementedError("Budgets would be lost; go back to a backup.")
