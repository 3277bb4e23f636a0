"""Whether the service still works with a database that is to be replaced."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from shared import tables
from shared.backup.errors import NotStoppedError
from shared.database import APPLICATION, Database, clock
from shared.up import only_one

WORKER_SEEN_S = 15.0
WAIT_S = 0.5
ADVICE = "stop the gateway, the reaper and all workers first"


@contextmanager
def stopped(database: Database, home: Path) -> Iterator[None]:
    """Hold the home, and see that nobody has the database open. Raises NotStoppedError, CannotStartError."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(home):
        _check_workers(database)
        if database.engine.dialect.name == "sqlite":
            database.close()  # our own connections are not looked for
            _check_file(Path(database.engine.url.database or ""))
        else:
            _check_sessions(database)
        yield


def _check_workers(database: Database) -> None:
    with database.read() as connection:
        if not sa.inspect(connection).has_table(tables.worker.name):
            return
        seen = tables.worker.c.seen_at > clock() - WORKER_SEEN_S
        names = list(connection.execute(sa.select(tables.worker.c.name).where(seen)).scalars())
    if names:
        raise NotStoppedError(f"workers live ({', '.join(names)}): {ADVICE}; one that was killed counts for 15 s")


def _check_file(path: Path) -> None:
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=WAIT_S)) as connection:
        try:
            # Who leaves write-ahead logging must be alone with the file; the next connection turns it on again.
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise NotStoppedError(f"a process has {path} open: {ADVICE}") from error


def _check_sessions(database: Database) -> None:
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
    )
    for pause_s in (WAIT_S, WAIT_S, 0.0):  # a session that has just ended is still listed for a moment
        with database.read() as connection:
            count = int(connection.execute(others, {"name": APPLICATION}).scalar_one())
        if not count:
            return
        time.sleep(pause_s)
    raise NotStoppedError(f"clinq has {count} sessions on this database: {ADVICE}")
