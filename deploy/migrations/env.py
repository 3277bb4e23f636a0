"""Run by Alembic: migrate over the connection that shared/migrate.py hands in."""

from alembic import context

from shared.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
