"""How Alembic runs our steps: on the connection it is given, inside the transaction that is already open."""

from __future__ import annotations

from alembic import context

from warehouse_sync.crashpoints import crashpoint


def _applied(*_step: object, **_more: object) -> None:
    crashpoint("migration_step")


context.configure(connection=context.config.attributes["connection"], transactional_ddl=True, on_version_apply=_applied)
context.run_migrations()
