"""A worker that is frozen in the middle of a write to SQLite is ended: nobody else could write until it wakes up.

On PostgreSQL the server itself takes the locks from such a client (idle_in_transaction_session_timeout).
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
import structlog

from shared import tables
from shared.database import Database

log = structlog.get_logger()
LOOK_EVERY_S = 0.5
PATIENCE_S = 2.0  # a write takes milliseconds, and a process that waits for its disk is not stopped
WRITE_LOCK_BYTE = 120  # WAL_WRITE_LOCK in the -shm file: https://www.sqlite.org/walformat.html, 2.3.1
FLOCK = "hhqqi4x"  # struct flock of fcntl(2) on 64-bit Linux
STOPPED = "T"


class StuckWriter:
    """Looks who holds the write lock, and ends a worker of this machine that has stood still with it for too long."""

    def __init__(self, database: Database, *, patience_s: float = PATIENCE_S) -> None:
        """A worker may be stopped for `patience_s` seconds while it holds the lock."""
        self._database = database
        self._path = Path(f"{database.engine.url.database}-shm")
        self._patience_s = patience_s
        self._file: int | None = None
        self._pid: int | None = None
        self._since = 0.0

    def watch(self, wait: Callable[[float], bool | None]) -> None:
        """Look again and again, until `wait` (which pauses so many seconds) answers True."""
        while not wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> int | None:
        """Look once; the process that was ended, if there was one."""
        pid = self._holder()
        if pid is None or not _is_stopped(pid):
            self._pid = None
        elif pid != self._pid:
            self._pid, self._since = pid, time.monotonic()
        elif time.monotonic() - self._since >= self._patience_s and self._is_worker(pid):
            log.error("worker stands still in mid-write and is ended", pid=pid)
            os.kill(pid, signal.SIGKILL)
            self._pid = None
            return pid
        return None

    def _holder(self) -> int | None:
        """The process that holds the write lock; None where nobody does, or it cannot be told."""
        try:
            known = self._path.stat().st_ino
            if self._file is None or os.fstat(self._file).st_ino != known:
                # Never closed: closing it would give up the locks that SQLite holds in this process (fcntl(2)).
                self._file = os.open(self._path, os.O_RDWR)
            asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, WRITE_LOCK_BYTE, 1, 0)
            kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        except OSError:
            return None
        return int(pid) if kind != fcntl.F_UNLCK and pid > 0 else None

    def _is_worker(self, pid: int) -> bool:
        """Whether this is one of our workers; reading needs no lock."""
        mine = sa.select(tables.worker.c.name).where(tables.worker.c.name == f"{socket.gethostname()}-{pid}")
        with self._database.read() as connection:
            return connection.execute(mine).first() is not None


def _is_stopped(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state == STOPPED
