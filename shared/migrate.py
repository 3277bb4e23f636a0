"""Bring the ledger's tables to the newest version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.database import Database

MIGRATIONS = Path(__file__).parent.parent / "deploy" / "migrations"
LOCK = 0x636C696E71  # "clinq": one migration at a time on PostgreSQL


def upgrade(database: Database) -> None:
    """Run all migrations that are missing; several processes may call it at once."""
    with database.write() as connection:
        lead_to(connection)


def lead_to(connection: sa.Connection, revision: str = "head") -> None:
    """Run the migrations up to this one in the caller's transaction; one process at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def known(revision: str) -> bool:
    """Whether this version of clinq has such a migration."""
    return any(each.revision == revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def current(database: Database) -> bool:
    """Whether the tables are at the newest version."""
    with database.read() as connection:
        found = revision(connection)
    return found == ScriptDirectory.from_config(_config()).get_current_head()


def revision(connection: sa.Connection) -> str | None:
    """The version of the tables; None when there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
