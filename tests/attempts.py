"""One worker over a real ledger and a real Redis, with small stages that do what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import uuid_utils

from shared import ledger, tables
from shared.broker import EVENTS, Event
from shared.case import Case
from shared.job import Audio, JobRequest, Priority
from shared.ledger import Job, NewJob
from shared.registry import ModelVersion
from worker.attempt import claim_and_run
from worker.process import Worker
from worker.stage import Desk

NOTE = "Moderate headache for three days."


@dataclass
class Small:
    """A stage that does what a test tells it, and counts."""

    act: Callable[[Case, Desk], Case] = lambda case, _desk: case
    batch: int = 1
    model: ModelVersion = field(default_factory=lambda: ModelVersion("small", "test"))
    runs: int = 0

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        self.runs += 1
        return [self.act(case, desk) for case in cases]


@dataclass
class House:
    """What a test looks at."""

    worker: Worker
    tmp_path: Path

    def submit(
        self,
        text: str | None = NOTE,
        *,
        recording: bytes | None = None,
        attempts: int = 3,
        content: str | None = None,
        tenant: str = "default",
    ) -> str:
        job_id = str(uuid_utils.uuid7())
        wrapped, key = self.worker.keyring.new(tenant, job_id)
        audio = None
        if recording is not None:
            stored = self.worker.blobs.put(key.seal_chunks([recording]))
            audio = Audio(
                blob=stored,
                content_type="audio/wav",
                sha256="0" * 64,
                size_bytes=1,
                duration_s=1.0,
                channels=1,
                sample_rate_hz=16_000,
            )
        request = JobRequest(text=None if recording else text, audio=audio)
        new = NewJob(
            id=job_id,
            tenant=tenant,
            content_hash=content,
            priority=Priority.DEFAULT,
            source="audio" if recording else "text",
            size=33.0,
            stages=tuple(self.worker.bench.stages),
            key=wrapped,
            body_hash="0" * 64,
            max_attempts=attempts,
            payload=key.seal(request.model_dump_json().encode(), "payload"),
        )
        with self.worker.database.write() as connection:
            return ledger.add(connection, new)

    def run(self, job_id: str) -> Job:
        claim_and_run(self.worker, wake_up=job_id)
        return self.read(job_id)

    def read(self, job_id: str) -> Job:
        with self.worker.database.read() as connection:
            job = ledger.get(connection, job_id, sealed=ledger.SEALED)
        assert job is not None
        return job

    def due_now(self) -> None:
        with self.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(not_before=0.0))

    def events(self) -> list[Event]:
        return [Event.read(fields) for _, fields in self.worker.broker.redis.xrange(EVENTS)]
