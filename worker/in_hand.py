"""One job in hand: its key, what was asked for, and what is known so far."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from shared import case as cases
from shared import holding
from shared.case import Case, Origin
from shared.crypto import JobKey
from shared.errors import JobStoppedError, MissingInputError
from shared.holding import Ended, Saved
from shared.job import JobRequest, JobStatus, Reason, StageName
from shared.ledger import Job
from shared.result import result
from worker import fetching
from worker.desk import LedgerDesk
from worker.process import Worker


class Attempt:
    """What one attempt at a job holds."""

    def __init__(self, worker: Worker, job: Job, key: JobKey) -> None:
        self.worker = worker
        self.job = job
        self.key = key
        self.desk = LedgerDesk(worker, job, key)
        self.remaining = job.remaining
        self.reused = False
        """Whether the stages' work was found in the result cache."""
        self.trying: frozenset[StageName] = frozenset()
        """The stages at which a canary serves this job."""
        self.alarmed = job.crisis_at is not None
        """Whether a crisis was told of."""

    def open(self) -> None:
        """Read the submission, and the case where the last attempt left it. Raises PermanentError."""
        self.request = JobRequest.model_validate_json(self.key.open(self.job.sealed["payload"], "payload"))
        if self.request.audio_url is not None and self.request.audio is None:
            self._fetch(self.request.audio_url)
        if (stored := self.job.sealed.get("case_file")) is not None:
            self.case = cases.from_json(self.key.open(stored, "case_file"))
            return
        if not any((self.request.text, self.request.audio, self.request.document, self.request.series)):
            raise MissingInputError("the job holds nothing to read: submit it again")
        self.case = Case(self.origin(), text=self.request.text, language=self.request.language)

    def _fetch(self, audio_url: str) -> None:
        """Bring the recording that was named by its address into the blob store, once for all attempts."""
        worker = self.worker
        audio = fetching.fetch(worker.settings, worker.blobs, self.key, audio_url, self.desk.fetched)
        self.request = self.request.model_copy(update={"audio": audio})
        job = self.job = replace(self.job, blob=audio.blob, size=audio.duration_s)
        payload = self.key.seal(self.request.model_dump_json().encode(), "payload")

        def keep(connection: sa.Connection) -> bool:
            return holding.take_in(connection, job, payload=payload, blob=audio.blob, size=audio.duration_s)

        if not worker.write(keep):
            worker.blobs.delete(audio.blob)
            raise JobStoppedError("the job was cancelled, or another worker owns it now")

    def origin(self) -> Origin:
        """Where this job's case comes from."""
        return Origin(
            job_id=self.job.id,
            tenant=self.job.tenant,
            received_at=datetime.fromtimestamp(self.job.created_at, UTC).replace(microsecond=0),
            attempt=self.job.attempt,
            patient=self.request.patient,
            encounter=self.request.encounter,
            audio=self.request.audio,
            document=self.request.document,
            explain=self.request.explain,
            series=self.request.series,
        )

    @property
    def pinned(self) -> bool:
        """Whether the job names the version that must do its next stage; unknown before it was opened."""
        return hasattr(self, "request") and bool(self.remaining) and self.remaining[0] in self.request.versions

    @property
    def job_now(self) -> Job:
        """The row as this attempt has brought it on."""
        begun = self.job.stage_attempt if self.remaining == self.job.remaining else 1
        return replace(self.job, remaining=self.remaining, stage_attempt=begun)

    @property
    def over(self) -> bool:
        """Whether no stage is left to run."""
        return not self.remaining or self.case.insufficient is not None

    def saved(self) -> Saved:
        """The case as the row keeps it."""
        return Saved(
            self.job.id,
            case_file=self.key.seal(cases.to_json(self.case), "case_file"),
            remaining=self.remaining,
            progress=1.0 - len(self.remaining) / len(self.job.stages),
            timings={stage.value: round(seconds, 4) for stage, seconds in self.case.timings},
        )

    def ended(self, config_hash: str | None) -> Ended:
        """The job at its end: the result and the Bundle, sealed."""
        case = self.case
        enough = case.insufficient is None
        status = JobStatus.COMPLETED if enough else JobStatus.INSUFFICIENT_CONTENT
        document = result(replace(case, bundle=None), self.request)
        return Ended(
            self.job,
            status,
            result=self.key.seal(document, "result"),
            bundle=None if case.bundle is None else self.key.seal(case.bundle.encode(), "bundle"),
            reason=None if case.insufficient is None else Reason(status.value, case.insufficient),
            config_hash=config_hash if enough and self._may_be_reused() else None,
            last=self.saved(),
        )

    def _may_be_reused(self) -> bool:
        """A result that was itself reused does not count: what it came from does, and grows old."""
        return not self.reused and self.case.bundle is not None and not self.case.degraded
