"""Taking a submission: seal it, write the row with its audit row, wake a worker, say where to look."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import sqlalchemy as sa
import uuid_utils
from pydantic import BaseModel, Field, field_validator
from starlette.responses import Response

from api import callbacks
from api.errors import ProblemError, invalid
from api.services import Services
from shared import audit, ledger
from shared.audit import Actor
from shared.crypto import JobKey, WrappedKey
from shared.job import JobOptions, JobStatus, Source, StageName
from shared.ledger import Job, NewJob
from shared.settings import Settings
from shared.webhooks import outbox

API = "/api/v1"
REPLAYED = {"Idempotent-Replay": "true"}
FIRST: dict[str, StageName] = {"audio": StageName.TRANSCRIBE, "document": StageName.READ}
"""By source, the stage that makes text of what is no text."""
NEEDS = {
    StageName.TRANSCRIBE: "transcribe needs a recording: send one to /api/v1/submit/audio",
    StageName.READ: "read needs a document: send one to /api/v1/submit/document",
    StageName.DETERIORATE: "deteriorate needs measurements: send them to /api/v1/ml/predict/deterioration",
}
ON_FACTS = {StageName.CLASSIFY, StageName.SUMMARIZE, StageName.RECOMMEND}
LONGEST_KEY = 200  # characters of an Idempotency-Key
EXAMPLE = "45-year-old man, moderate headache for three days. Takes metformin 500 mg twice daily. Denies vomiting."


class TextSubmission(JobOptions):
    """A clinical text."""

    text: str = Field(min_length=1, description="at most 200,000 Unicode code points by default", examples=[EXAMPLE])

    @field_validator("text")
    @classmethod
    def _refuse_nul(cls, text: str) -> str:
        if "\0" in text:
            raise ValueError("the text holds a NUL character")
        return text


class Accepted(BaseModel):
    """The job and where to look for it."""

    job_id: str = Field(examples=["0199d0a0-0000-7000-8000-000000000001"])
    status: JobStatus
    status_url: str
    result_url: str
    ws_url: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission on its way into the ledger; `payload` is a JobRequest as JSON."""

    job_id: str
    options: JobOptions
    payload: bytes
    body_hash: str
    content_hash: str | None
    stages: tuple[StageName, ...]
    source: Source
    size: float
    wrapped: WrappedKey
    key: JobKey
    idempotency_key: str | None = None
    blob: str | None = None
    batch_id: str | None = None
    batch_index: int | None = None

    def row(self, settings: Settings, tenant: str, *, notify: bool) -> NewJob:
        """The sealed row; `notify` says that deliveries await its end."""
        return NewJob(
            id=self.job_id,
            tenant=tenant,
            priority=self.options.priority,
            source=self.source,
            size=self.size,
            stages=self.stages,
            key=self.wrapped,
            payload=self.key.seal(self.payload, "payload"),
            body_hash=self.body_hash,
            content_hash=self.content_hash,
            max_attempts=settings.max_attempts,
            idempotency_key=self.idempotency_key,
            blob=self.blob,
            batch_id=self.batch_id,
            batch_index=self.batch_index,
            notify=notify,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """The job that now stands for the submission."""

    job_id: str
    status: JobStatus
    replayed: bool = False

    def answer(self) -> Response:
        """202 with the addresses."""
        result = f"{API}/result/{self.job_id}"
        accepted = Accepted(
            job_id=self.job_id,
            status=self.status,
            status_url=result,
            result_url=result,
            ws_url=f"{API}/ws/{self.job_id}",
        )
        headers = {"Location": result} | (REPLAYED if self.replayed else {})
        return Response(accepted.model_dump_json(), 202, headers, media_type="application/json")


def hashed_key(header: str | None) -> str | None:
    """The Idempotency-Key as it is kept: by its hash, because a client may put anything into it."""
    if header is None:
        return None
    if not 1 <= len(header) <= LONGEST_KEY:
        raise ProblemError(422, "invalid", f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
    return hashlib.sha256(header.encode("latin-1", "replace")).hexdigest()


async def take_text(services: Services, actor: Actor, sent: TextSubmission, idempotency_key: str | None) -> Taken:
    """Take a text. Raises ProblemError 422 (too long), 503 (queue full) or 409 (key was used for another body)."""
    submission = text(services, actor.tenant, sent, idempotency_key=hashed_key(idempotency_key))
    await services.gate.check()
    return await write(services, actor, submission)


def text(services: Services, tenant: str, sent: TextSubmission, *, idempotency_key: str | None = None) -> Submission:
    """Check and prepare a text; it costs only CPU. Raises ProblemError 422 for what the limits do not allow."""
    most = services.settings.max_text_chars
    if len(sent.text) > most:
        raise invalid("/text", f"the text is longer than {most} characters")
    stages = stages_of(sent.stages, "text")
    job_id = str(uuid_utils.uuid7())
    wrapped, key = services.keyring.new(tenant, job_id)
    payload = canonical(sent)
    return Submission(
        job_id=job_id,
        options=sent,
        payload=payload,  # a TextSubmission's fields are a JobRequest's
        body_hash=services.fingerprint.of(payload),
        content_hash=content_hash(services, sent, stages, sent.text.encode()),
        stages=stages,
        source="text",
        size=len(sent.text),
        wrapped=wrapped,
        key=key,
        idempotency_key=idempotency_key,
    )


def text_row(
    services: Services,
    tenant: str,
    sent: TextSubmission,
    *,
    batch_id: str | None = None,
    batch_index: int | None = None,
    notify: bool = False,
) -> NewJob:
    """The sealed row of a text in a batch. Raises ProblemError as `text` does."""
    placed = replace(text(services, tenant, sent), batch_id=batch_id, batch_index=batch_index)
    return placed.row(services.settings, tenant, notify=notify)


def content_hash(services: Services, options: JobOptions, stages: tuple[StageName, ...], content: bytes) -> str | None:
    """What makes two submissions the same work: text or recording, language and stages; None: never shared."""
    if not options.cache or services.settings.result_cache_h <= 0:
        return None
    explained = (b"explain",) if options.explain else ()
    return services.fingerprint.of(
        (options.language or "").encode(), ledger.joined(stages).encode(), content, *explained
    )


async def write(services: Services, actor: Actor, submission: Submission) -> Taken:
    """One transaction with the row and the audit row; then, and only then, a worker is woken."""
    targets = await callbacks.targets(services, actor.tenant, submission.options.callback_url)
    new = submission.row(services.settings, actor.tenant, notify=bool(targets))
    if new.idempotency_key is None and not targets:
        await services.writer.add(_add_all, (actor, new))
        services.queue.send(new.id)
        return Taken(new.id, JobStatus.QUEUED)

    def act(connection: sa.Connection) -> Job | None:
        job_id = ledger.add(connection, new)
        if job_id != new.id:
            return ledger.get(connection, job_id, tenant=new.tenant)
        outbox.arm(connection, services.keyring, new.tenant, targets, job_id=job_id)
        audit.record(connection, actor, "submitted", job_id=job_id)
        return None

    before = await services.writer.run(act)
    if before is not None:
        return replay(before, submission.body_hash)
    services.queue.send(new.id)
    return Taken(new.id, JobStatus.QUEUED)


def replay(before: Job, hashed: str) -> Taken:
    """The job that already has this key. Raises ProblemError 409 when it was sent with another body."""
    if before.body_hash != hashed:
        raise key_reused()
    return Taken(before.id, before.status, replayed=True)


def key_reused() -> ProblemError:
    """This key stands for something else already."""
    detail = "This Idempotency-Key came with another body before: take a new key."
    return ProblemError(409, "idempotency_key_reused", detail)


@cache
def stages_of(asked: tuple[StageName, ...] | None, source: Source) -> tuple[StageName, ...]:
    """The stages to run, in their order, with those that they rest on; all end with assemble.

    What judges or writes needs the facts: without them, too little content would not be noticed.
    """
    first = FIRST.get(source)
    for stage, need in NEEDS.items():
        if asked and stage in asked and stage is not first:
            raise invalid("/stages", need)
    wanted = {StageName.ASSEMBLE} | (set(StageName) if asked is None else set(asked))
    if first is not None:
        wanted.add(first)
    if first is None or wanted & ON_FACTS:
        wanted.add(StageName.EXTRACT)
    return tuple(stage for stage in StageName if stage in wanted and (stage not in NEEDS or stage is first))


def canonical(options: JobOptions) -> bytes:
    """JSON that is the same whenever the same was asked for."""
    if len(options.metadata) > 1:
        options = options.model_copy(update={"metadata": dict(sorted(options.metadata.items()))})
    return options.model_dump_json().encode()


def _add_all(connection: sa.Connection, submitted: Sequence[tuple[Actor, NewJob]]) -> None:
    ledger.add_all(connection, [new for _, new in submitted])
    audit.record_all(connection, [(actor, "submitted", new.id) for actor, new in submitted])
