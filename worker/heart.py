"""The worker's heartbeat: a thread that keeps the leases of the jobs in hand, hears a cancel, and ends what hangs."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from shared import holding
from shared.database import Database
from shared.errors import BackingServiceError
from shared.ledger import Job
from worker.presence import Presence

log = structlog.get_logger()
TIMED_OUT = 70  # exit status of a process whose attempt stood still
BACKSTOP_S = 15.0  # for the thread to write the rows back, before C's own timer ends the process


@dataclass(eq=False)
class Held:
    """The rows of one round, which share one fencing token."""

    jobs: tuple[Job, ...]
    deadline: float
    """When the attempt is over its hard limit, by this process's clock."""
    believed: float
    """When the database last said which rows are ours."""
    lost: set[str] = field(default_factory=set)

    @property
    def kept(self) -> list[str]:
        """Ids of the rows that are still believed to be ours."""
        return [job.id for job in self.jobs if job.id not in self.lost]


Transaction = Callable[[], AbstractContextManager[sa.Connection]]
Which = Callable[[sa.Connection, list[str], str], set[str]]


class Heart:
    """Beats from a thread of its own, because SimpleWorker sends no heartbeat while a job runs."""

    def __init__(
        self,
        database: Database,
        presence: Presence,
        *,
        beat_s: float,
        lease_s: float,
        listen_s: float = 0.25,
        timed_out: Callable[[Sequence[Job]], None] | None = None,
    ) -> None:
        """Write each `beat_s`, read each `listen_s`; `timed_out` gives back what an attempt over its limit holds."""
        self._database = database
        self._presence = presence
        self._beat_s = beat_s
        self._lease_s = lease_s
        self._tick_s = min(listen_s, beat_s)
        self.timed_out = timed_out
        self.heard: Callable[[int], None] | None = None
        """Is told the model registry's revision at each beat."""
        self._held: Held | None = None
        self._armed_until = 0.0
        self._deaf = False
        self._lock = threading.RLock()
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

    def lost(self, job_id: str) -> bool:
        """Whether this job is no longer ours, or may be another worker's because no beat has got through."""
        held = self._held
        if held is None:
            return False
        if time.monotonic() - held.believed > self._lease_s:
            held.lost.update(job.id for job in held.jobs)
        return job_id in held.lost

    def lose(self, job_id: str) -> None:
        """Remember that a row is not ours any more."""
        held = self._held
        if held is not None:
            held.lost.add(job_id)

    def allow(self, limit_s: float) -> None:
        """Let the attempt in hand take `limit_s` seconds from now on."""
        with self._lock:
            if self._held is not None:
                self._held.deadline = time.monotonic() + limit_s
                self._arm(limit_s + BACKSTOP_S)

    @contextmanager
    def holding(self, jobs: Sequence[Job], *, limit_s: float) -> Iterator[None]:
        """Keep the leases of these jobs; end the whole process when that takes longer than `limit_s`.

        C's own timer stands behind the thread: it ends even a native call that never lets go of the interpreter.
        """
        now = time.monotonic()
        with self._lock:
            self._held = Held(tuple(jobs), now + limit_s, now)
            self._arm(limit_s + BACKSTOP_S)
        try:
            yield
        finally:
            with self._lock:
                self._held = None
                self._armed_until = 0.0
                faulthandler.cancel_dump_traceback_later()

    def _arm(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        if abs(until - self._armed_until) > BACKSTOP_S / 2:  # each arming starts a thread: not for every token
            faulthandler.dump_traceback_later(seconds, exit=True)
            self._armed_until = until

    def _run(self) -> None:
        next_beat = time.monotonic() + self._beat_s
        while not self._ended.wait(self._tick_s):
            self._end_what_hangs()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._beat_s
                self._beat()
            elif self._held is not None and not self._deaf:
                self._listen(self._held)

    def _beat(self) -> None:
        held = self._held
        try:
            if held is not None:
                self._ask(held, self._database.write, lambda *rows: holding.beat_all(*rows, lease_s=self._lease_s))
            revision = self._presence.seen(held.jobs[0].id if held is not None else None)
            if self.heard is not None:
                self.heard(revision)
            self._deaf = False
        except Exception:  # whatever it is: a heart that stops costs every job that follows
            self._deaf = True
            log.exception("heartbeat missed", job_ids=held.kept if held is not None else [])

    def _listen(self, held: Held) -> None:
        try:
            self._ask(held, self._database.read, holding.mine)
        except Exception as error:  # noqa: BLE001 - the next beat tells what is wrong
            self._deaf = True
            log.warning("rows not heard", error=type(error).__name__)

    def _ask(self, held: Held, transaction: Transaction, which: Which) -> None:
        """Take note of which rows are no longer ours, and of when we asked."""
        asked, ids = time.monotonic(), held.kept
        if ids:
            with transaction() as connection:
                ours = which(connection, ids, held.jobs[0].token or "")
            held.lost.update(set(ids) - ours)
        held.believed = asked

    def _end_what_hangs(self) -> None:
        with self._lock:  # an attempt that comes to its end just now waits here for ours
            held = self._held
            if held is None or time.monotonic() < held.deadline:
                return
            log.error("attempt over its limit", job_ids=held.kept)
            try:
                if self.timed_out is not None:
                    self.timed_out([job for job in held.jobs if job.id not in held.lost])
            except Exception:  # the leases end by themselves
                log.exception("rows not written back")
            faulthandler.dump_traceback()
            sys.stdout.flush()
            os._exit(TIMED_OUT)
