"""How Alembic runs our steps: on the connection it is given, inside the transaction that is already open."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
