"""Health check of the worker's container: exit 0 when a worker on this host was seen of late, else 1."""

from __future__ import annotations

import socket
import sys

import sqlalchemy as sa

from shared import tables
from shared.database import Database, clock
from shared.settings import Settings

SEEN_WITHIN_S = 30.0


def main() -> int:
    """Ask the table of workers, by the database's clock."""
    settings = Settings()
    database = Database(settings.database, pool_size=1)
    mine = tables.worker.c.name.startswith(f"{socket.gethostname()}-", autoescape=True)
    recent = tables.worker.c.seen_at > clock() - SEEN_WITHIN_S
    with database.read() as connection:
        alive = connection.scalar(sa.select(sa.func.count()).where(mine, recent))
    database.close()
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
