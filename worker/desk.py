"""The desk of an attempt: it hands out the recording, tells progress, and hears that a job was stopped."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import sqlalchemy as sa
import structlog

from shared import case as cases
from shared import holding
from shared.broker import PARTIAL, Event
from shared.case import Case
from shared.crypto import JobKey
from shared.errors import BackingServiceError, HandBackError, JobStoppedError, MissingInputError
from shared.job import JobStatus, StageName
from shared.ledger import Job
from worker.limits import Projection
from worker.process import Worker

log = structlog.get_logger()
WRITE_EVERY_S = 0.5  # how often progress goes to the row
MARGIN_S = 2.0  # what is left of the grace period when a stage in mid-run is handed back


class LedgerDesk:
    """What the loop offers a stage for one job: worker.stage.Desk over the ledger, the blob store and the events."""

    def __init__(self, worker: Worker, job: Job, key: JobKey) -> None:
        self._worker = worker
        self._job = job
        self._key = key
        self._copy: IO[bytes] | None = None
        self._done = len(job.stages) - len(job.remaining)
        self._stage: StageName | None = None
        self._text = ""
        self._written = 0.0
        self._projection = Projection()

    def close(self) -> None:
        """Let the decrypted copy go."""
        if self._copy is not None:
            self._copy.close()

    def begin(self, stage: StageName, remaining: tuple[StageName, ...]) -> Event:
        """Take note that a stage begins; `remaining` starts with it."""
        self._stage = stage
        self._done = len(self._job.stages) - len(remaining)
        self._text = ""
        self._projection = Projection()
        return self.event("stage", 0.0)

    def audio(self, case: Case) -> Path:
        """A decrypted copy of the recording, removed when the attempt ends."""
        if case.origin.audio is None:
            raise MissingInputError("transcribe needs a recording: submit one to /api/v1/submit/audio")
        return self._decrypted(case.origin.audio.blob)

    def document(self, case: Case) -> Path:
        """The same of the document."""
        if case.origin.document is None:
            raise MissingInputError("read needs a document: submit one to /api/v1/submit/document")
        return self._decrypted(case.origin.document.blob)

    def _decrypted(self, blob: str) -> Path:
        if self._copy is None:
            # Without a name: nothing of it is left on the disk, even when this process is killed.
            self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the desk
            for piece in self._key.open_chunks(self._worker.blobs.get(blob)):
                self.listen()
                self._copy.write(piece)
            self._copy.flush()
        return Path(f"/dev/fd/{self._copy.fileno()}")

    def fetched(self) -> None:
        """A piece of the recording has come: the attempt moves, however long the whole takes; raises as `listen`."""
        self.listen()
        self._worker.heart.allow(self._worker.settings.job_timeout_s)

    def tell(
        self,
        case: Case,  # noqa: ARG002 - a desk of one job needs no telling apart
        share: float,
        *,
        partial: str | None = None,
        append: bool = False,
    ) -> None:
        """Publish how far the stage is; raises JobStoppedError once the job is cancelled or another worker's."""
        self.listen()
        if partial is not None:
            self._text = self._text + partial if append else partial
        sealed = None if partial is None else self._key.seal(partial.encode(), PARTIAL)
        kind = "progress" if partial is None else "partial"
        self._worker.broker.publish(self.event(kind, share, partial=sealed, append=append))
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write(share)
            if (left_s := self._projection.left_s(share)) is not None:
                self._worker.heart.allow(left_s + self._worker.settings.job_timeout_s)

    def keep(self, case: Case, share: float) -> None:
        """Store the case between two chunks; a worker that stops hands the job back here if the rest takes too long."""
        self.listen()
        sealed = self._key.seal(cases.to_json(case), "case_file")
        told = self._sealed_text()

        def write(connection: sa.Connection, job: Job) -> bool:
            progress = self._overall(share)
            return holding.keep(connection, job, case_file=sealed, progress=progress, partial=told)

        self._try(write)
        left_s = self._projection.rest_s(share)
        since_s = self._worker.stopping.since_s
        if since_s is not None and since_s + left_s > self._worker.settings.grace_s:
            raise HandBackError("this worker stops: another goes on behind the last chunk")

    def event(
        self,
        kind: str,
        share: float = 0.0,
        *,
        status: JobStatus = JobStatus.RUNNING,
        partial: bytes | None = None,
        append: bool = False,
    ) -> Event:
        """What to tell about the job as it is now."""
        progress = 1.0 if status is JobStatus.COMPLETED else self._overall(share)
        return Event(self._job.id, kind, status, self._stage, progress, partial, append, self._job.batch_id)

    def listen(self) -> None:
        """Raise JobStoppedError once the job is not ours, and HandBackError when the process has to end now."""
        if self._worker.heart.lost(self._job.id):
            raise JobStoppedError("the job was cancelled, or another worker owns it now")
        since_s = self._worker.stopping.since_s
        if since_s is not None and since_s > max(0.0, self._worker.settings.grace_s - MARGIN_S):
            raise HandBackError("this worker stops: another goes on behind the last finished stage")

    def _write(self, share: float) -> None:
        told = self._sealed_text()

        def write(connection: sa.Connection, job: Job) -> bool:
            return holding.tell(connection, job.id, job.token or "", progress=self._overall(share), partial=told)

        self._try(write)

    def _sealed_text(self) -> bytes | None:
        return self._key.seal(self._text.encode(), "partial") if self._text else None

    def _try(self, write: Callable[[sa.Connection, Job], bool]) -> None:
        """Write to the row, or go on without; raises as `listen` once the row is not ours."""
        job = self._job
        mine = True
        try:
            with self._worker.database.write() as connection:
                mine = write(connection, job)
        except BackingServiceError as error:  # the stage goes on: the heart says when the row may be another's
            log.warning("progress not written", job_id=job.id, reason=str(error))
        self._written = time.monotonic()
        if not mine:
            self._worker.heart.lose(job.id)
            self.listen()

    def _overall(self, share: float) -> float:
        return (self._done + min(max(share, 0.0), 1.0)) / len(self._job.stages)


class RoundDesk:
    """One desk for several jobs: each call goes to the desk of the case's job."""

    def __init__(self, desks: Mapping[str, LedgerDesk]) -> None:
        self._desks = desks

    def audio(self, case: Case) -> Path:
        """A decrypted copy of the case's recording."""
        return self._desks[case.origin.job_id].audio(case)

    def document(self, case: Case) -> Path:
        """A decrypted copy of the case's document."""
        return self._desks[case.origin.job_id].document(case)

    def keep(self, case: Case, share: float) -> None:
        """Store what is known of this case in the middle of a stage."""
        self._desks[case.origin.job_id].keep(case, share)

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """Publish how far the stage is with this case; that one of several was stopped does not stop the others."""
        try:
            self._desks[case.origin.job_id].tell(case, share, partial=partial, append=append)
        except JobStoppedError:
            self.listen()

    def listen(self) -> None:
        """Raise JobStoppedError once all jobs here were stopped: what one of several leaves is dropped in the end."""
        stopped: JobStoppedError | None = None
        for each in self._desks.values():
            try:
                each.listen()
            except JobStoppedError as error:
                stopped = error
            else:
                return
        if stopped is not None:
            raise stopped
