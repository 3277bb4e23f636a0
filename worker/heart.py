"""The worker's heartbeat: a thread that keeps the lease of the job in hand, and the hard limit of an attempt."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from shared import ledger
from shared.database import Database
from shared.errors import BackingServiceError
from shared.ledger import Job
from worker.presence import Presence

log = structlog.get_logger()


class Heart:
    """Beats from a thread of its own, because SimpleWorker sends no heartbeat while a job runs."""

    def __init__(self, database: Database, presence: Presence, *, beat_s: float, lease_s: float) -> None:
        self._database = database
        self._presence = presence
        self._beat_s = beat_s
        self._lease_s = lease_s
        self._job: Job | None = None
        self._lock = threading.Lock()
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._ended.set()
        self._thread.join(self._beat_s * 2)

    def leave(self) -> None:
        """Take this worker off the list of those who live; the heart has stopped before."""
        with suppress(BackingServiceError):
            self._presence.leave()

    @property
    def lost(self) -> bool:
        """Whether the job in hand is no longer ours."""
        return self._lost.is_set()

    def lose(self) -> None:
        """Remember that the row is not ours any more."""
        self._lost.set()

    @contextmanager
    def holding(self, job: Job, *, limit_s: float) -> Iterator[None]:
        """Keep the lease of this job; end the whole process when it takes longer than `limit_s`.

        The limit is C's own timer: it also ends a native call that never returns.
        """
        with self._lock:
            self._lost.clear()
            self._job = job
        faulthandler.dump_traceback_later(limit_s, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            with self._lock:
                self._job = None

    def _run(self) -> None:
        believed = time.monotonic()
        while not self._ended.wait(self._beat_s):
            job = self._job
            try:
                self._presence.seen(job.id if job else None)
                if job is not None and not self._extended(job):
                    self._lose(job)
                believed = time.monotonic()
            except Exception:  # whatever it is: a heart that stops costs every job that follows
                log.exception("heartbeat missed", job_id=job.id if job else None)
                if job is not None and time.monotonic() - believed > self._lease_s:
                    self._lose(job)  # the reaper has given it to another worker by now

    def _lose(self, job: Job) -> None:
        with self._lock:
            if self._job is job:  # a beat that was under way while the next job began is not about that one
                self._lost.set()

    def _extended(self, job: Job) -> bool:
        with self._database.write() as connection:
            return ledger.beat(connection, job.id, job.token or "", lease_s=self._lease_s)
