"""A worker that is frozen while it writes to SQLite does not keep all others from writing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import migrate, tables
from shared.database import Database, clock
from shared.stuck_writer import StuckWriter

pytestmark = pytest.mark.process
WRITE_AND_HOLD = """
import sys, time
import sqlalchemy as sa
from shared.database import Database
from shared import tables
with Database(sys.argv[1]).write() as connection:
    connection.execute(sa.update(tables.job).values(progress=0.5))
    print("holds", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate.upgrade(made)
    with made.read() as connection:
        connection.execute(sa.select(tables.job)).all()
    yield made
    made.close()


@contextmanager
def writer(database: Database, *, worker: bool = True) -> Iterator[subprocess.Popen[str]]:
    url = database.engine.url.render_as_string(hide_password=False)
    program = [sys.executable, "-c", WRITE_AND_HOLD, url]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as process:
        if worker:  # before it holds the lock
            enlist(database, process.pid)
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def enlist(database: Database, pid: int) -> None:
    row = {"name": f"{socket.gethostname()}-{pid}", "device": "cpu", "models": "{}"}
    with database.write() as connection:
        connection.execute(sa.insert(tables.worker).values(**row, started_at=clock(), seen_at=clock()))


def looked_until(watch: StuckWriter, seconds: float) -> int | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (pid := watch.look()) is not None:
            return pid
        time.sleep(0.05)
    return None


def test_a_worker_frozen_in_mid_write_is_ended_and_others_write(database: Database):
    with writer(database) as process:
        process.send_signal(signal.SIGSTOP)
        assert looked_until(StuckWriter(database, patience_s=0.3), 5.0) == process.pid
        assert process.wait(5) == -signal.SIGKILL
        enlist(database, 1)


def test_a_worker_that_writes_for_long_but_is_not_frozen_is_left_alone(database: Database):
    with writer(database) as process:
        assert looked_until(StuckWriter(database, patience_s=0.1), 0.6) is None
        assert process.poll() is None


def test_a_frozen_process_that_is_no_worker_of_ours_is_left_alone(database: Database):
    with writer(database, worker=False) as process:
        process.send_signal(signal.SIGSTOP)
        assert looked_until(StuckWriter(database, patience_s=0.1), 0.6) is None
        assert process.poll() is None


def test_a_worker_that_is_frozen_for_a_moment_may_go_on(database: Database):
    watch = StuckWriter(database, patience_s=30.0)
    with writer(database) as process:
        process.send_signal(signal.SIGSTOP)
        assert looked_until(watch, 0.4) is None
        process.send_signal(signal.SIGCONT)
        assert process.poll() is None


def test_looking_does_not_give_up_the_locks_of_this_process(database: Database):
    watch = StuckWriter(database, patience_s=0.1)
    begin = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0.1).execute('BEGIN IMMEDIATE')"
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(progress=0.5))
        watch.look()
        other = subprocess.run([sys.executable, "-c", begin, str(database.engine.url.database)], capture_output=True)
    assert b"database is locked" in other.stderr
