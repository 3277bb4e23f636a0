"""The desk of one attempt: it hands out the recording, tells progress, and hears that the job was stopped."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import IO

from shared import ledger
from shared.blobs import Blobs
from shared.broker import PARTIAL, Broker, Event
from shared.case import Case
from shared.crypto import JobKey
from shared.database import Database
from shared.errors import JobStoppedError, MissingInputError
from shared.job import JobStatus, StageName
from shared.ledger import Job
from worker.heart import Heart

WRITE_EVERY_S = 0.5  # how often progress goes to the row, and with it how soon a cancel is heard


class LedgerDesk:
    """What the loop offers a stage: worker.stage.Desk over the ledger, the blob store and the event stream."""

    def __init__(self, database: Database, broker: Broker, blobs: Blobs, heart: Heart, job: Job, key: JobKey) -> None:
        self._database = database
        self._broker = broker
        self._blobs = blobs
        self._heart = heart
        self._job = job
        self._key = key
        self._copy: IO[bytes] | None = None
        self._done = len(job.stages) - len(job.remaining)
        self._stage: StageName | None = None
        self._text = ""
        self._written = 0.0

    def close(self) -> None:
        """Let the decrypted copy go."""
        if self._copy is not None:
            self._copy.close()

    def begin(self, stage: StageName, remaining: tuple[StageName, ...]) -> None:
        """Say that a stage begins; `remaining` starts with it."""
        self._stage = stage
        self._done = len(self._job.stages) - len(remaining)
        self._text = ""
        self.publish("stage", 0.0)

    def audio(self, case: Case) -> Path:
        """A decrypted copy of the recording, removed when the attempt ends."""
        if case.origin.audio is None:
            raise MissingInputError("transcribe needs a recording: submit one to /api/v1/submit/audio")
        if self._copy is None:
            # Without a name: nothing of it is left on the disk, even when this process is killed.
            self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the desk
            for piece in self._key.open_chunks(self._blobs.get(case.origin.audio.blob)):
                self._listen()
                self._copy.write(piece)
            self._copy.flush()
        return Path(f"/dev/fd/{self._copy.fileno()}")

    def tell(
        self,
        case: Case,  # noqa: ARG002 - a desk serves one job; one that serves a batch needs it
        share: float,
        *,
        partial: str | None = None,
        append: bool = False,
    ) -> None:
        """Publish how far the stage is; raises JobStoppedError once the job is cancelled or another worker's."""
        self._listen()
        if partial is not None:
            self._text = self._text + partial if append else partial
        self.publish("progress" if partial is None else "partial", share, partial=partial, append=append)
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write(share)

    def publish(
        self,
        kind: str,
        share: float = 0.0,
        *,
        status: JobStatus = JobStatus.RUNNING,
        partial: str | None = None,
        append: bool = False,
    ) -> None:
        """Send one event; text in it is sealed."""
        sealed = None if partial is None else self._key.seal(partial.encode(), PARTIAL)
        progress = 1.0 if status is JobStatus.COMPLETED else self._overall(share)
        self._broker.publish(Event(self._job.id, kind, status, self._stage, progress, sealed, append))

    def _listen(self) -> None:
        if self._heart.lost:
            raise JobStoppedError("the job was cancelled, or another worker owns it now")

    def _write(self, share: float) -> None:
        sealed = self._key.seal(self._text.encode(), "partial") if self._text else None
        with self._database.write() as connection:
            mine = ledger.tell(
                connection, self._job.id, self._job.token or "", progress=self._overall(share), partial=sealed
            )
        self._written = time.monotonic()
        if not mine:
            self._heart.lose()
            self._listen()

    def _overall(self, share: float) -> float:
        return (self._done + min(max(share, 0.0), 1.0)) / len(self._job.stages)
