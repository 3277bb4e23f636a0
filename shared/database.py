"""Connections to the ledger's database: SQLite (WAL) on one machine, PostgreSQL on several."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from shared.errors import BackingServiceError, DeadlockError

BUSY_TIMEOUT_S = 30.0
IDLE_S = 9.0  # between two statements of one transaction
AWAY = "the database did not answer; check CLINQ_DATABASE_URL and its log"
DEADLOCK = "40P01"  # SQLSTATE of PostgreSQL
APPLICATION = "clinq"
"""How PostgreSQL lists our sessions."""


_POSTGRES = f"-c idle_in_transaction_session_timeout={IDLE_S * 1000:.0f}"
_ALIVE = {
    **{"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3},
    **{"tcp_user_timeout": 15_000, "connect_timeout": 5},
}
"""A client that freezes or vanishes in mid-transaction loses its locks: nobody waits for it longer than for a lease."""


class clock(FunctionElement[float]):  # noqa: N801 - reads as an SQL function
    """Seconds since the epoch by the database's own clock, so that machines need not agree on theirs."""

    type = sa.Double()
    inherit_cache = True


@compiles(clock, "sqlite")
def _clock_sqlite(_element: clock, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # unixepoch('subsec') needs SQLite 3.42


@compiles(clock, "postgresql")
def _clock_postgresql(_element: clock, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


class Database:
    """One pool of connections; hand it in wherever rows are read or written."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            self.engine = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=pool_size,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"application_name": APPLICATION, "options": _POSTGRES, **_ALIVE},
            )
            return
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = sa.create_engine(
            parsed,
            pool_size=pool_size,
            hide_parameters=True,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        sa.event.listen(self.engine, "connect", _tune_sqlite)
        sa.event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def embedded(self) -> bool:
        """Whether it is SQLite, a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that commits at the end of the block. Raises BackingServiceError when SQL is away."""
        with _translated(), self.engine.connect() as connection:
            connection = connection.execution_options(clinq_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. Raises BackingServiceError when SQL is away."""
        with _translated(), self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError):
        raise  # ours to mend: the database answered
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == DEADLOCK:
            raise DeadlockError("the database ended a deadlock by undoing this transaction") from error
        raise BackingServiceError(AWAY) from error
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        # The driver's message may hold parameters: ours does not.
        raise BackingServiceError(AWAY) from error


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides how a transaction starts
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_S * 1000:.0f}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at once: an upgrade from reading to writing fails without waiting.
    write = connection.get_execution_options().get("clinq_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
